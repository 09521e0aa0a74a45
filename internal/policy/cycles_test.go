package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestA100_FindsCycles(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"itself": {
			`message A { A child = 1 [(kalix.field).jwt.claim = DESCEND]; }`,
			[]string{"t.A.child (DESCEND) → t.A"},
		},
		"through another, starting with the first declared": {
			`message B { A back = 1 [(kalix.field).jwt.claim = NEST]; }
			 message A { B child = 1 [(kalix.field).jwt.claim = DESCEND]; }`,
			[]string{"t.B.back (NEST) → t.A.child (DESCEND) → t.B"},
		},
		"through a oneof and repeated fields": {
			`message A { oneof one { B b = 1 [(kalix.field).jwt.claim = DESCEND]; string s = 2; } }
			 message B { repeated C c = 1 [(kalix.field).jwt.claim = NEST]; }
			 message C { A a = 1 [(kalix.field).jwt.claim = NEST]; }`,
			[]string{"t.A.b (DESCEND) → t.B.c (NEST) → t.C.a (NEST) → t.A"},
		},
		"two fields, two cycles": {
			`message A { B one = 1 [(kalix.field).jwt.claim = NEST]; B two = 2 [(kalix.field).jwt.claim = DESCEND]; }
			 message B { A a = 1 [(kalix.field).jwt.claim = NEST]; }`,
			[]string{"t.A.one (NEST) → t.B.a (NEST) → t.A", "t.A.two (DESCEND) → t.B.a (NEST) → t.A"},
		},
		"not including the validated message": {
			`message A { B b = 1 [(kalix.field).jwt.claim = DESCEND]; }
			 message B { B b = 1 [(kalix.field).jwt.claim = DESCEND]; }`,
			[]string{"t.B.b (DESCEND) → t.B"},
		},
		"starting with the first declared, not the first reached": {
			`message A { C c = 1 [(kalix.field).jwt.claim = NEST]; }
			 message B { C c = 1 [(kalix.field).jwt.claim = NEST]; }
			 message C { B b = 1 [(kalix.field).jwt.claim = NEST]; }`,
			[]string{"t.B.c (NEST) → t.C.b (NEST) → t.B"},
		},
		"figure of eight": {
			`message A { B b = 1 [(kalix.field).jwt.claim = NEST]; C c = 2 [(kalix.field).jwt.claim = NEST]; }
			 message B { A a = 1 [(kalix.field).jwt.claim = NEST]; }
			 message C { A a = 1 [(kalix.field).jwt.claim = NEST]; }`,
			[]string{"t.A.b (NEST) → t.B.a (NEST) → t.A", "t.A.c (NEST) → t.C.a (NEST) → t.A"},
		},
		"recursion without annotations": {
			`message A {
				A plain = 1;
				A whole = 2 [(kalix.field).jwt.claim = INCLUDE];
				repeated A tokens = 3 [(kalix.field).jwt.token = true];
				map<string, A> map = 4 [(kalix.field).jwt.claim = NEST];
				B b = 5 [(kalix.field).jwt.claim = NEST];
			}
			message B { A a = 1; string s = 2 [(kalix.field).jwt.claim = DESCEND]; }`,
			nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range one(t, test.text).Cycles() {
				got = append(got, c.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// graph returns a policy with only messages and the fields that walk them.
func graph(nodes int, edges [][2]int) *policy.Policy {
	p := &policy.Policy{}
	for range nodes {
		p.Messages = append(p.Messages, &policy.Message{})
	}
	for _, e := range edges {
		from := p.Messages[e[0]]
		from.Fields = append(from.Fields, &policy.Field{Parent: from, Child: p.Messages[e[1]], Claim: policy.Descend})
	}
	return p
}

// everyCycle finds cycles by brute force: it follows every path from every message, using
// only messages that come after it, and keeps those that return.
func everyCycle(p *policy.Policy) (all []policy.Cycle) {
	number := map[*policy.Message]int{}
	for i, m := range p.Messages {
		number[m] = i
	}
	var follow func(path policy.Cycle, at *policy.Message)
	follow = func(path policy.Cycle, at *policy.Message) {
		for _, f := range at.Fields {
			next := append(slices.Clone(path), f)
			first := next[0].Parent
			switch {
			case f.Child == first:
				all = append(all, next)
			case number[f.Child] > number[first] && !slices.ContainsFunc(next, func(g *policy.Field) bool { return g.Parent == f.Child }):
				follow(next, f.Child)
			}
		}
	}
	for _, m := range p.Messages {
		follow(nil, m)
	}
	return all
}

// TestA100_CyclesOfRandomGraphs compares Cycles with brute force.
func TestA100_CyclesOfRandomGraphs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(1, 8).Draw(t, "nodes")
		node := rapid.IntRange(0, nodes-1)
		count := rapid.IntRange(0, 2*nodes+4).Draw(t, "count")
		edges := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]int { return [2]int{node.Draw(t, "from"), node.Draw(t, "to")} }), count, count).Draw(t, "edges")
		nameEachField(t, graph(nodes, edges))
	})
}

