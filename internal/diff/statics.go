package diff

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// issuers compares the accepted issuers. None means any (A32, A50).
func (p *pass) issuers(from, to place, old, now []policy.Text) {
	if len(old) == 0 {
		return
	}
	l := loss{from: from.on(old[0].Pos), to: to, what: quoted(old), old: quoted(old), new: quoted(now)}
	if len(now) == 0 {
		l.kind = "issuers-dropped"
		p.add(l)
		return
	}
	for _, n := range now {
		if !slices.ContainsFunc(old, func(o policy.Text) bool { return o.Value == n.Value }) {
			l.kind, l.what, l.to = "issuer-added", n.Value, to.on(n.Pos)
			p.add(l)
		}
	}
}

func quoted(list []policy.Text) string {
	var all []string
	for _, t := range list {
		all = append(all, fmt.Sprintf("%q", t.Value))
	}
	return join(all, "any")
}

func join(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

// atom is the smallest requirement for a claim: a value that it must hold, or a pattern
// that it, or one of its elements, must match (A70, A71).
type atom policy.Term

func (a atom) String() string {
	if a.Pattern {
		return fmt.Sprintf("pattern %q", a.Value)
	}
	return fmt.Sprintf("%q", a.Value)
}

// atoms returns what is required of each claim; of has it by the claim's name.
func atoms(list []policy.StaticClaim) (claims []policy.RequiredClaim, of map[string][]atom) {
	claims, of = policy.RequiredClaims(list), map[string][]atom{}
	for _, r := range claims {
		for _, t := range r.Terms {
			of[r.Claim] = append(of[r.Claim], atom(t))
		}
	}
	return claims, of
}

func (a atom) same(b atom) bool { return a.Pattern == b.Pattern && a.Value == b.Value }

// expression returns a pattern for everything that satisfies a; with a variable in a
// value, for more.
func (a atom) expression() string {
	if a.Pattern {
		return a.Value
	}
	var b strings.Builder
	rest := a.Value
	for {
		before, after, found := strings.Cut(rest, "${")
		b.WriteString(regexp.QuoteMeta(before))
		if !found {
			return b.String()
		}
		_, rest, _ = strings.Cut(after, "}")
		b.WriteString(`(?s:.*)`)
	}
}

// implies reports whether what satisfies a also satisfies b, and otherwise returns a JSON
// value that does not, if one is known.
func (a atom) implies(b atom, cache *inclusionCache) (verdict, string) {
	if a.same(b) {
		return holds, ""
	}
	example := func(text string) string { return string(strictjson.Quote(text)) }
	switch {
	case !a.Pattern && variable(a.Value) && !b.Pattern, !b.Pattern && variable(b.Value):
		return fails, "" // as they are written
	case !a.Pattern && !b.Pattern:
		return fails, example(a.Value)
	}
	answer, witness := cache.included(a.expression(), b.expression())
	switch {
	case answer == holds && !b.Pattern && scalar(b.Value):
		return fails, b.Value // as a number or boolean it matches a, but is not a string (A70, A71)
	case answer == fails && !a.Pattern && variable(a.Value):
		return undecided, "" // the variable may have another value
	case answer == fails:
		return fails, example(witness)
	}
	return answer, ""
}

// scalar reports whether text is a JSON number or boolean.
func scalar(text string) bool {
	list, err := strictjson.Array([]byte("["+text+"]"), 2)
	return err == nil && len(list) == 1 && strings.TrimSpace(text) == text && strings.Contains("0tf", string(list[0].Kind()))
}

// implied reports whether a claim that satisfies every atom of list satisfies b. That is
// so exactly if one of them implies it: otherwise an array with, for each atom, an
// element that satisfies it but not b, is a counterexample, which implied returns.
func implied(list []atom, b atom, cache *inclusionCache) (verdict, string) {
	answer := fails
	var examples []string
	for _, a := range list {
		one, example := a.implies(b, cache)
		switch one {
		case holds:
			return holds, ""
		case undecided:
			answer = undecided
		}
		if example == "" {
			answer = max(answer, partly)
		}
		examples = append(examples, example)
	}
	switch {
	case answer == partly: // false, but without an example
		return fails, ""
	case answer == fails && len(examples) == 1:
		return fails, examples[0]
	case answer == fails:
		return fails, "[" + strings.Join(examples, ",") + "]"
	}
	return undecided, ""
}

// statics compares the static claims of a token (section 7).
func (p *pass) statics(from, to place, old, now []policy.StaticClaim) {
	claims, asked := atoms(old)
	news, asks := atoms(now)
	required := map[string]descset.Position{}
	for _, r := range news {
		required[r.Claim] = r.Pos
	}
	for _, r := range claims {
		claim := r.Claim
		l := loss{from: from.on(r.Pos), to: to, what: claim, old: list(asked[claim]), new: list(asks[claim]), key: claim}
		if len(asks[claim]) == 0 {
			l.kind = "static-claim-removed"
			p.add(l)
			continue
		}
		l.to = to.on(required[claim])
		for _, a := range asked[claim] {
			if answer, example := implied(asks[claim], a, p.inclusions); answer != holds {
				p.atomLost(l, claim, a, asked[claim], asks[claim], answer, example)
			}
		}
	}
}

func list(atoms []atom) string {
	var all []string
	for _, a := range atoms {
		all = append(all, a.String())
	}
	return join(all, "nothing")
}

func (p *pass) atomLost(l loss, claim string, a atom, asked, asks []atom, answer verdict, example string) {
	var others []string // patterns that may replace a
	for _, b := range asks {
		if b.Pattern && !slices.ContainsFunc(asked, b.same) {
			others = append(others, b.Value)
			l.to = l.to.on(b.Pos)
		}
	}
	l.what, l.label = claim+": "+a.Value, fmt.Sprintf("%q of %q", a.Value, claim)
	l.from = l.from.on(a.Pos)
	switch {
	case answer == undecided:
		l.kind = "static-pattern-changed"
		l.replaces(claim, list(asked), list(asks))
	case !a.Pattern:
		l.kind = "static-value-removed"
	case len(others) > 0:
		l.kind = "static-pattern-widened"
		l.replaces(claim, a.Value, strings.Join(others, ", "))
	default:
		l.kind = "static-pattern-removed"
	}
	if answer == fails && example != "" {
		l.reason = "; for example " + example + " passes now"
	}
	p.add(l)
}

// replaces sets l to one pattern, or several, replacing others.
func (l *loss) replaces(claim, old, now string) {
	arrow := func(a, b string) string { return claim + ": " + a + " → " + b }
	l.what, l.reverse, l.label, l.reverseLabel = arrow(old, now), arrow(now, old), "", ""
}
