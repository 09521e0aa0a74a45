package jws

import (
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// BearerToken returns the token in the values of an authorization header or gRPC metadata key
// (RFC 6750 section 2.1, A30, S61): there must be one value with the scheme BearerToken in any
// case, one space, and the token.
//
// It returns token_missing for no value or another scheme, and token_malformed for
// several values, several tokens in one value, and any other spelling, which two readers
// could read differently. It does not check the token itself.
func BearerToken(values ...string) (string, error) {
	switch len(values) {
	case 0:
		return "", fault.New(fault.TokenMissing, "authorization", "missing")
	case 1:
	default:
		return "", malformed("authorization", "%d values, want 1", len(values))
	}
	scheme, token, found := strings.Cut(values[0], " ")
	switch {
	case !printable(values[0]):
		return "", malformed("authorization", "contains a character that is not allowed in a header")
	case !strings.EqualFold(scheme, "Bearer") && !found:
		return "", fault.New(fault.TokenMissing, "authorization", "has no scheme, want \"Bearer TOKEN\"")
	case !strings.EqualFold(scheme, "Bearer"):
		return "", fault.New(fault.TokenMissing, "authorization", "scheme is %q, not \"Bearer\"", quote.Shorten(scheme)).Quoting()
	case token == "":
		return "", fault.New(fault.TokenMissing, "authorization", "no token follows \"Bearer\"")
	case strings.IndexByte(token, ' ') >= 0 || strings.IndexByte(token, ',') >= 0:
		return "", malformed("authorization", "more than one token, or an extra space")
	}
	return token, nil
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
