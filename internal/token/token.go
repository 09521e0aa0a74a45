// Package token makes the claims of a token. What a claim means to somebody's
// server is decided elsewhere (package temporal), signing is package jws's; here
// it is made sure that the token says what was asked for, once and exactly.
//
// It may import jws, keys, strictjson and fault.
package token

import (
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

// MaxLifetime is the longest life of a token unless Request allows more.
const MaxLifetime = 24 * time.Hour

// Claim is a claim with its value as JSON.
type Claim struct {
	Name  string
	Value jsontext.Value
}

// Request says what a token is to claim. Empty fields make no claim.
type Request struct {
	Subject string
	Issuer  string
	// Audience of one value becomes a string, of several an array (RFC 7519
	// section 4.1.3).
	Audience []string
	// Permissions are Temporal's, in order.
	Permissions []string
	// TTL is how long the token lives, at least a second; exp is rounded down to
	// a whole one.
	TTL time.Duration
	// MaxTTL is the longest TTL that is made; 0 means MaxLifetime.
	MaxTTL time.Duration
	// NoExpiry makes a token without exp; TTL must then be 0.
	NoExpiry bool
	// IssuedAt adds iat.
	IssuedAt bool
	// Extra are further claims, in order. None may be one that a field above
	// makes, nor stand twice, nor differ from another in case alone.
	Extra []Claim
	Now   time.Time
}

// reserved are the claims that a Request has fields for, with the flag that
// sets each, for messages.
func reserved() map[string]string {
	return map[string]string{
		"sub": "--sub", "iss": "--iss", "aud": "--aud", "exp": "--ttl", "iat": "--iat",
		"permissions": "--system, --namespace or --permission",
	}
}

// Claims returns r as a JSON object, the same bytes for the same request. A
// lifetime that cannot be, or a claim made twice, is a usage error (S43).
func Claims(r Request) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	w := writer{out: append(make([]byte, 0, 256), '{')}
	w.text("iss", r.Issuer)
	w.text("sub", r.Subject)
	switch len(r.Audience) {
	case 0:
	case 1:
		w.text("aud", r.Audience[0])
	default:
		w.array("aud", r.Audience)
	}
	if r.Permissions != nil {
		w.array("permissions", r.Permissions)
	}
	if r.IssuedAt {
		w.number("iat", r.Now.Unix())
	}
	if !r.NoExpiry {
		w.number("exp", r.Now.Add(r.TTL).Unix())
	}
	for _, c := range r.Extra {
		w.name(c.Name)
		w.add(jsontext.AppendFormat(w.out, c.Value)) // refuses all but one strict value
	}
	if w.err != nil {
		return nil, fault.New(fault.UsageError, "claims", "they make no JSON object: %w", w.err)
	}
	return append(w.out, '}'), nil
}

// check refuses lives and claims that cannot be.
func (r Request) check() error {
	limit := r.MaxTTL
	if limit == 0 {
		limit = MaxLifetime
	}
	switch {
	case r.NoExpiry && r.TTL != 0:
		return fault.New(fault.UsageError, "--no-expiry", "a token without exp has no --ttl")
	case r.NoExpiry:
	case r.TTL < time.Second:
		return fault.New(fault.UsageError, "--ttl", "%s: a token lives at least 1s", r.TTL)
	case r.TTL > limit:
		return fault.New(fault.UsageError, "--ttl", "%s is longer than %s", r.TTL, limit).
			WithHint("nobody can take a token back before it expires; --max-ttl raises the limit")
	}
	if slices.Contains(r.Audience, "") {
		return fault.New(fault.UsageError, "--aud", "it is empty")
	}
	return r.checkExtra()
}

// checkExtra refuses further claims that another one takes the place of, for
// some reader, and those that RFC 7519 gives another type.
func (r Request) checkExtra() error {
	made := reserved()
	for _, c := range r.Extra {
		switch flag, taken := made[c.Name]; {
		case taken && flag == "":
			return fault.New(fault.UsageError, "--claim", "the claim %q is given twice", quote.Shorten(c.Name))
		case taken:
			return fault.New(fault.UsageError, "--claim", "the claim %q is made by %s", c.Name, flag)
		}
		for other := range made { // S44: readers that fold case see one claim twice
			if strings.EqualFold(other, c.Name) {
				return fault.New(fault.UsageError, "--claim", "the claim %q differs from %q in case alone", quote.Shorten(c.Name), quote.Shorten(other))
			}
		}
		made[c.Name] = ""
		if kind, registered := map[string]jsontext.Kind{"nbf": '0', "jti": '"'}[c.Name]; registered && c.Value.Kind() != kind {
			return fault.New(fault.UsageError, "--claim", "the claim %q must be a %s (RFC 7519 section 4.1)", c.Name, kind)
		}
	}
	return nil
}

// ParseClaim makes a claim of a JSON text. It is held to the same rules as a
// token that comes in, so that what is made is what is read (A84).
func ParseClaim(name, value string) (Claim, error) {
	// An object around it gives the value's own names, numbers and depth the strict reading.
	members, err := strictjson.Object([]byte(`{"value":`+value+`}`), jws.MaxDepth)
	if err != nil || len(members) != 1 {
		return Claim{}, fault.New(fault.UsageError, "--claim-json", "the value of %q is no JSON value", quote.Shorten(name)).
			WithHint("a string needs its quotes: %s='\"text\"'; or use --claim", quote.Shorten(name))
	}
	return Claim{Name: name, Value: members[0].Value}, nil
}

// TextClaim makes a claim whose value is the string text.
func TextClaim(name, text string) (Claim, error) {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return Claim{}, fault.New(fault.UsageError, "--claim", "the value of %q is not UTF-8", quote.Shorten(name))
	}
	return Claim{Name: name, Value: quoted}, nil
}

// writer writes the members of an object and keeps the first error.
type writer struct {
	out []byte
	err error
}

// add takes what a function of jsontext has appended to out.
func (w *writer) add(out []byte, err error) {
	w.out = out
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) name(name string) {
	if len(w.out) > 1 {
		w.out = append(w.out, ',')
	}
	w.add(jsontext.AppendQuote(w.out, name))
	w.out = append(w.out, ':')
}

func (w *writer) text(name, value string) {
	if value == "" {
		return
	}
	w.name(name)
	w.add(jsontext.AppendQuote(w.out, value))
}

func (w *writer) number(name string, value int64) {
	w.name(name)
	w.out = strconv.AppendInt(w.out, value, 10)
}

func (w *writer) array(name string, values []string) {
	w.name(name)
	w.out = append(w.out, '[')
	for i, v := range values {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.add(jsontext.AppendQuote(w.out, v))
	}
	w.out = append(w.out, ']')
}
