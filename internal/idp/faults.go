package idp

import (
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// Fault is a deliberate error of the provider.
type Fault string

// The faults. docs/idp.md says what a correct verifier does about each.
const (
	Expired     Fault = "expired"       // exp has passed
	WrongAud    Fault = "wrong-aud"     // aud is another client
	WrongIss    Fault = "wrong-iss"     // iss is not the issuer
	WrongKey    Fault = "wrong-key"     // signed by an unpublished key with a published kid
	NoKeyID     Fault = "no-kid"        // the header has no kid
	AlgNone     Fault = "alg-none"      // not signed
	FutureIAT   Fault = "future-iat"    // iat is in the future
	SlowJWKS    Fault = "slow-jwks"     // the key set responds after SlowTime
	EmptyJWKS   Fault = "empty-jwks"    // the key set is empty
	RotateNow   Fault = "rotate-now"    // each token has a new key, and the old one is removed
	NotYetValid Fault = "not-yet"       // nbf is in the future
	NoExpiry    Fault = "no-exp"        // no exp
	WrongNonce  Fault = "wrong-nonce"   // the id_token has another nonce
	BadAtHash   Fault = "wrong-at-hash" // at_hash is of another access token
)

// SlowTime is the delay of slow-jwks: longer than jwtctl and most others wait.
const SlowTime = 15 * time.Second

// timeFaultOffset is how far wrong times are off: more than any leeway.
const timeFaultOffset = time.Hour

// Faults returns all faults, in the order to list them.
func Faults() []Fault {
	return []Fault{
		Expired, WrongAud, WrongIss, WrongKey, NoKeyID, AlgNone, FutureIAT, NotYetValid, NoExpiry, WrongNonce, BadAtHash,
		SlowJWKS, EmptyJWKS, RotateNow,
	}
}

// ParseFault returns the fault called name, or a usage error.
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
	return "", err.WithHint("use one of %s", strings.Join(names, ", "))
}

// applyFaults applies the faults of c to the claims of a token.
func (p *Provider) applyFaults(c *Client, k claims, isID bool) {
	now := p.o.Now()
	if c.has(Expired) {
		k["iat"], k["exp"] = now.Add(-2*timeFaultOffset).Unix(), now.Add(-timeFaultOffset).Unix()
		delete(k, "nbf")
	}
	if c.has(WrongAud) {
		k["aud"] = "https://other.example.test"
	}
	if c.has(WrongIss) {
		k["iss"] = "https://other.example.test/"
	}
	if c.has(FutureIAT) {
		k["iat"], k["exp"] = now.Add(timeFaultOffset).Unix(), now.Add(2*timeFaultOffset).Unix()
		delete(k, "nbf")
	}
	if c.has(NotYetValid) {
		k["nbf"], k["exp"] = now.Add(timeFaultOffset).Unix(), now.Add(2*timeFaultOffset).Unix()
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
