// Package respell rewrites the JWT annotations of a .proto source from the vendor's
// spelling, (kalix.method).jwt, to that of package jwtctl.v1. It uses positions of the
// parsed source, so that comments, formatting and everything else stay the same.
//
// It reads and writes no files: Source works on a text, and Same compares two policies.
package respell

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
)

const kalixFile = "kalix/annotations.proto"

var bom = []byte("\xef\xbb\xbf")

// Source returns text with each of the vendor's annotations in our spelling, and their
// number; with 0 text is unchanged. The import of kalix/annotations.proto is replaced by
// jwtctl/v1/annotations.proto or, if something else needs it or keepImport is set, kept
// in addition to it.
//
// It returns proto_syntax if text cannot be parsed, or has an annotation in a form that
// no compiler accepts.
func Source(name string, text []byte, keepImport bool) ([]byte, int, error) {
	body, marked := bytes.CutPrefix(text, bom)
	tree, err := parser.Parse(name, bytes.NewReader(body), reporter.NewHandler(nil))
	if err != nil {
		return nil, 0, fault.New(fault.ProtoSyntax, name, "%w", err)
	}
	s := &source{file: tree, text: string(body), eol: "\n", spelled: map[ast.Node]bool{}}
	if i := strings.IndexByte(s.text, '\n'); i > 0 && s.text[i-1] == '\r' {
		s.eol = "\r\n"
	}
	for _, d := range tree.Decls {
		if p, ok := d.(*ast.PackageNode); ok {
			s.scope = string(p.Name.AsIdentifier())
		}
	}
	s.readComments()
	err = ast.Walk(tree, &ast.SimpleVisitor{DoVisitOptionNode: s.option})
	if err != nil {
		return nil, 0, err
	}
	if s.found == 0 {
		return text, 0, nil
	}
	s.imports(keepImport || s.otherKalix())
	out := s.apply()
	if marked {
		out = slices.Concat(bom, out)
	}
	return out, s.found, nil
}

// source is a file being rewritten.
type source struct {
	file     *ast.FileNode
	text     string
	eol      string
	scope    string // its package
	comments []span
	edits    []edit
	spelled  map[ast.Node]bool // option names that are respelled
	found    int
}

// span is a part of the text, and edit its replacement.
type span struct{ from, to int }

type edit struct {
	span
	text string
}

func (s *source) span(n ast.Node) span {
	info := s.file.NodeInfo(n)
	from := info.Start().Offset
	return span{from, from + len(info.RawText())}
}

func (s *source) raw(p span) string { return s.text[p.from:p.to] }

func (s *source) replace(p span, text string) { s.edits = append(s.edits, edit{p, text}) }

func (s *source) readComments() {
	items := s.file.Items()
	for item, ok := items.First(); ok; item, ok = items.Next(item) {
		if _, comment := s.file.GetItem(item); comment.IsValid() {
			from := comment.Start().Offset
			s.comments = append(s.comments, span{from, from + len(strings.TrimRight(comment.RawText(), "\r\n"))})
		}
	}
}

// within returns the comments in p.
func (s *source) within(p span) (list []span) {
	for _, c := range s.comments {
		if c.from >= p.from && c.to <= p.to {
			list = append(list, c)
		}
	}
	return list
}

// wipe removes p, except comments in it and their separators.
func (s *source) wipe(p span) {
	comments := s.within(p)
	if len(comments) == 0 {
		s.replace(p, "")
		return
	}
	from := p.from
	for _, c := range append(comments, span{p.to, p.to}) {
		for from < c.from {
			if strings.IndexByte(" \t\r\n", s.text[from]) >= 0 {
				from++
				continue
			}
			end := from
			for end < c.from && strings.IndexByte(" \t\r\n", s.text[end]) < 0 {
				end++
			}
			s.replace(span{from, end}, "")
			from = end
		}
		from = c.to
	}
}

