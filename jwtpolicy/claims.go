package jwtpolicy

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/jwtctl/jwtctl/internal/jws"
)

// Claims are the claims of a verified bearer token. The zero value has none.
type Claims struct{ token *jws.Verified }

// FromContext returns the claims of the bearer token of the call that ctx belongs to. It
// returns false if the method requires no token.
func FromContext(ctx context.Context) (Claims, bool) {
	c, _ := ctx.Value(callKey{}).(*Call)
	if c == nil {
		return Claims{}, false
	}
	return c.Claims()
}

// Issuer returns the iss claim, or "".
func (c Claims) Issuer() string { return c.text((*jws.Claims).Issuer) }

// Subject returns the sub claim, or "".
func (c Claims) Subject() string { return c.text((*jws.Claims).Subject) }

func (c Claims) text(get func(*jws.Claims) (*string, error)) string {
	if c.token == nil {
		return ""
	}
	text, err := get(c.token.Claims)
	if err != nil || text == nil { // checked when the token was accepted
		return ""
	}
	return *text
}

// Audience returns the aud claim. A string is returned as a list of one.
func (c Claims) Audience() []string {
	if c.token == nil {
		return nil
	}
	list, _ := c.token.Claims.Audience()
	return list
}

// Expiry returns the exp claim, or the zero time.
func (c Claims) Expiry() time.Time {
	if c.token == nil {
		return time.Time{}
	}
	at, _ := c.token.Claims.Expiry()
	return at
}

// Has reports whether there is a claim with exactly this name.
func (c Claims) Has(name string) bool { return c.JSON(name) != nil }

// JSON returns the JSON value of a claim as it is in the token, or nil.
func (c Claims) JSON(name string) []byte {
	if c.token == nil {
		return nil
	}
	value, _ := c.token.Claims.Get(name)
	return value
}

// Decode stores the claim called name in v, which must be a pointer. Decoding is strict:
// a claim of another JSON type, a number that v cannot hold exactly, and an object with a
// duplicate member, or with one in another case, are errors (invalid_claim). A missing
// claim is an error too (claim_missing).
func (c Claims) Decode(name string, v any) error {
	value := c.JSON(name)
	if value == nil {
		return &Error{Code: "claim_missing", Path: name, Reason: "the token has no such claim"}
	}
	if err := json.Unmarshal(value, v); err != nil {
		return &Error{Code: "invalid_claim", Path: name, Reason: "does not fit the type that it is read into", cause: err}
	}
	return nil
}

// All returns the names of all claims, in the order of the token.
func (c Claims) All() []string {
	if c.token == nil {
		return nil
	}
	names := make([]string, len(c.token.Claims.Members()))
	for i, m := range c.token.Claims.Members() {
		names[i] = m.Name
	}
	return names
}
