package jws

import (
	"bytes"
	"math/big"
	"strconv"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// Claims is a claims set (RFC 7519 section 4) as it is in the token: order, names
// (compared exactly, S39) and values as written. It is immutable.
//
// The methods for registered claims return the zero value if the claim is absent, and
// invalid_claim if RFC 7519 does not permit its value.
type Claims struct {
	members []strictjson.Member
	// iss is parsed once, since every check of a token needs it.
	iss    *string
	issErr *fault.Error
}

// readClaims reads a payload. Text that does not start an object is payload_not_claims;
// an object that is not strict JSON makes the token malformed (A84).
func readClaims(payload []byte, maxDepth int) (*Claims, *fault.Error) {
	if err := checkObject(payload); err != nil {
		return nil, err
	}
	members, err := strictjson.Object(payload, maxDepth)
	if err != nil {
		return nil, jsonFault("payload", err)
	}
	c := &Claims{members: members}
	c.iss, c.issErr = c.text("iss")
	return c, nil
}

// CheckClaims returns the claims in text. Registered claims must have values that RFC
// 7519 section 4.1 permits. Errors are those of Parse for a payload, payload_not_claims,
// and invalid_claim with the name of the claim.
func CheckClaims(text []byte) (*Claims, error) {
	c, bad := readClaims(text, MaxDepth)
	if bad != nil {
		return nil, bad
	}
	return untyped(c, c.Validate("iss", "sub", "jti", "exp", "nbf", "iat", "aud"))
}

// checkClaims returns the error that readClaims would, without allocating the claims.
func checkClaims(payload []byte, maxDepth int) error {
	if err := checkObject(payload); err != nil {
		return err
	}
	if err := strictjson.Check(payload, maxDepth); err != nil {
		return jsonFault("payload", err)
	}
	return nil
}

// checkObject detects text that is not an object by its first character.
func checkObject(payload []byte) *fault.Error {
	text := bytes.TrimLeft(payload, " \t\r\n")
	switch {
	case len(payload) == 0:
		return fault.New(fault.PayloadNotClaims, "payload", "is empty, so it has no claims")
	case len(text) == 0 || text[0] != '{':
		return fault.New(fault.PayloadNotClaims, "payload", "not a JSON object, so it has no claims")
	}
	return nil
}

// Members returns all claims in the order of the token. Callers must not modify them.
func (c *Claims) Members() []strictjson.Member { return c.members }

// Get returns the value of the claim called name as written.
func (c *Claims) Get(name string) (strictjson.Value, bool) {
	for i := range c.members {
		if c.members[i].Name == name {
			return c.members[i].Value, true
		}
	}
	return nil, false
}

// Issuer returns "iss" (RFC 7519 section 4.1.1), or nil if absent. Callers must not
// modify it.
func (c *Claims) Issuer() (*string, error) { return untyped(c.iss, c.issErr) }

// Subject returns "sub" (section 4.1.2), or nil if absent.
func (c *Claims) Subject() (*string, error) { return untyped(c.text("sub")) }

// Audience returns "aud" (section 4.1.3), or nil if absent. A string is returned as an
// array of one.
func (c *Claims) Audience() ([]string, error) { return untyped(c.audience()) }

// Expiry returns "exp" (section 4.1.4). Times are exact to the nanosecond and rounded up
// beyond that, which makes no difference to a comparison with a nanosecond clock.
func (c *Claims) Expiry() (time.Time, error) { return untyped(c.time("exp")) }

// NotBefore returns "nbf" (section 4.1.5).
func (c *Claims) NotBefore() (time.Time, error) { return untyped(c.time("nbf")) }

// IssuedAt returns "iat" (section 4.1.6).
func (c *Claims) IssuedAt() (time.Time, error) { return untyped(c.time("iat")) }

// Validate returns the first invalid_claim among the registered claims called names; nil if
// RFC 7519 section 4.1 permits the values of all.
func (c *Claims) Validate(names ...string) (bad *fault.Error) {
	for _, name := range names {
		switch name {
		case "aud":
			_, bad = c.audience()
		case "exp", "nbf", "iat":
			_, bad = c.time(name)
		default:
			_, bad = c.text(name)
		}
		if bad != nil {
			return bad
		}
	}
	return nil
}

func (c *Claims) text(name string) (*string, *fault.Error) {
	v, has := c.Get(name)
	if !has {
		return nil, nil
	}
	text, isString := strictjson.String(v)
	if !isString {
		return nil, fault.New(fault.InvalidClaim, name, "is not a string")
	}
	return &text, nil
}

func (c *Claims) audience() ([]string, *fault.Error) {
	v, has := c.Get("aud")
	if !has {
		return nil, nil
	}
	if text, isString := strictjson.String(v); isString {
		return []string{text}, nil
	}
	elements, err := strictjson.Array(v, MaxDepth)
	if err != nil {
		return nil, fault.New(fault.InvalidClaim, "aud", "is neither a string nor an array of strings")
	}
	list := make([]string, len(elements))
	for i, e := range elements {
		text, isString := strictjson.String(e)
		if !isString {
			return nil, fault.New(fault.InvalidClaim, "aud", "contains a value other than a string (element %d)", i+1)
		}
		list[i] = text
	}
	return list, nil
}

func (c *Claims) time(name string) (time.Time, *fault.Error) {
	v, has := c.Get(name)
	if !has {
		return time.Time{}, nil
	}
	t, ok := numericDate(v)
	if !ok {
		return time.Time{}, fault.New(fault.InvalidClaim, name, "is not a number of seconds for a time between 1970 and 9999")
	}
	return t, nil
}

// The last second that a NumericDate may name, 9999-12-31T23:59:59Z, and the maximum
// length of its text. Both limits are our own (S36).
const (
	lastSecond   = 253402300799
	maxDateChars = 40
)

// numericDate returns the time given by number, which is JSON (RFC 7519 section 2). It
// returns false if number is not a JSON number, or is not positive (some libraries take 0
// to mean "never"), or is more than lastSecond.
func numericDate(number []byte) (time.Time, bool) {
	if sec, err := strconv.ParseInt(string(number), 10, 64); err == nil {
		return time.Unix(sec, 0), 0 < sec && sec <= lastSecond
	}
	if len(number) > maxDateChars {
		return time.Time{}, false
	}
	// Check the magnitude first: a short number can have a huge exponent.
	if f, err := strconv.ParseFloat(string(number), 64); err != nil || f <= 0 {
		return time.Time{}, false
	}
	exact, ok := new(big.Rat).SetString(string(number))
	if !ok || exact.Cmp(big.NewRat(lastSecond, 1)) > 0 {
		return time.Time{}, false
	}
	nanos := exact.Mul(exact, big.NewRat(int64(time.Second), 1))
	whole, rest := new(big.Int).QuoRem(nanos.Num(), nanos.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	sec, nsec := whole.QuoRem(whole, big.NewInt(int64(time.Second)), rest)
	return time.Unix(sec.Int64(), nsec.Int64()), true
}
