package jwtpolicy

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/jwtctl/jwtctl/internal/jws"
)

// Claims are those of a bearer token that passed. The zero value has none.
type Claims struct{ token *jws.Verified }

// FromContext returns the claims of the bearer token of the call that ctx belongs to;
// false where its method requires none.
func FromContext(ctx context.Context) (Claims, bool) {
	c, _ := ctx.Value(callKey{}).(*Call)
	if c == nil {
		return Claims{}, false
	}
	return c.Claims()
}

// Issuer returns iss, "" for none.
func (c Claims) Issuer() string { return c.text((*jws.Claims).Issuer) }

// Subject returns sub, "" for none.
func (c Claims) Subject() string { return c.text((*jws.Claims).Subject) }

func (c Claims) text(get func(*jws.Claims) (*string, error)) string {
	if c.token == nil {
		return ""
	}
	text, err := get(c.token.Claims)
	if err != nil || text == nil { // checked when the token passed
		return ""
	}
	return *text
}

// Audience returns aud, a string being a list of one.
func (c Claims) Audience() []string {
	if c.token == nil {
		return nil
	}
	list, _ := c.token.Claims.Audience()
	return list
}

// Expiry returns exp, the zero time for none.
func (c Claims) Expiry() time.Time {
	if c.token == nil {
		return time.Time{}
	}
	at, _ := c.token.Claims.Expiry()
	return at
}

// Has reports whether there is a claim of exactly this name.
func (c Claims) Has(name string) bool { return c.JSON(name) != nil }

// JSON returns the JSON of a claim as the token has it; nil for none.
func (c Claims) JSON(name string) []byte {
	if c.token == nil {
		return nil
	}
	value, _ := c.token.Claims.Get(name)
	return value
}

// Decode reads the claim called name into v, a pointer, strictly: a claim of another
// JSON type, a number that v cannot hold exactly, a member of an object twice or in
// another case are errors (invalid_claim), and so is a claim that is missing
// (claim_missing).
func (c Claims) Decode(name string, v any) error {
	value := c.JSON(name)
	if value == nil {
		return &Error{Code: "claim_missing", Path: name, Reason: "the token has no such claim"}
	}
	if err := json.Unmarshal(value, v); err != nil {
		return &Error{Code: "invalid_claim", Path: name, Reason: "it does not fit the type that it is read into", cause: err}
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
