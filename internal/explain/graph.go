package explain

import (
	"strconv"
	"strings"
)

// kind is the kind of a node, which gives it its shape.
type kind int

const (
	methodNode kind = iota
	messageNode
	tokenNode
	claimNode
	fieldNode
)

// node is a node of the picture: the first line names it, the others say more.
type node struct {
	id    string
	kind  kind
	lines []string
	red   bool
}

// group is a message with all that belongs to it.
type group struct {
	title string
	nodes []node
}

type edge struct {
	from, to string // ids
	label    string
	red      bool
}

// graph is a View as a picture: methods → messages → tokens ← claims ← fields.
// Mermaid and DOT are two spellings of it.
type graph struct {
	nodes    []node // outside the groups
	groups   []group
	edges    []edge
	messages map[string]string // id of a message's node, by its full name
	count    int
	current  int // index of the group that within adds to
}

func (v *View) graph() *graph {
	g := &graph{messages: map[string]string{}}
	for i, m := range v.Messages {
		g.current, g.groups = i, append(g.groups, group{title: m.Name})
		g.messages[m.Name] = g.within(messageNode, false, lastPart(m.Name), m.At)
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

func (g *graph) id() string {
	g.count++
	return "n" + strconv.Itoa(g.count)
}

// within adds a node to the current group.
func (g *graph) within(k kind, red bool, lines ...string) string {
	id := g.id()
	g.groups[g.current].nodes = append(g.groups[g.current].nodes, node{id, k, lines, red})
	return id
}

// outside adds a node to no group.
func (g *graph) outside(k kind, lines ...string) string {
	id := g.id()
	g.nodes = append(g.nodes, node{id, k, lines, false})
	return id
}

func (g *graph) edge(from, to string, red bool, label ...string) {
	g.edges = append(g.edges, edge{from, to, strings.Join(label, " "), red})
}

// of returns the node of a message, also of one that is not explained itself.
func (g *graph) of(message string) string {
	if g.messages[message] == "" {
		g.messages[message] = g.outside(messageNode, message)
	}
	return g.messages[message]
}

func (g *graph) method(m Method) {
	lines := []string{m.Name, m.At}
	if m.Open {
		lines = append(lines, "OPEN: anyone may call")
	}
	id := g.outside(methodNode, lines...)
	if m.Bearer != nil {
		about := append([]string{"bearer token"}, requirements(m.Bearer.Issuers, m.Bearer.StaticClaims)...)
		g.edge(g.outside(tokenNode, about...), id, false, "required", m.Bearer.From)
	}
	if m.Request.Is == Validated {
		g.edge(id, g.of(m.Request.Message), false, "validates", m.Request.From)
	}
	if m.Response.Is == Signed {
		g.edge(id, g.of(m.Response.Message), false, "signs", m.Response.From)
	}
}

// requirements are lines about what a token must say.
func requirements(issuers []Text, statics []StaticClaim) []string {
	var lines []string
	for i, t := range issuers {
		lines = append(lines, []string{"issuer ", "or "}[min(i, 1)]+t.Value+" ("+t.From+")")
	}
	for _, c := range statics {
		lines = append(lines, staticLine(c)+" ("+c.From+")")
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
func (g *graph) message(m Message) {
	id := g.messages[m.Name]
	target := id // where the claims go
	if m.TokenIn == InBearer {
		target = g.within(tokenNode, false, "the bearer token", m.TokenFrom)
		g.edge(id, target, false, "is checked against")
	}
	if t := m.Token; t != nil {
		about := append([]string{"token in " + t.Field, t.From}, requirements(t.Issuers, nil)...)
		token := g.within(tokenNode, false, append(about, "expires "+t.Expires.Rule+" ("+t.Expires.From+")")...)
		g.edge(id, token, false, "token")
		g.sources(*t, token)
		if m.TokenIn == InField {
			target = token
		} else {
			g.edge(target, token, false, "the same claims when signing")
		}
	}
	g.claims(m.Claims, target)
	for _, n := range m.Nested {
		g.edge(id, g.of(n.Message), false, n.Field+" (token)", n.From)
	}
}

// sources adds what a token's claims come from, other than its message's fields.
func (g *graph) sources(t Token, token string) {
	for _, c := range t.StaticClaims {
		g.edge(g.within(claimNode, false, staticLine(c), c.From), token, false, "static")
	}
	for _, c := range t.BearerClaims {
		g.edge(g.within(claimNode, false, c.Value, c.From), token, false, "from the bearer token")
	}
	if t.ParentClaims == nil {
		return
	}
	for _, p := range t.ParentClaims.Parents {
		g.edge(g.of(p.Message), token, false, "claims of the parent: "+strings.Join(p.Claims, ", "), t.ParentClaims.From)
	}
}

func (g *graph) claims(list []Claim, target string) {
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
		lines := []string{name, c.From}
		for _, s := range c.Via {
			lines = append(lines, "through "+s.Field+" ("+s.Action+" "+s.From+")")
		}
		claim := g.within(claimNode, c.Cycle, lines...)
		g.edge(g.within(fieldNode, c.Cycle, c.Field, c.Type), claim, c.Cycle, c.Action)
		g.edge(claim, target, c.Cycle)
		g.claims(c.Claims, claim)
	}
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
