package verify

import (
	"slices"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// MaxClaimText is the maximum length in bytes of a claim that a pattern is matched
// against (S54).
const MaxClaimText = 8 << 10

// checkStatic checks that c has every static claim (A75).
func checkStatic(c object, list []plan.StaticClaim) error {
	for i := range list {
		if err := checkOneStatic(c, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkOneStatic(c object, s *plan.StaticClaim) error {
	value, ok := c.Get(s.Claim)
	switch {
	case !ok:
		return fault.New(fault.StaticClaimMismatch, "", "the token is missing claim %q", quote.Shorten(s.Claim))
	case s.Pattern != nil && len(value) > MaxClaimText:
		return fault.New(fault.StaticClaimMismatch, "", "the claim %q has %d bytes; patterns are matched against at most %d", quote.Shorten(s.Claim), len(value), MaxClaimText)
	case s.Pattern != nil && !matches(s, value):
		return fault.New(fault.StaticClaimMismatch, "", "the claim %q does not match the pattern, which must match all of it", quote.Shorten(s.Claim))
	}
	if lacks, some := missingValue(value, s.Values); some && s.Pattern == nil {
		return fault.New(fault.StaticClaimMismatch, "", "the claim %q must contain %q", quote.Shorten(s.Claim), quote.Shorten(lacks))
	}
	return nil
}

// missingValue returns the first of want that is not in value: a string is a single value, an
// array all its strings (A70).
func missingValue(value strictjson.Value, want []string) (lacks string, some bool) {
	var have []string
	if text, ok := strictjson.String(value); ok {
		have = []string{text}
	} else if elements, err := strictjson.Array(value, jws.MaxDepth); err == nil {
		for _, e := range elements {
			if text, ok := strictjson.String(e); ok {
				have = append(have, text)
			}
		}
	}
	for _, w := range want {
		if !slices.Contains(have, w) {
			return w, true
		}
	}
	return "", false
}

// matches implements A71: the whole value, or one element of an array, must match.
func matches(s *plan.StaticClaim, value strictjson.Value) bool {
	if value.Kind() != '[' {
		return matchesOne(s, value)
	}
	elements, err := strictjson.Array(value, jws.MaxDepth)
	return err == nil && slices.ContainsFunc(elements, func(e strictjson.Value) bool { return matchesOne(s, e) })
}

func matchesOne(s *plan.StaticClaim, value strictjson.Value) bool {
	switch value.Kind() {
	case '"':
		text, ok := strictjson.String(value)
		return ok && s.Pattern.MatchString(text)
	case '0', 't', 'f': // a number or boolean is matched by its JSON text
		return s.Pattern.Match(value)
	}
	return false
}
