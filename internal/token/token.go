// Package token makes the claims of a token, and ensures that each requested claim is in
// it exactly once. The meaning of claims to a server is up to others (package temporal),
// and signing is up to package jws.
package token

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// MaxLifetime is the longest lifetime of a token unless Request.MaxTTL is set.
const MaxLifetime = 24 * time.Hour

// Request describes the claims of a token. Empty fields are omitted.
type Request struct {
	Subject string
	Issuer  string
	// Audience becomes a string if it has one value, and an array otherwise (RFC 7519
	// section 4.1.3).
	Audience []string
	// Permissions are Temporal permissions, in order.
	Permissions []string
	// TTL is the token's lifetime, at least a second; exp is rounded down to a whole
	// second.
	TTL time.Duration
	// MaxTTL is the longest accepted TTL; 0 means MaxLifetime.
	MaxTTL time.Duration
	// NoExpiry makes a token without exp; TTL must then be 0.
	NoExpiry bool
	// IssuedAt adds iat.
	IssuedAt bool
	// ID is jti, and NotBefore, unless zero, nbf in whole seconds.
	ID        string
	NotBefore time.Time
	// Base are claims to start from, in order. Its exp, nbf and iat are replaced by TTL,
	// NotBefore and IssuedAt; other claims may not be set twice.
	Base []Claim
	// Extra are further claims, in order. They must not repeat a claim of a field above
	// or another claim, or differ from one only in case.
	Extra []Claim
	// AnyExtra permits claims in Extra that have a field above, and TimesExtra permits
	// exp, nbf and iat, if the field is empty. exp then need not be in the future.
	AnyExtra, TimesExtra bool
	Now                  time.Time
	// Fields gives, by claim, the name that messages use for the field that sets it, and
	// Sources the name for what set a claim of Extra, if not "claim".
	Fields, Sources map[string]string
}

// Has reports whether Base or Extra have a claim called name.
func (r Request) Has(name string) bool { return has(r.Base, name) || has(r.Extra, name) }

func has(list []Claim, name string) bool {
	return slices.ContainsFunc(list, func(c Claim) bool { return c.Name == name })
}

// source returns what set the claim called name of Base or Extra, for messages.
func (r Request) source(name string) string {
	if has(r.Extra, name) {
		return cmp.Or(r.Sources[name], "claim")
	}
	return "claims"
}

// Claims returns r as a JSON object; the same request always gives the same bytes. An
// invalid lifetime, or a claim set twice, is a usage error (S43).
func Claims(r Request) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	made, err := r.fieldClaims()
	if err != nil {
		return nil, err
	}
	list := slices.Clone(r.Base)
	for i, c := range list {
		if at := slices.IndexFunc(made, func(m Claim) bool { return m.Name == c.Name }); at >= 0 {
			list[i] = made[at]
			made = slices.Delete(made, at, at+1)
		}
	}
	claims, err := strictjson.AppendMembers(append(make([]byte, 0, 256), '{'), slices.Concat(list, made, r.Extra))
	if err != nil {
		return nil, fault.New(fault.UsageError, "claims", "do not form a JSON object: %w", err)
	}
	claims = append(claims, '}')
	if err := r.checkClaims(claims); err != nil {
		return nil, err
	}
	return claims, nil
}

// fieldClaims returns the claims that the fields of r set.
func (r Request) fieldClaims() ([]Claim, error) {
	var list []Claim
	var bad error
	add := func(name string, out []byte, err error) {
		list = append(list, Claim{Name: name, Value: out})
		bad = cmp.Or(bad, err)
	}
	text := func(name, value string) {
		if value != "" {
			out, err := jsontext.AppendQuote(nil, value)
			add(name, out, err)
		}
	}
	array := func(name string, values []string) {
		out := []byte{'['}
		for i, v := range values {
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			out, err = jsontext.AppendQuote(out, v)
			bad = cmp.Or(bad, err)
		}
		add(name, append(out, ']'), nil)
	}
	number := func(name string, value int64) { add(name, strconv.AppendInt(nil, value, 10), nil) }
	text("iss", r.Issuer)
	text("sub", r.Subject)
	switch len(r.Audience) {
	case 0:
	case 1:
		text("aud", r.Audience[0])
	default:
		array("aud", r.Audience)
	}
	if r.Permissions != nil {
		array("permissions", r.Permissions)
	}
	if !r.NotBefore.IsZero() {
		number("nbf", r.NotBefore.Unix())
	}
	if r.IssuedAt {
		number("iat", r.Now.Unix())
	}
	if r.TTL != 0 {
		number("exp", r.Now.Add(r.TTL).Unix())
	}
	text("jti", r.ID)
	if bad != nil {
		return nil, fault.New(fault.UsageError, "claims", "do not form a JSON object: %w", bad)
	}
	return list, nil
}

func (r Request) maxTTL() time.Duration {
	if r.MaxTTL == 0 {
		return MaxLifetime
	}
	return r.MaxTTL
}

