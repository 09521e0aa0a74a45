// Package bearer makes the claims of a bearer token that a method accepts, for tests of
// the method's service.
package bearer

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// Claims returns the claims, apart from times, with which a method accepts a token: iss,
// if the method names issuers, and its static claims. It omits claims for which given is
// true. need may be nil. examples are the claims whose value is only an example of a
// pattern.
//
// It returns a usage error if it finds no example for a pattern, naming the claim.
func Claims(need *plan.Bearer, given func(name string) bool) (list []strictjson.Member, examples []string, err error) {
	if need == nil {
		return nil, nil, nil
	}
	if len(need.Issuers) > 0 && !given("iss") {
		list = append(list, strictjson.Member{Name: "iss", Value: strictjson.Quote(need.Issuers[0])})
	}
	texts, order := map[string][]string{}, []string(nil)
	for i := range need.StaticClaims {
		s := &need.StaticClaims[i]
		if given(s.Claim) {
			continue
		}
		if _, seen := texts[s.Claim]; !seen {
			order = append(order, s.Claim)
		}
		texts[s.Claim] = append(texts[s.Claim], s.Values...)
	}
	for i := range need.StaticClaims {
		s := &need.StaticClaims[i]
		if s.Pattern == nil || given(s.Claim) || anyMatches(s.Pattern, texts[s.Claim]) {
			continue
		}
		text, ok := Example(s.Pattern)
		if !ok {
			return nil, nil, fault.New(fault.UsageError, "claim", "found no example that matches the pattern of claim %q", quote.Shorten(s.Claim)).
				WithHint("pass a value that matches: %s=TEXT", quote.Shell(s.Claim))
		}
		texts[s.Claim] = append(texts[s.Claim], text)
		examples = append(examples, s.Claim)
	}
	for _, name := range order {
		if name == "iss" && len(need.Issuers) > 0 {
			continue // decided above; a different static claim fails
		}
		var value any = texts[name]
		if len(texts[name]) == 1 {
			value = texts[name][0]
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, nil, fault.New(fault.Internal, name, "cannot be encoded")
		}
		list = append(list, strictjson.Member{Name: name, Value: text})
	}
	return list, examples, nil
}

func anyMatches(p *regexp.Regexp, texts []string) bool {
	return slices.ContainsFunc(texts, p.MatchString)
}

// Example returns a short text that p, an expression for whole texts, matches. It returns
// false if it finds none.
func Example(p *regexp.Regexp) (string, bool) {
	tree, err := syntax.Parse(p.String(), syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	write(&b, tree.Simplify())
	return b.String(), p.MatchString(b.String())
}

// write writes a short readable text that probably matches re.
func write(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		b.WriteRune(readable(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		write(b, re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			write(b, sub)
		}
	case syntax.OpAlternate:
		write(b, re.Sub[0])
	case syntax.OpRepeat:
		for range re.Min {
			write(b, re.Sub[0])
		}
	}
}

// readable returns a letter or digit in the ranges, or else their first character.
func readable(ranges []rune) rune {
	for _, want := range "1aA" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	if len(ranges) == 0 {
		return 'x'
	}
	return ranges[0]
}