// apply returns the text with all edits. Edits at the same position are applied in the
// order in which they were added.
func (s *source) apply() []byte {
	slices.SortStableFunc(s.edits, func(a, b edit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return a.to - b.to
	})
	var out []byte
	at := 0
	for _, e := range s.edits {
		if e.from < at { // an enclosing edit has removed it
			continue
		}
		out = append(append(out, s.text[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, s.text[at:]...)
}

// kind returns the kind of the vendor's option that ref names, such as "method", or "".
func (s *source) kind(ref *ast.FieldReferenceNode) string {
	if !ref.IsExtension() {
		return ""
	}
	name := string(ref.Name.AsIdentifier())
	for scope := s.scope; ; {
		full := strings.TrimPrefix(name, ".")
		if full == name && scope != "" {
			full = scope + "." + name
		}
		for _, kind := range descset.Kinds {
			if full == "kalix."+kind {
				return kind
			}
		}
		if scope == "" {
			return ""
		}
		scope = scope[:max(strings.LastIndexByte(scope, '.'), 0)]
	}
}

// ours returns the name of our option of that kind. In a package with a part called
// jwtctl it starts at the root, since it would be resolved relative to the package.
func (s *source) ours(kind string) string {
	if slices.Contains(strings.Split(s.scope, "."), "jwtctl") {
		return ".jwtctl.v1." + kind
	}
	return "jwtctl.v1." + kind
}

// otherKalix reports whether the source uses anything of package kalix except the
// annotations being respelled.
func (s *source) otherKalix() bool {
	if strings.Split(s.scope, ".")[0] == "kalix" {
		return true // it may use it without the package
	}
	other := false
	name := func(n ast.IdentValueNode) {
		if !s.spelled[n] && slices.Contains(strings.Split(string(n.AsIdentifier()), "."), "kalix") {
			other = true
		}
	}
	// Compound names are visited before their parts, which are not names themselves.
	_ = ast.Walk(s.file, &ast.SimpleVisitor{
		DoVisitIdentNode:         func(n *ast.IdentNode) error { name(n); return nil },
		DoVisitCompoundIdentNode: func(n *ast.CompoundIdentNode) error { name(n); return nil },
	})
	return other
}

// imports adds the import of our annotations, and removes the vendor's unless keep is
// set.
func (s *source) imports(keep bool) {
	var vendors, last *ast.ImportNode
	has := false
	for _, d := range s.file.Decls {
		if i, ok := d.(*ast.ImportNode); ok {
			last = i
			switch i.Name.AsString() {
			case kalixFile:
				vendors = i
			case descset.JwtctlFile:
				has = true
			}
		}
	}
	drop := vendors != nil && vendors.Public == nil && !keep
	ours := `"` + descset.JwtctlFile + `"`
	switch {
	case drop && has:
		s.line(s.span(vendors))
	case drop:
		s.replace(s.span(vendors.Name), ours)
	case !has && vendors != nil:
		s.below(vendors, "import "+ours+";")
	case !has && last != nil: // the vendor's annotations come through a public import
		s.below(last, "import "+ours+";")
	}
}

// below adds a line after the one on which n ends.
func (s *source) below(n ast.Node, text string) {
	end := s.lineEnd(n)
	s.replace(span{end, end}, s.eol+text)
}

// lineEnd returns the end of n, or of the comment after it.
func (s *source) lineEnd(n ast.Node) int {
	end := s.span(n).to
	if comments := s.file.NodeInfo(n).TrailingComments(); comments.Len() > 0 {
		c := comments.Index(comments.Len() - 1)
		end = c.Start().Offset + len(strings.TrimRight(c.RawText(), "\r\n"))
	}
	return end
}

// line removes p, and its line if that becomes empty.
func (s *source) line(p span) {
	if s.leads(p.from) {
		rest := strings.TrimLeft(s.text[p.to:], " \t\r")
		if strings.HasPrefix(rest, "\n") {
			p = span{p.from - len(s.indent(p.from)), len(s.text) - len(rest) + 1}
		}
	}
	s.replace(p, "")
}

// indent returns the indentation of the line at a position.
func (s *source) indent(at int) string {
	line := s.text[strings.LastIndexByte(s.text[:at], '\n')+1:]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// leads reports whether a position is the first on its line, ignoring white space.
func (s *source) leads(at int) bool {
	return strings.TrimLeft(s.text[strings.LastIndexByte(s.text[:at], '\n')+1:at], " \t") == ""
}