// check refuses invalid lifetimes and claims.
func (r Request) check() error {
	switch {
	case r.NoExpiry && r.TTL != 0:
		return fault.New(fault.UsageError, "no-expiry", "a token without exp cannot have a lifetime")
	case r.NoExpiry && r.Has("exp"):
		return fault.New(fault.UsageError, "no-expiry", "the claims have exp")
	case r.NoExpiry, r.TTL == 0 && r.Has("exp"):
	case r.TTL < time.Second:
		return fault.New(fault.UsageError, "ttl", "must be at least 1s (got %s)", quote.Duration(r.TTL))
	case r.TTL > r.maxTTL():
		return fault.New(fault.UsageError, "ttl", "must be at most %s (got %s)", quote.Duration(r.maxTTL()), quote.Duration(r.TTL)).WithHint(revocationHint)
	}
	if slices.Contains(r.Audience, "") {
		return fault.New(fault.UsageError, "aud", "must not be empty")
	}
	return r.checkNames()
}

const revocationHint = "a token cannot be revoked before it expires"

// reserved returns the claims that Base and Extra may not set because a field of r does,
// with the field's name for messages.
func (r Request) reserved() map[string]string {
	fields := map[string]string{}
	makes := map[string]bool{
		"sub": r.Subject != "", "iss": r.Issuer != "", "aud": len(r.Audience) > 0, "exp": r.TTL != 0, "iat": r.IssuedAt,
		"nbf": !r.NotBefore.IsZero(), "jti": r.ID != "", "permissions": r.Permissions != nil,
	}
	for name, made := range makes {
		isTime := name == "exp" || name == "iat"
		always := name == "nbf" || name == "jti" // formerly not set by any field
		if made || !r.AnyExtra && !always && (!r.TimesExtra || !isTime) {
			fields[name] = cmp.Or(r.Fields[name], "a field of the request")
		}
	}
	return fields
}

// checkNames refuses claims that some readers would confuse with another.
func (r Request) checkNames() error {
	seen := r.reserved()
	add := func(name string) error {
		for other := range seen { // S44: readers that ignore case see a duplicate claim
			if name != other && strings.EqualFold(other, name) {
				return fault.New(fault.UsageError, r.source(name), "the claim %q differs from %q only in case", quote.Shorten(name), quote.Shorten(other))
			}
		}
		seen[name] = ""
		return nil
	}
	for _, c := range r.Base {
		if field := seen[c.Name]; field != "" && !slices.Contains([]string{"exp", "nbf", "iat"}, c.Name) {
			return fault.New(fault.UsageError, "claims", "the claim %q is also set by %s", c.Name, field)
		}
		if err := add(c.Name); err != nil {
			return err
		}
	}
	for _, c := range r.Extra {
		switch field, taken := seen[c.Name]; {
		case taken && field == "":
			return fault.New(fault.UsageError, r.source(c.Name), "the claim %q is given twice", quote.Shorten(c.Name))
		case taken:
			return fault.New(fault.UsageError, r.source(c.Name), "the claim %q is set by %s", c.Name, field)
		}
		if err := add(c.Name); err != nil {
			return err
		}
	}
	return nil
}

// checkClaims refuses registered claims that verifiers do not accept, and a time of validity
// that has passed, is empty or is too far away. Times in Extra may be of the first two.
func (r Request) checkClaims(claims []byte) error {
	c, err := jws.CheckClaims(claims)
	var bad *fault.Error
	if errors.As(err, &bad) {
		return fault.New(fault.UsageError, r.source(bad.What), "the claim %q %s (RFC 7519 section 4.1)", bad.What, bad.Reason)
	}
	exp, err := c.Expiry()
	if err != nil || exp.IsZero() {
		return err
	}
	nbf, err := c.NotBefore()
	switch life := exp.Sub(r.Now); {
	case err != nil:
		return err
	case !nbf.IsZero() && !nbf.Before(exp) && !has(r.Extra, "exp") && !has(r.Extra, "nbf"):
		return r.neverValid(nbf, exp)
	case r.TTL != 0:
	case life <= 0 && !has(r.Extra, "exp"):
		return fault.New(fault.UsageError, "claims", "exp is in the past (%s)", utc(exp))
	case life > r.maxTTL():
		return fault.New(fault.UsageError, r.source("exp"), "exp (%s) is more than %s away", utc(exp), quote.Duration(r.maxTTL())).
			WithHint(revocationHint)
	}
	return nil
}

// neverValid returns the error for a token that expires before it becomes valid.
func (r Request) neverValid(nbf, exp time.Time) error {
	from := "claims"
	if !r.NotBefore.IsZero() {
		from = "nbf"
	}
	return fault.New(fault.UsageError, from, "the token would never be valid: exp (%s) is not after nbf (%s)", utc(exp), utc(nbf))
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
