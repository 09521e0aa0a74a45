package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Cycle is a chain of DESCEND and NEST fields from a message back to itself, visiting no
// other message twice (A100). It starts with the field that the sources declare first, in
// the order of Policy.Messages and their fields.
type Cycle []*Field

// String returns the whole chain with full names, since messages of two packages may have
// the same short name: "A.child (DESCEND) → B.back (NEST) → A".
func (c Cycle) String() string {
	var b strings.Builder
	for _, f := range c {
		fmt.Fprintf(&b, "%s (%s) → ", f.Desc.FullName(), f.Claim)
	}
	return b.String() + string(c[0].Parent.Desc.FullName())
}

// maxVisits is the maximum number of fields that the searches visit. Only hundreds of
// fields between messages that all lead to each other need more; then some fields are in
// no chain, but some chain is always found.
const maxVisits = 1 << 20

// Cycles returns, for each field on a cycle, a shortest chain with it. The chains are
// sorted by their fields, without duplicates.
func (p *Policy) Cycles() []Cycle {
	g := newClaimGraph(p)
	named := map[*Field]bool{}
	var found []Cycle
	for _, m := range p.Messages {
		for _, f := range m.Fields {
			if named[f] || !g.OnCycle(f) || g.visits > maxVisits {
				continue
			}
			c := append(Cycle{f}, g.shortest(f.Child, m)...)
			for _, f := range c {
				named[f] = true
			}
			first := slices.Index(c, slices.MinFunc(c, g.compare))
			found = append(found, slices.Concat(c[first:], c[:first]))
		}
	}
	slices.SortFunc(found, func(a, b Cycle) int { return slices.CompareFunc(a, b, g.compare) })
	return found
}

// OnCycle returns a function that reports whether a field of p is on a cycle.
func (p *Policy) OnCycle() func(*Field) bool { return newClaimGraph(p).OnCycle }

// claimGraph is the graph of a policy's messages and the fields that walk from one to another
// (A45, A46).
type claimGraph struct {
	order map[*Field]int
	// group numbers the messages: two have the same number if each leads to the other.
	group  map[*Message]int
	visits int
	// State of Tarjan's algorithm (1972): when a message was first visited, the earliest
	// one that it leads to, and those without a group yet.
	seen, low map[*Message]int
	stack     []*Message
}

func newClaimGraph(p *Policy) *claimGraph {
	g := &claimGraph{order: map[*Field]int{}, group: map[*Message]int{}, seen: map[*Message]int{}, low: map[*Message]int{}}
	for _, m := range p.Messages {
		for _, f := range m.Fields {
			if f.Recurses() {
				g.order[f] = len(g.order)
				if g.seen[m] == 0 {
					g.visit(m)
				}
			}
		}
	}
	return g
}

func (g *claimGraph) compare(a, b *Field) int { return cmp.Compare(g.order[a], g.order[b]) }

// OnCycle reports whether f leads back to its message.
func (g *claimGraph) OnCycle(f *Field) bool {
	return f.Recurses() && g.group[f.Parent] == g.group[f.Child]
}

// visit assigns groups to m and what it leads to. It recurses as deep as there are
// messages in a row, which Go's growing stacks allow.
func (g *claimGraph) visit(m *Message) {
	g.seen[m] = len(g.seen) + 1
	g.low[m] = g.seen[m]
	g.stack = append(g.stack, m)
	for _, f := range m.Fields {
		if !f.Recurses() || g.group[f.Child] != 0 {
			continue
		}
		if g.seen[f.Child] == 0 {
			g.visit(f.Child)
		}
		g.low[m] = min(g.low[m], g.low[f.Child])
	}
	if g.low[m] < g.seen[m] {
		return
	}
	for at := len(g.stack) - 1; ; at-- {
		g.group[g.stack[at]] = g.seen[m]
		if g.stack[at] == m {
			g.stack = g.stack[:at]
			return
		}
	}
}

// shortest returns a shortest path between two messages of one group.
func (g *claimGraph) shortest(from, to *Message) Cycle {
	came := map[*Message]*Field{}
	for queue := []*Message{from}; came[to] == nil && from != to; queue = queue[1:] {
		for _, f := range queue[0].Fields {
			g.visits++
			if g.OnCycle(f) && f.Child != from && came[f.Child] == nil {
				came[f.Child] = f
				queue = append(queue, f.Child)
			}
		}
	}
	var way Cycle
	for at := to; at != from; at = came[at].Parent {
		way = append(way, came[at])
	}
	slices.Reverse(way)
	return way
}
