package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtctl/jwtctl/internal/explain"
	"github.com/jwtctl/jwtctl/internal/finding"
)

// name assigns IDs to the sections that facts refer to.
func (p *printer) name(sections []explain.Section) {
	for _, s := range sections {
		if s.Kind == explain.MethodSection || s.Kind == explain.MessageSection {
			p.ids[s.Kind+s.Name] = strings.ToLower(s.Kind) + "-" + strings.ReplaceAll(s.Name, "/", ".")
		}
	}
}

// of returns the sections of one kind.
func of(sections []explain.Section, kind string) []explain.Section {
	return slices.DeleteFunc(slices.Clone(sections), func(s explain.Section) bool { return s.Kind != kind })
}

// card returns the card of s without badges.
func (p *printer) card(s explain.Section) *card {
	c := &card{ID: p.ids[s.Kind+s.Name], Kind: strings.ToLower(s.Kind)}
	c.Before, c.Name = split(s.Name)
	c.At = p.at(s.At, c)
	for _, r := range s.Rows {
		c.Rows = append(c.Rows, p.fact(r, c))
	}
	if c.At != nil {
		c.Rows = append(c.Rows, fact{Label: "declared", Link: c.At.Text, Href: c.At.Href, Tone: "place"})
	}
	return c
}

// split splits a full name into its package and the rest.
func split(name string) (before, last string) {
	end := strings.LastIndexByte(name, '/')
	if end < 0 {
		end = len(name)
	}
	at := strings.LastIndexByte(name[:end], '.') + 1
	return name[:at], name[at:]
}

func (p *printer) fact(r explain.Row, c *card) fact {
	f := fact{Depth: r.Depth, Label: r.Label, Before: r.Text, Tone: r.Style, Place: p.at(r.Place, c)}
	if id := p.ids[r.Kind+r.Name]; id != "" && r.Name != "" && "#"+id != "#"+c.ID {
		if before, after, found := strings.Cut(r.Text, r.Name); found {
			f.Before, f.Link, f.After, f.Href = before, r.Name, after, "#"+id
		}
	}
	return f
}

// methods returns the cards of methods that anyone may call, and of the others.
func (p *printer) methods(v *explain.View, sections []explain.Section) (open, guarded []*card) {
	for i, s := range of(sections, explain.MethodSection) {
		m, c := v.Methods[i], p.card(s)
		c.Badges = methodBadges(m)
		if m.Open {
			c.Tone = explain.StyleWarn
			open = append(open, c)
			continue
		}
		guarded = append(guarded, c)
	}
	return open, guarded
}

// badges are those of a card.
type badges []badge

// add adds a badge if cond is true.
func (b *badges) add(cond bool, text, tone string) {
	if cond {
		*b = append(*b, badge{text, tone})
	}
}

func methodBadges(m explain.Method) (list badges) {
	list.add(m.Open, "open", explain.StyleWarn)
	list.add(m.Bearer != nil, "bearer token", explain.StyleGood)
	list.add(m.Request.Is == explain.Validated && !m.Request.TokenOptional, "message token", explain.StyleGood)
	list.add(m.Request.TokenOptional, "message token optional", explain.StyleWarn)
	list.add(m.Response.Is == explain.Signed, "signs response", explain.StyleDim)
	list.add(m.ClientStreaming || m.ServerStreaming, "stream", explain.StyleDim)
	list.add(len(m.Notes) > 0, count(len(m.Notes), "note"), explain.StyleWarn)
	return list
}

func (p *printer) messages(v *explain.View, sections []explain.Section) (list []*card) {
	for i, s := range of(sections, explain.MessageSection) {
		m, c := v.Messages[i], p.card(s)
		c.Badges = messageBadges(m)
		c.Graph = p.draw(neighborhood(v, m).Graph(), "graph-"+strconv.Itoa(i+1), "Claims of "+s.Name)
		list = append(list, c)
	}
	return list
}

func messageBadges(m explain.Message) (list badges) {
	list.add(m.TokenIn == explain.InField, "own token", explain.StyleGood)
	list.add(m.TokenIn == explain.InBearer, "bearer token", explain.StyleGood)
	list.add(m.TokenIn == explain.InNone, "no token of its own", explain.StyleDim)
	list.add(faults(m.Claims), "refused", explain.StyleBad)
	list.add(len(m.Notes) > 0, count(len(m.Notes), "note"), explain.StyleWarn)
	return list
}

func faults(claims []explain.Claim) bool {
	return slices.ContainsFunc(claims, func(c explain.Claim) bool { return c.Fault != "" || faults(c.Claims) })
}

// maxCallers is the maximum number of methods in a drawing of a message.
const maxCallers = 6

// neighborhood returns the part of v for the drawing of m: m, and the methods that use it,
// reduced to that use.
func neighborhood(v *explain.View, m explain.Message) *explain.View {
	one := &explain.View{Messages: []explain.Message{m}}
	for _, method := range v.Methods {
		method.Bearer = nil
		if method.Request.Message != m.Name {
			method.Request.Is = explain.Untouched
		}
		if method.Response.Message != m.Name {
			method.Response.Is = explain.Untouched
		}
		if method.Request.Is == explain.Validated || method.Response.Is == explain.Signed {
			one.Methods = append(one.Methods, method)
		}
	}
	if len(one.Methods) > maxCallers {
		one.Methods = nil
	}
	return one
}

// findings returns the cards of findings, most severe first, and the number of errors.
func (p *printer) findings(list []finding.Finding) (cards []*card, errs int) {
	list = finding.Sort(list)
	slices.SortStableFunc(list, func(a, b finding.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	for i, f := range list {
		c := &card{ID: "finding-" + strconv.Itoa(i+1), Name: p.escape(f.Rule), Text: p.escape(f.Message), Hint: p.escape(f.Hint)}
		c.Tone = [...]string{finding.Error: explain.StyleBad, finding.Warning: explain.StyleWarn, finding.Note: explain.StyleDim}[f.Severity]
		c.Badges = []badge{{f.Severity.String(), c.Tone}}
		c.At = p.at(p.escape(f.Pos.String()), c)
		if id, name := p.subject(f.Subject); id != "" {
			c.Rows = []fact{{Label: "about", Link: name, Href: "#" + id}}
		}
		cards = append(cards, c)
	}
	errs, _, _ = finding.Count(list)
	return cards, errs
}

// subject returns the ID of the card for the element with that full name: a message, a
// method, or a field of a message.
func (p *printer) subject(full string) (id, name string) {
	name = p.escape(full)
	slash := name
	if i := strings.LastIndexByte(name, '.'); i >= 0 && !strings.Contains(name, "/") {
		slash = name[:i] + "/" + name[i+1:]
	}
	if id := p.ids[explain.MethodSection+slash]; id != "" {
		return id, slash
	}
	if id := p.ids[explain.MessageSection+name]; id != "" {
		return id, name
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return p.ids[explain.MessageSection+name[:i]], name
	}
	return "", name
}

// rest returns the cards of cycles and notes.
func (p *printer) rest(sections []explain.Section) (list []*card) {
	add := func(s explain.Section, name, tone string) {
		c := p.card(s)
		c.ID, c.Kind, c.Before, c.Name, c.Tone = "note-"+strconv.Itoa(len(list)+1), "", "", name+s.Name, tone
		list = append(list, c)
	}
	for _, s := range of(sections, explain.CycleSection) {
		add(s, "Cycle of ", explain.StyleBad)
	}
	for _, s := range of(sections, explain.NotesSection) {
		add(s, "Notes", explain.StyleWarn)
	}
	return list
}
