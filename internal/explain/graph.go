package explain

import (
	"strconv"
	"strings"
)

// NodeKind is the kind of a node, which determines its shape.
type NodeKind int

// The kinds of nodes.
const (
	MethodNode NodeKind = iota
	MessageNode
	TokenNode
	ClaimNode
	FieldNode
)

// Node is a node of a Graph. Its first line names it, the others have details.
type Node struct {
	ID    string
	Kind  NodeKind
	Lines []Line
	// Red is set for a part of a cycle.
	Red bool
}

// Line is a line of a node's text, with its position.
type Line struct {
	Text string
	// More is what the position is of; "" for the annotation that Text is about.
	More string
	// From is the position, or "".
	From string
	// Apart puts the position on a separate line.
	Apart bool
}

// text returns the lines of n with the positions of the facts.
func (n Node) text() []string {
	var all []string
	for _, l := range n.Lines {
		switch {
		case l.From == "":
			all = append(all, l.Text)
		case l.Apart:
			all = append(all, l.Text, l.From)
		default:
			all = append(all, l.Text+" ("+strings.TrimPrefix(l.More+" "+l.From, " ")+")")
		}
	}
	return all
}

// plain returns lines without positions.
func plain(texts ...string) []Line {
	var all []Line
	for _, text := range texts {
		all = append(all, Line{Text: text})
	}
	return all
}

// Group is a message with everything that belongs to it.
type Group struct {
	Title string
	Nodes []Node
}

// Edge connects two nodes, given by ID.
type Edge struct {
	From, To string
	Label    string
	At       string // position of the annotation, or ""
	Red      bool
}

func (e Edge) text() string { return strings.TrimSuffix(e.Label+" "+e.At, " ") }

// Graph is a View as a picture: methods → messages → tokens ← claims ← fields. Mermaid,
// DOT and the page are formats of it.
type Graph struct {
	Nodes  []Node // outside the groups
	Groups []Group
	Edges  []Edge

	messages map[string]string // ID of a message's node by full name
	count    int
	current  int // index of the group that within adds to
}

// Graph returns v as a picture.
func (v *View) Graph() *Graph {
	g := &Graph{messages: map[string]string{}}
	for i, m := range v.Messages {
		g.current, g.Groups = i, append(g.Groups, Group{Title: m.Name})
		g.messages[m.Name] = g.within(MessageNode, false, Line{Text: lastPart(m.Name), From: m.At, Apart: true})
	}
	for _, m := range v.Methods {
		g.method(m)
	}
	for i, m := range v.Messages {
		g.current = i
		g.message(m)
	}
	drawn := map[Step]bool{}
	for _, c := range v.Cycles {
		for _, s := range c.Steps {
			if !drawn[s] {
				drawn[s] = true
				g.edge(g.of(s.Message), g.of(s.To), true, s.Field+" ("+s.Action+")", s.From)
			}
		}
	}
	return g
}

func (g *Graph) id() string {
	g.count++
	return "n" + strconv.Itoa(g.count)
}

// within adds a node to the current group.
func (g *Graph) within(k NodeKind, red bool, lines ...Line) string {
	id := g.id()
	g.Groups[g.current].Nodes = append(g.Groups[g.current].Nodes, Node{id, k, lines, red})
	return id
}

// outside adds a node to no group.
func (g *Graph) outside(k NodeKind, lines ...Line) string {
	id := g.id()
	g.Nodes = append(g.Nodes, Node{id, k, lines, false})
	return id
}

func (g *Graph) edge(from, to string, red bool, label, at string) {
	g.Edges = append(g.Edges, Edge{from, to, label, at, red})
}

// of returns the node of a message, even one that is not explained itself.
func (g *Graph) of(message string) string {
	if g.messages[message] == "" {
		g.messages[message] = g.outside(MessageNode, Line{Text: message})
	}
	return g.messages[message]
}

