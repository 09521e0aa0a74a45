package diff

import (
	"fmt"
	"regexp/syntax"
	"slices"
)

// verdict is the answer to a question that cannot always be decided.
type verdict int

const (
	fails     verdict = iota
	partly            // false, but no example is known
	undecided         // too hard, or depends on more than annotations
	holds
)

// Limits of included: states and steps for one question, and steps for a whole
// comparison. Real patterns need some hundreds of steps; hostile ones can need 2 to the
// power of their length.
const (
	maxStates   = 5_000
	maxSteps    = 2 << 20
	maxAllSteps = 50 * maxSteps
)

// inclusionCache answers included once for each question: the methods of a service ask the same.
type inclusionCache struct {
	known map[[2]string]answer
	steps int
}

type answer struct {
	verdict verdict
	example string
}

func newInclusionCache() *inclusionCache { return &inclusionCache{known: map[[2]string]answer{}} }

func (o *inclusionCache) included(narrow, wide string) (verdict, string) {
	question := [2]string{narrow, wide}
	a, known := o.known[question]
	if !known {
		steps := 0
		if a.verdict = undecided; o.steps < maxAllSteps {
			a.verdict, a.example, steps = included(narrow, wide)
		}
		o.known[question] = a
		o.steps += steps
	}
	return a.verdict, a.example
}

// included reports whether wide matches every text that narrow matches, both as whole
// texts, and otherwise returns a shortest counterexample. RE2 patterns describe regular
// languages, so this is decidable: both run in parallel as deterministic automata, built
// on demand, in search of a text that only narrow accepts.
func included(narrow, wide string) (_ verdict, example string, steps int) {
	a, errA := compile(narrow)
	b, errB := compile(wide)
	if errA != nil || errB != nil {
		return undecided, "", 0
	}
	s := search{a: automaton{prog: a}, b: automaton{prog: b}, known: map[string]bool{}}
	s.assertions = hasAssertions(a) || hasAssertions(b)
	tests, edges := runeTests(s.assertions, a, b)
	if s.a.steps = len(tests) * len(edges); s.a.steps > maxSteps {
		return undecided, "", maxSteps
	}
	s.runes = alphabet(tests, edges)
	found, example := s.run()
	return found, example, s.a.steps + s.b.steps
}

func compile(pattern string) (*syntax.Prog, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return syntax.Compile(re.Simplify())
}

// hasAssertions reports whether p depends on both sides of a position, like \b.
func hasAssertions(p *syntax.Prog) bool {
	return slices.ContainsFunc(p.Inst, func(i syntax.Inst) bool { return i.Op == syntax.InstEmptyWidth })
}

// automaton runs a pattern; its states are sorted sets of instructions.
type automaton struct {
	prog  *syntax.Prog
	steps int
}

// reach returns the instructions that read a rune or match, and are reachable from in
// without reading any, given flags.
func (m *automaton) reach(in []uint32, flags syntax.EmptyOp) []uint32 {
	seen := make(map[uint32]bool, len(in))
	var out []uint32
	todo := slices.Clone(in)
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		m.steps++
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch i := &m.prog.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, i.Out, i.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, i.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(i.Arg)&^flags == 0 {
				todo = append(todo, i.Out)
			}
		case syntax.InstFail:
		default:
			out = append(out, pc)
		}
	}
	return out
}

// next returns the state after r.
func (m *automaton) next(reached []uint32, r rune) []uint32 {
	var out []uint32
	for _, pc := range reached {
		m.steps++
		if i := &m.prog.Inst[pc]; i.Op != syntax.InstMatch && i.MatchRune(r) {
			out = append(out, i.Out)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (m *automaton) accepts(in []uint32, flags syntax.EmptyOp) bool {
	return slices.ContainsFunc(m.reach(in, flags), func(pc uint32) bool { return m.prog.Inst[pc].Op == syntax.InstMatch })
}

// search walks both automata, shortest texts first.
type search struct {
	a, b       automaton
	assertions bool
	runes      []rune // one of each class that the patterns distinguish
	nodes      []node
	known      map[string]bool
}

type node struct {
	a, b []uint32
	last rune // the last rune read; -1 if none
	up   int  // the node before it; -1 if none
}

// exhausted reports whether the limits are reached.
func (s *search) exhausted() bool { return len(s.nodes) > maxStates || s.a.steps+s.b.steps > maxSteps }

func (s *search) run() (verdict, string) {
	s.visit(node{[]uint32{uint32(s.a.prog.Start)}, []uint32{uint32(s.b.prog.Start)}, -1, -1})
	for at := 0; at < len(s.nodes); at++ {
		n := s.nodes[at]
		end := syntax.EmptyOpContext(n.last, -1)
		if s.a.accepts(n.a, end) && !s.b.accepts(n.b, end) {
			return fails, s.text(at)
		}
		// Assertions between two runes depend on both.
		var a, b []uint32
		flags := syntax.EmptyOp(0xff)
		for _, r := range s.runes {
			if s.exhausted() {
				return undecided, ""
			}
			if f := syntax.EmptyOpContext(n.last, r); f != flags {
				flags, a, b = f, s.a.reach(n.a, f), s.b.reach(n.b, f)
			}
			s.visit(node{s.a.next(a, r), s.b.next(b, r), r, at})
		}
	}
	return holds, ""
}

// visit adds n unless it was visited or is a dead end.
func (s *search) visit(n node) {
	if len(n.a) == 0 {
		return
	}
	context := syntax.EmptyOp(0)
	if s.assertions {
		// The classes of runes that assertions distinguish: none, line end, word or
		// other.
		context = syntax.EmptyOpContext(n.last, 'a')
	}
	key := fmt.Sprint(n.a, n.b, context)
	if !s.known[key] {
		s.known[key] = true
		s.nodes = append(s.nodes, n)
	}
}

// text returns the text read up to a node.
func (s *search) text(at int) string {
	var runes []rune
	for ; s.nodes[at].up >= 0; at = s.nodes[at].up {
		runes = append(runes, s.nodes[at].last)
	}
	slices.Reverse(runes)
	return string(runes)
}
