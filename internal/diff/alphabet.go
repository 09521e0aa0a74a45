package diff

import (
	"cmp"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// alphabet returns one rune for each class that tests distinguish, the most legible of
// each. Surrogates are excluded: JSON text cannot contain them.
func alphabet(tests []func(rune) bool, edges []rune) []rune {
	best := map[string]rune{}
	var order []string
	for i, lo := range edges {
		hi := rune(unicode.MaxRune)
		if i+1 < len(edges) {
			hi = edges[i+1] - 1
		}
		if lo >= 0xD800 && hi <= 0xDFFF {
			continue
		}
		var kind strings.Builder
		for _, test := range tests {
			if test(lo) {
				kind.WriteByte('1')
			} else {
				kind.WriteByte('0')
			}
		}
		r := readable(lo, hi)
		known, ok := best[kind.String()]
		if !ok {
			order = append(order, kind.String())
		}
		if !ok || rank(r) < rank(known) {
			best[kind.String()] = r
		}
	}
	var runes []rune
	for _, kind := range order {
		runes = append(runes, best[kind])
	}
	slices.SortFunc(runes, func(a, b rune) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return runes
}

// preferred are the runes to use in examples, if there is a choice.
const preferred = "a0A-_.:/ "

func readable(lo, hi rune) rune {
	for _, r := range preferred {
		if lo <= r && r <= hi {
			return r
		}
	}
	return lo
}

func rank(r rune) int {
	switch at := strings.IndexRune(preferred, r); {
	case at >= 0:
		return at
	case r > ' ' && r < 0x7f:
		return len(preferred)
	case unicode.IsPrint(r):
		return len(preferred) + 1
	}
	return len(preferred) + 2
}

// runeTests returns the tests of single runes in the patterns, and the runes at which
// their results may change.
func runeTests(looks bool, progs ...*syntax.Prog) (tests []func(rune) bool, edges []rune) {
	edges = []rune{0, 0xD800, 0xE000}
	if looks {
		tests = append(tests, syntax.IsWordChar, func(r rune) bool { return r == '\n' })
		edges = append(edges, '\n', '\n'+1, '0', '9'+1, 'A', 'Z'+1, '_', '_'+1, 'a', 'z'+1)
	}
	seen := map[string]bool{}
	for _, p := range progs {
		for i := range p.Inst {
			inst := &p.Inst[i]
			key := fmt.Sprint(inst.Rune, inst.Arg)
			if len(inst.Rune) == 0 || seen[key] {
				continue
			}
			seen[key] = true
			tests = append(tests, inst.MatchRune)
			if len(inst.Rune) == 1 { // possibly case-insensitive
				first := inst.Rune[0]
				edges = append(edges, first, first+1)
				for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
					edges = append(edges, r, r+1)
				}
				continue
			}
			for j := 0; j+1 < len(inst.Rune); j += 2 {
				edges = append(edges, inst.Rune[j], inst.Rune[j+1]+1)
			}
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	return tests, slices.DeleteFunc(edges, func(r rune) bool { return r > unicode.MaxRune })
}