func (g *Graph) method(m Method) {
	lines := []Line{{Text: m.Name, From: m.At, Apart: true}}
	if m.Open {
		lines = append(lines, Line{Text: "OPEN: anyone may call"})
	}
	id := g.outside(MethodNode, lines...)
	if m.Bearer != nil {
		about := append(plain("bearer token"), requirements(m.Bearer.Issuers, m.Bearer.StaticClaims)...)
		g.edge(g.outside(TokenNode, about...), id, false, "required", m.Bearer.From)
	}
	if m.Request.Is == Validated {
		g.edge(id, g.of(m.Request.Message), false, "validates", m.Request.From)
	}
	if m.Response.Is == Signed {
		g.edge(id, g.of(m.Response.Message), false, "signs", m.Response.From)
	}
}

// requirements returns lines about the requirements for a token.
func requirements(issuers []Text, statics []StaticClaim) []Line {
	var lines []Line
	for i, t := range issuers {
		lines = append(lines, Line{Text: []string{"issuer ", "or "}[min(i, 1)] + t.Value, From: t.From})
	}
	for _, c := range statics {
		lines = append(lines, Line{Text: staticLine(c), From: c.From})
	}
	return lines
}

func staticLine(c StaticClaim) string {
	if c.Pattern != "" {
		return c.Claim + " matches " + c.Pattern
	}
	var values []string
	for _, v := range c.Values {
		values = append(values, strconv.Quote(v.Value))
	}
	return c.Claim + " = " + strings.Join(values, " and ")
}

// message adds the token and claims of m to the current group, which is m's.
func (g *Graph) message(m Message) {
	id := g.messages[m.Name]
	target := id // where the claims lead
	if m.TokenIn == InBearer {
		target = g.within(TokenNode, false, Line{Text: "the bearer token", From: m.TokenFrom, Apart: true})
		g.edge(id, target, false, "is checked against", "")
	}
	if t := m.Token; t != nil {
		about := append([]Line{{Text: "token in " + t.Field, From: t.From, Apart: true}}, requirements(t.Issuers, nil)...)
		token := g.within(TokenNode, false, append(about, Line{Text: "expires " + t.Expires.Rule, From: t.Expires.From})...)
		g.edge(id, token, false, "token", "")
		g.sources(*t, token)
		if m.TokenIn == InField {
			target = token
		} else {
			g.edge(target, token, false, "the same claims when signing", "")
		}
	}
	g.claims(m.Claims, target)
	for _, n := range m.Nested {
		g.edge(id, g.of(n.Message), false, n.Field+" (token)", n.From)
	}
}

// sources adds the sources of a token's claims other than its message's fields.
func (g *Graph) sources(t Token, token string) {
	for _, c := range t.StaticClaims {
		g.edge(g.within(ClaimNode, false, Line{Text: staticLine(c), From: c.From, Apart: true}), token, false, "static", "")
	}
	for _, c := range t.BearerClaims {
		g.edge(g.within(ClaimNode, false, Line{Text: c.Value, From: c.From, Apart: true}), token, false, "from the bearer token", "")
	}
	if t.ParentClaims == nil {
		return
	}
	for _, p := range t.ParentClaims.Parents {
		g.edge(g.of(p.Message), token, false, "claims of the parent: "+strings.Join(p.Claims, ", "), t.ParentClaims.From)
	}
}

func (g *Graph) claims(list []Claim, target string) {
	for _, c := range list {
		name := c.Name
		switch {
		case c.Fault != "":
			name = strings.TrimPrefix(name+": "+c.Fault, ": ")
		case name == "" && len(c.Claims) == 0 && c.Action == "RAW":
			name = "every claim of its type"
		case name == "":
			name = c.Meaning
		case c.Action == "NEST":
			name += " {…}"
		}
		lines := []Line{{Text: name, From: c.From, Apart: true}}
		for _, s := range c.Via {
			lines = append(lines, Line{Text: "through " + s.Field, More: s.Action, From: s.From})
		}
		claim := g.within(ClaimNode, c.Cycle, lines...)
		g.edge(g.within(FieldNode, c.Cycle, plain(c.Field, c.Type)...), claim, c.Cycle, c.Action, "")
		g.edge(claim, target, c.Cycle, "", "")
		g.claims(c.Claims, claim)
	}
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