// TestA100_ManyCyclesNameEachField: for messages that all lead to each other, each result
// is a cycle, and every field is included.
func TestA100_ManyCyclesNameEachField(t *testing.T) {
	var edges [][2]int
	const nodes = 6
	for from := range nodes {
		for to := range nodes {
			edges = append(edges, [2]int{from, to}, [2]int{to, from})
		}
	}
	nameEachField(t, graph(nodes, edges))
}

// nameEachField checks that the cycles of p are cycles, without duplicates, sorted, each
// a shortest one for some field, and that they include exactly the fields for which
// OnCycle is true.
func nameEachField(t interface {
	Helper()
	Errorf(string, ...any)
}, p *policy.Policy) {
	t.Helper()
	key := func(c policy.Cycle) string { return fmt.Sprint([]*policy.Field(c)) }
	actual, shortest := map[string]bool{}, map[*policy.Field]int{}
	for _, c := range everyCycle(p) {
		actual[key(c)] = true
		for _, f := range c {
			if shortest[f] == 0 || len(c) < shortest[f] {
				shortest[f] = len(c)
			}
		}
	}
	onCycle := p.OnCycle()
	for _, m := range p.Messages {
		for _, f := range m.Fields {
			if onCycle(f) != (shortest[f] > 0) {
				t.Errorf("got OnCycle %v, but the shortest cycle has %d fields", onCycle(f), shortest[f])
			}
		}
	}
	named := map[*policy.Field]bool{}
	got := p.Cycles()
	for _, c := range got {
		if !actual[key(c)] {
			t.Errorf("not a cycle, or a duplicate: %s", lines(p, []policy.Cycle{c}))
		}
		delete(actual, key(c))
		if !slices.ContainsFunc(c, func(f *policy.Field) bool { return shortest[f] == len(c) }) {
			t.Errorf("not a shortest cycle: %s", lines(p, []policy.Cycle{c}))
		}
		for _, f := range c {
			named[f] = true
		}
	}
	if len(named) != len(shortest) {
		t.Errorf("%d fields are on a cycle, but %d are named", len(shortest), len(named))
	}
	number := map[*policy.Field]int{}
	for _, m := range p.Messages {
		for _, f := range m.Fields {
			number[f] = len(number)
		}
	}
	if !slices.IsSortedFunc(got, func(a, b policy.Cycle) int {
		return slices.CompareFunc(a, b, func(a, b *policy.Field) int { return number[a] - number[b] })
	}) {
		t.Errorf("not sorted:\n%s", lines(p, got))
	}
}

func lines(p *policy.Policy, list []policy.Cycle) string {
	var b strings.Builder
	for _, c := range list {
		for _, f := range c {
			fmt.Fprintf(&b, "%d.%d ", slices.Index(p.Messages, f.Parent), slices.Index(f.Parent.Fields, f))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestA100_LargeGraphs: many messages, in graphs that are deep or expensive.
func TestA100_LargeGraphs(t *testing.T) {
	shapes := map[string]struct {
		edges func(i, n int) [][2]int
		n     int
		want  int // cycles; -1 means any number
	}{
		"chain":          {func(i, n int) [][2]int { return [][2]int{{i, min(i+1, n-1)}} }, 20_000, 1},
		"ring":           {func(i, n int) [][2]int { return [][2]int{{i, (i + 1) % n}} }, 20_000, 1},
		"pairs":          {func(i, n int) [][2]int { return [][2]int{{i, i ^ 1}} }, 20_000, 10_000},
		"loops":          {func(i, n int) [][2]int { return [][2]int{{i, i}} }, 20_000, 20_000},
		"ring and loops": {func(i, n int) [][2]int { return [][2]int{{i, (i + 1) % n}, {i, i}} }, 20_000, 20_001},
		"both ways":      {func(i, n int) [][2]int { return [][2]int{{i, min(i+1, n-1)}, {min(i+1, n-1), i}} }, 5000, 5001},
		"ring and jumps": {func(i, n int) [][2]int { return [][2]int{{i, (i + 1) % n}, {i, (i + 2) % n}} }, 5000, -1},
		"star":           {func(i, n int) [][2]int { return [][2]int{{0, i}, {i, 0}} }, 20_000, 20_001},
		"ring twice":     {func(i, n int) [][2]int { return [][2]int{{i, (i + 1) % n}, {i, (i + 1) % n}} }, 5000, -1},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			var edges [][2]int
			for i := range shape.n {
				edges = append(edges, shape.edges(i, shape.n)...)
			}
			var got []policy.Cycle
			took := testkit.CPU(func() { got = graph(shape.n, edges).Cycles() })
			t.Logf("%d cycles, %s", len(got), took.Round(time.Millisecond))
			if shape.want >= 0 && len(got) != shape.want {
				t.Errorf("got %d cycles, want %d", len(got), shape.want)
			}
			if took > time.Minute {
				t.Errorf("took %s", took)
			}
		})
	}
}
