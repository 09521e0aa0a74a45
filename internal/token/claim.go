package token

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// Claim is a claim with its value as JSON.
type Claim = strictjson.Member

// ParseClaim returns a claim with a JSON value. The value must follow the same rules as
// those of received tokens, so that jwtctl can read what it makes (A84).
func ParseClaim(name, value string) (Claim, error) {
	// Wrapped in an object, the value's own names, numbers and depth are parsed strictly.
	members, err := strictjson.Object([]byte(`{"value":`+value+`}`), jws.MaxDepth)
	if err != nil || len(members) != 1 {
		return Claim{}, fault.New(fault.UsageError, "claim-json", "the value of %q is not valid JSON", quote.Shorten(name)).
			WithHint("put quotes around a string: %s='\"text\"'", quote.Shorten(name))
	}
	return Claim{Name: name, Value: members[0].Value}, nil
}

// TextClaim returns a claim with the string value text.
func TextClaim(name, text string) (Claim, error) {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return Claim{}, fault.New(fault.UsageError, "claim", "the value of %q is not UTF-8", quote.Shorten(name))
	}
	return Claim{Name: name, Value: quoted}, nil
}

// ParseClaims returns the claims in a JSON object, under the rules of ParseClaim.
func ParseClaims(data []byte, source string) ([]Claim, error) {
	members, err := strictjson.Object(data, jws.MaxDepth)
	if err != nil {
		return nil, fault.New(fault.UsageError, source, "not a JSON object of claims: %w", err)
	}
	return members, nil
}
