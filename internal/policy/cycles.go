package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Cycle is a chain of DESCEND and NEST fields that leads back to the message it
// starts from, and to no other message twice (A100). The field that the sources
// declare first leads, in the order of Policy.Messages and of their fields.
type Cycle []*Field

// String returns the whole chain, with full names, since messages of two
// packages may share a short one: "A.child (DESCEND) → B.back (NEST) → A".
func (c Cycle) String() string {
	var b strings.Builder
	for _, f := range c {
		fmt.Fprintf(&b, "%s (%s) → ", f.Desc.FullName(), f.Claim)
	}
	return b.String() + string(c[0].Parent.Desc.FullName())
}

// There are more cycles in a few messages that all lead to each other than
// anyone could read. Of messages that are connected by cycles, this many are
// found; then, for each field on a cycle that none of those has, a shortest one,
// until that has looked at so many fields.
const (
	maxCycles = 100
	maxLooks  = 10 << 20
)

// Cycles returns every cycle once, sorted by the fields in it. Two fields
// between the same messages make two cycles. Where there are very many, it
// returns enough of them to name each field that lies on one.
func (p *Policy) Cycles() []Cycle {
	g := newWalkGraph(p)
	all := make([]int, len(g.out))
	for i := range all {
		all[i] = i
	}
	var found []Cycle
	for _, component := range g.split(all) {
		found = append(found, g.cycles(component)...)
	}
	slices.SortFunc(found, func(a, b Cycle) int {
		return slices.CompareFunc(a, b, func(a, b *Field) int { return cmp.Compare(g.order[a], g.order[b]) })
	})
	return found
}

// walkGraph has the messages as nodes, by their index, and the fields that walk
// into a message as edges.
type walkGraph struct {
	out   [][]walkEdge
	order map[*Field]int
	// group numbers the set of nodes that each is in at the time; edges between
	// two sets do not count. Groups are never taken apart without new numbers.
	group  []int
	groups int
	// What Tarjan's algorithm remembers of each node.
	index, low []int
	onStack    []bool
	// blocked has the number of the search in which a node is blocked.
	blocked  []int
	searches int
	looks    int
}

type walkEdge struct {
	to    int
	field *Field
}

func newWalkGraph(p *Policy) *walkGraph {
	n := len(p.Messages)
	g := &walkGraph{
		out: make([][]walkEdge, n), order: map[*Field]int{}, group: make([]int, n),
		index: make([]int, n), low: make([]int, n), onStack: make([]bool, n), blocked: make([]int, n), looks: maxLooks,
	}
	number := make(map[*Message]int, n)
	for i, m := range p.Messages {
		number[m] = i
	}
	for i, m := range p.Messages {
		for _, f := range m.Fields {
			if f.Walks() {
				g.order[f] = len(g.order)
				g.out[i] = append(g.out[i], walkEdge{number[f.Child], f})
			}
		}
	}
	return g
}

// regroup makes nodes a group of their own.
func (g *walkGraph) regroup(nodes []int) {
	g.groups++
	for _, v := range nodes {
		g.group[v] = g.groups
	}
}

// inside says whether e, which starts at v, stays in v's group.
func (g *walkGraph) inside(v int, e walkEdge) bool { return g.group[v] == g.group[e.to] }

// cycles returns the cycles of one strongly connected component: those through
// its first node, then those of what is left without it (Johnson, "Finding all
// the elementary circuits of a directed graph", 1975).
func (g *walkGraph) cycles(component []int) []Cycle {
	var found []Cycle
	full := func(c Cycle) bool {
		found = append(found, c)
		return len(found) > maxCycles
	}
	for left := [][]int{slices.Clone(component)}; len(left) > 0 && len(found) <= maxCycles; {
		nodes := left[len(left)-1]
		first := slices.Min(nodes)
		g.regroup(nodes)
		newCircuits(g, first, full).from(first)
		rest := slices.DeleteFunc(nodes, func(v int) bool { return v == first })
		left = append(left[:len(left)-1], g.split(rest)...)
	}
	if len(found) > maxCycles {
		found = g.nameAll(component, found[:maxCycles])
	}
	return found
}

// circuits looks for the cycles through start within its group. A node is
// blocked while it is on the path, and as long as it cannot reach start without
// the path; waiting has what is to be freed together with a node.
type circuits struct {
	*walkGraph
	start   int
	path    Cycle
	waiting map[int][]int
	full    func(Cycle) bool // takes a cycle; true ends the search
	ended   bool
}

func newCircuits(g *walkGraph, start int, full func(Cycle) bool) *circuits {
	g.searches++
	return &circuits{walkGraph: g, start: start, waiting: map[int][]int{}, full: full}
}

// from extends the path from v, and says whether start was reached. It goes as
// deep as there are messages in a row, which Go's stacks are made for.
func (c *circuits) from(v int) (reached bool) {
	c.blocked[v] = c.searches
	for _, e := range c.out[v] {
		if c.ended || !c.inside(v, e) {
			continue
		}
		c.path = append(c.path, e.field)
		if e.to == c.start {
			reached, c.ended = true, c.full(slices.Clone(c.path))
		} else if c.blocked[e.to] != c.searches && c.from(e.to) {
			reached = true
		}
		c.path = c.path[:len(c.path)-1]
	}
	if reached {
		c.free(v)
		return true
	}
	for _, e := range c.out[v] {
		if c.inside(v, e) {
			c.waiting[e.to] = append(c.waiting[e.to], v)
		}
	}
	return false
}

func (c *circuits) free(v int) {
	for list := []int{v}; len(list) > 0; {
		v, list = list[len(list)-1], list[:len(list)-1]
		if c.blocked[v] == c.searches {
			c.blocked[v] = 0
			list = append(list, c.waiting[v]...)
			delete(c.waiting, v)
		}
	}
}

// nameAll adds to found a shortest cycle for each field within component that
// is in none.
func (g *walkGraph) nameAll(component []int, found []Cycle) []Cycle {
	g.regroup(component)
	named := map[*Field]bool{}
	for _, c := range found {
		for _, f := range c {
			named[f] = true
		}
	}
	for _, v := range component {
		for _, e := range g.out[v] {
			if named[e.field] || !g.inside(v, e) || g.looks < 0 {
				continue
			}
			c := append(Cycle{e.field}, g.shortest(e.to, v)...)
			for _, f := range c {
				named[f] = true
			}
			first := slices.Index(c, slices.MinFunc(c, func(a, b *Field) int { return cmp.Compare(g.order[a], g.order[b]) }))
			found = append(found, slices.Concat(c[first:], c[:first]))
		}
	}
	return found
}

// shortest returns a shortest way between two nodes of a component.
func (g *walkGraph) shortest(from, to int) Cycle {
	type step struct {
		node int
		by   *Field
	}
	came := map[int]step{from: {from, nil}}
	for queue := []int{from}; len(queue) > 0 && queue[0] != to; queue = queue[1:] {
		for _, e := range g.out[queue[0]] {
			g.looks--
			if _, seen := came[e.to]; !seen && g.inside(queue[0], e) {
				came[e.to] = step{queue[0], e.field}
				queue = append(queue, e.to)
			}
		}
	}
	var way Cycle
	for at := to; at != from; at = came[at].node {
		way = append(way, came[at].by)
	}
	slices.Reverse(way)
	return way
}
