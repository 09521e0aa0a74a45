package idp

import (
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// Fault is something that a provider must not do, done on purpose.
type Fault string

// The faults. docs/idp.md says what a sound verifier does about each.
const (
	Expired     Fault = "expired"       // exp has passed
	WrongAud    Fault = "wrong-aud"     // aud is somebody else's
	WrongIss    Fault = "wrong-iss"     // iss is not the issuer
	WrongKey    Fault = "wrong-key"     // signed by a key of the right kid that is not published
	NoKeyID     Fault = "no-kid"        // the header has no kid
	AlgNone     Fault = "alg-none"      // not signed
	FutureIAT   Fault = "future-iat"    // iat is to come
	SlowJWKS    Fault = "slow-jwks"     // the key set comes after SlowTime
	EmptyJWKS   Fault = "empty-jwks"    // the key set has no key
	RotateNow   Fault = "rotate-now"    // each token has a new key, and the old one is gone
	NotYetValid Fault = "not-yet"       // nbf is to come
	NoExpiry    Fault = "no-exp"        // there is no exp
	WrongNonce  Fault = "wrong-nonce"   // the id_token has another nonce
	BadAtHash   Fault = "wrong-at-hash" // at_hash is of another access token
)

// SlowTime is how long slow-jwks takes: longer than jwtctl and most others wait.
const SlowTime = 15 * time.Second

// wrongTime is how far from now the times of wrong tokens are: more than any
// leeway.
const wrongTime = time.Hour

// Faults returns all faults, in the order to list them.
func Faults() []Fault {
	return []Fault{
		Expired, WrongAud, WrongIss, WrongKey, NoKeyID, AlgNone, FutureIAT, NotYetValid, NoExpiry, WrongNonce, BadAtHash,
		SlowJWKS, EmptyJWKS, RotateNow,
	}
}

// ParseFault returns the fault called name, or usage.
func ParseFault(name string) (Fault, error) {
	var names []string
	for _, f := range Faults() {
		if names = append(names, string(f)); string(f) == name {
			return f, nil
		}
	}
	err := fault.New(fault.UsageError, "fault", "unknown fault %q", quote.Shorten(name))
	if like := suggest.Nearest(name, names); like != "" {
		return "", err.WithHint("did you mean %s?", like)
	}
	return "", err.WithHint("one of %s", strings.Join(names, ", "))
}

// falsify makes the claims of a token of c wrong, as its faults say.
func (p *Provider) falsify(c *Client, k claims, isID bool) {
	now := p.o.Now()
	if c.has(Expired) {
		k["iat"], k["exp"] = now.Add(-2*wrongTime).Unix(), now.Add(-wrongTime).Unix()
		delete(k, "nbf")
	}
	if c.has(WrongAud) {
		k["aud"] = "https://other.example.test"
	}
	if c.has(WrongIss) {
		k["iss"] = "https://other.example.test/"
	}
	if c.has(FutureIAT) {
		k["iat"], k["exp"] = now.Add(wrongTime).Unix(), now.Add(2*wrongTime).Unix()
		delete(k, "nbf")
	}
	if c.has(NotYetValid) {
		k["nbf"], k["exp"] = now.Add(wrongTime).Unix(), now.Add(2*wrongTime).Unix()
	}
	if c.has(NoExpiry) {
		delete(k, "exp")
	}
	if isID && c.has(WrongNonce) {
		k["nonce"] = newID()
	}
	if isID && c.has(BadAtHash) {
		k["at_hash"] = newID()[:22]
	}
}
