package respell

import (
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// option respells n if it is a vendor's annotation: as a path,
// (kalix.method).jwt.validate = …, or in a literal, (kalix.method) = {jwt: …}.
func (s *source) option(n *ast.OptionNode) error {
	parts := n.Name.Parts
	kind := s.kind(parts[0])
	if kind == "" {
		return nil
	}
	if len(parts) > 1 {
		if parts[1].IsExtension() || string(parts[1].Name.AsIdentifier()) != "jwt" {
			return nil
		}
		s.rename(n, kind)
		// The dot and the name; there may be a comment between them.
		s.wipe(span{s.span(parts[0]).to, s.span(parts[1]).to})
		return nil
	}
	outer, ok := n.Val.(*ast.MessageLiteralNode)
	if !ok {
		return nil
	}
	at := -1
	for i, e := range outer.Elements {
		if e.Name.Open != nil || string(e.Name.Name.AsIdentifier()) != "jwt" {
			continue
		}
		if _, ok := e.Val.(*ast.MessageLiteralNode); at >= 0 || !ok {
			return fault.New(fault.ProtoSyntax, s.file.NodeInfo(e).Start().String(), "jwt must be one message here")
		}
		at = i
	}
	switch {
	case at < 0:
	case len(outer.Elements) == 1:
		s.unwrap(n, kind, outer)
	default:
		s.moveOut(n, kind, outer, at)
	}
	return nil
}

// rename gives n the name of our option.
func (s *source) rename(n *ast.OptionNode, kind string) {
	name := n.Name.Parts[0].Name
	s.replace(s.span(name), s.ours(kind))
	s.spelled[name] = true
	if compound, ok := name.(*ast.CompoundIdentNode); ok {
		for _, c := range compound.Components {
			s.spelled[c] = true
		}
	}
	s.found++
}

// unwrap turns (kalix.method) = {jwt: X} into (jwtctl.v1.method) = X.
func (s *source) unwrap(n *ast.OptionNode, kind string, outer *ast.MessageLiteralNode) {
	s.rename(n, kind)
	inner := outer.Elements[0].Val.(*ast.MessageLiteralNode)
	from, to := s.span(inner.Open), s.span(inner.Close)
	s.wipe(span{s.span(outer.Open).from, from.from})
	s.replace(from, "{")
	s.shift(span{from.to, to.from}, s.deeper(to.from, s.span(outer.Close).from))
	s.replace(to, "}")
	s.wipe(span{to.to, s.span(outer.Close).to})
}

// deeper returns how much further one line is indented than another, if both positions
// start their lines and one continues the other's white space.
func (s *source) deeper(inner, outer int) string {
	more, ok := strings.CutPrefix(s.indent(inner), s.indent(outer))
	if !ok || !s.leads(inner) || !s.leads(outer) {
		return ""
	}
	return more
}

// shift reduces the indentation of the lines in p by more, except in comments.
func (s *source) shift(p span, more string) {
	if more == "" {
		return
	}
	for i := p.from; i < p.to; i++ {
		if s.text[i] == '\n' && strings.HasPrefix(s.text[i+1:], more) && !s.inComment(i) {
			s.replace(span{i + 1, i + 1 + len(more)}, "")
		}
	}
}

func (s *source) inComment(at int) bool {
	return slices.ContainsFunc(s.comments, func(c span) bool { return c.from < at && at < c.to })
}

// moveOut moves element i, jwt, with its comments out of the literal of n into a separate
// option after n.
func (s *source) moveOut(n *ast.OptionNode, kind string, outer *ast.MessageLiteralNode, i int) {
	e := outer.Elements[i]
	whole := s.span(e)
	if sep := outer.Seps[i]; sep != nil {
		whole.to = s.span(sep).to
	} else if i == len(outer.Elements)-1 && outer.Seps[i-1] != nil && len(s.within(span{s.span(outer.Seps[i-1]).to, whole.from})) == 0 {
		whole.from = s.span(outer.Seps[i-1]).from // no trailing comma is left
	}
	inner := e.Val.(*ast.MessageLiteralNode)
	comments := s.about(e, whole, inner)
	var around strings.Builder
	lead := " "
	if s.leads(s.span(n).from) {
		lead = s.eol + s.indent(s.span(n).from)
	}
	for _, c := range comments {
		around.WriteString(lead + s.raw(c))
		if strings.HasPrefix(s.raw(c), "//") && lead == " " {
			around.WriteString(s.eol)
		}
	}
	value := s.literal(inner, s.deeper(s.span(inner.Close).from, s.span(n).from))
	name := "(" + s.ours(kind) + ") = " + value
	s.found++
	if n.Keyword == nil {
		s.replace(span{s.span(n).to, s.span(n).to}, ","+around.String()+lead+name)
	} else {
		end := s.span(n).to
		if lead != " " {
			end = s.lineEnd(n)
		}
		s.replace(span{end, end}, around.String()+lead+"option "+name+";")
	}
	for _, c := range comments {
		whole.from, whole.to = min(whole.from, c.from), max(whole.to, c.to)
	}
	s.cutOut(whole)
}

// about returns the comments that belong to e: those before it, those after it on its
// line, and those within it that its value does not contain.
func (s *source) about(e *ast.MessageFieldNode, whole span, inner *ast.MessageLiteralNode) (list []span) {
	before := s.file.NodeInfo(e).LeadingComments()
	value := s.span(inner)
	for i := range before.Len() {
		from := before.Index(i).Start().Offset
		for _, c := range s.comments {
			if c.from == from {
				list = append(list, c)
			}
		}
	}
	for _, c := range s.within(whole) {
		if (c.to <= value.from || c.from >= value.to) && (len(list) == 0 || list[len(list)-1] != c) {
			list = append(list, c)
		}
	}
	for _, c := range s.comments {
		if c.from >= whole.to && strings.TrimLeft(s.text[whole.to:c.from], " \t") == "" {
			end := strings.TrimLeft(s.text[c.to:], " \t\r")
			if end == "" || end[0] == '\n' {
				list = append(list, c)
			}
		}
	}
	return list
}

// literal returns the text of m as the value of an option, with less indentation.
func (s *source) literal(m *ast.MessageLiteralNode, more string) string {
	from, to := s.span(m.Open), s.span(m.Close)
	part := &source{text: s.text, comments: s.comments}
	part.replace(from, "{")
	part.shift(span{from.to, to.from}, more)
	part.replace(to, "}")
	part.replace(span{to.to, len(s.text)}, "")
	return string(part.apply()[from.from:])
}

// cutOut removes p, and the white space or lines that would be left empty.
func (s *source) cutOut(p span) {
	rest := s.text[p.to:]
	behind := len(rest) - len(strings.TrimLeft(rest, " \t"))
	if s.leads(p.from) {
		if end := strings.TrimLeft(rest, " \t\r"); strings.HasPrefix(end, "\n") {
			s.line(p)
			return
		}
		s.replace(span{p.from, p.to + behind}, "")
		return
	}
	before := p.from - len(strings.TrimRight(s.text[:p.from], " \t"))
	if strings.IndexByte("}>", rest[behind]) >= 0 { // it was the last: remove the space before it too
		s.replace(span{p.from - before, p.to}, "")
		return
	}
	s.replace(span{p.from, p.to + behind}, "")
}
