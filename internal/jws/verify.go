package jws

import (
	"context"
	"slices"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Verifier verifies tokens with a ring of keys and a policy, neither of which changes. It
// is safe for concurrent use.
type Verifier struct {
	ring    *keys.Ring
	policy  Policy
	now     func() time.Time
	headers headerCache
}

// NewVerifier returns a verifier of tokens signed by keys of ring. now returns the time
// to compare exp, nbf and iat with. A policy that Validate refuses is a usage error.
func NewVerifier(ring *keys.Ring, p Policy, now func() time.Time) (*Verifier, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p.Issuers, p.Audiences, p.Subjects = slices.Clone(p.Issuers), slices.Clone(p.Audiences), slices.Clone(p.Subjects)
	return &Verifier{ring: ring, policy: p, now: now}, nil
}

// Verified is a token that passed all checks.
type Verified struct {
	Token  *Token
	Header Header
	Claims *Claims
	// Key is the key that signed it.
	Key *keys.Key
}

// Verify returns the content of compact if all of it can be trusted.
//
// A token that cannot be parsed has one error (those of Parse). Then the key is selected
// by A20-A22 (key_not_found, algorithm_not_allowed, or the error of a set that had to be
// asked) and the signature verified: an invalid one is signature_invalid and nothing else
// is reported (S40). With a valid signature, a payload that is not a JSON object is
// payload_not_claims. For claims, every failure of the policy is returned, joined with
// errors.Join, in the order typ, iss, sub, aud, exp, nbf, iat or age, lifetime. The rules
// of the key apply in addition to the policy.
func (v *Verifier) Verify(ctx context.Context, compact string) (*Verified, error) {
	t, key, err := v.authenticate(ctx, compact, v.parseRules(true))
	if err != nil {
		return nil, err
	}
	if t.claimsErr != nil {
		return nil, t.claimsErr
	}
	if err := v.policy.check(t.header, t.claims, key.Rules(), v.now()); err != nil {
		return nil, err
	}
	return &Verified{Token: t, Header: t.header, Claims: t.claims, Key: key}, nil
}

// CheckTime returns an error if a token that passed Verify has since expired or become
// too old (S88). The other checks cannot change with time.
func (v *Verifier) CheckTime(t *Verified) error {
	p, now := v.policy.with(t.Key.Rules()), v.now()
	if _, err := p.checkExpiry(t.Claims, now); err != nil {
		return err
	}
	if iat, err := t.Claims.IssuedAt(); err == nil && !iat.IsZero() { // Verify has checked that it is present if required
		if err := p.checkAge(iat, now); err != nil {
			return err
		}
	}
	return nil
}

// ValidUntil returns when the token stops being valid, not counting leeway: at its exp, or
// when it is too old for the rules of its key. It returns the zero time for never.
func (t *Verified) ValidUntil() (time.Time, error) {
	exp, err := t.Claims.Expiry()
	age := t.Key.Rules().MaxAge
	if err != nil || age == 0 {
		return exp, err
	}
	iat, err := t.Claims.IssuedAt()
	if old := iat.Add(age); err == nil && (exp.IsZero() || old.Before(exp)) {
		return old, nil
	}
	return exp, err
}

// VerifyPayload returns the payload and key of a JWS with a valid signature, whatever the
// payload. It checks no claims: an expired token is accepted. A payload that is not a
// strict JSON object has no issuer, so any key of the ring may have signed it. Its errors
// are the first of Verify's, up to signature_invalid.
func (v *Verifier) VerifyPayload(ctx context.Context, compact string) ([]byte, *keys.Key, error) {
	t, key, err := v.authenticate(ctx, compact, v.parseRules(false))
	if err != nil {
		return nil, nil, err
	}
	return t.payload, key, nil
}

// parseRules returns the options for parsing a token. claims requires that a payload that
// starts an object is a valid one.
func (v *Verifier) parseRules(claims bool) parseRules {
	r := parseRules{unsigned: v.policy.Development, anySignature: v.policy.Development && v.policy.AnySignature, claims: claims}
	if claims {
		r.headers = &v.headers
	}
	return r
}

// authenticate parses compact and verifies its signature with the key that the ring
// selects.
func (v *Verifier) authenticate(ctx context.Context, compact string, r parseRules) (*Token, *keys.Key, error) {
	t, bad := parse(compact, v.policy.Limits, r)
	if bad != nil {
		return nil, nil, bad
	}
	alg := keys.Algorithm(t.header.Algorithm)
	q := keys.Query{KeyID: t.header.KeyID, Algorithm: alg, Token: t}
	if t.claims != nil {
		// An iss that is not a string does not name an issuer; the policy reports it.
		q.Issuer = t.claims.iss
	}
	if r.anySignature {
		key, err := v.ring.Development(q)
		return t, key, err
	}
	key, err := v.ring.Find(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	if t.signer == key { // tried by Find
		return t, key, nil
	}
	if bad := t.checkSignature(key); bad != nil {
		return nil, nil, bad
	}
	return t, key, nil
}

// SignedBy reports whether key made t's signature. It implements keys.SignatureChecker.
func (t *Token) SignedBy(key *keys.Key) bool {
	if t.checkSignature(key) != nil {
		return false
	}
	t.signer = key
	return true
}

// checkSignature verifies t's signature with key and the header's algorithm, which must
// be one of key's.
func (t *Token) checkSignature(key *keys.Key) *fault.Error {
	alg := keys.Algorithm(t.header.Algorithm)
	if !key.Allows(alg) { // Ring.Find has checked it; check again where it matters
		return fault.New(fault.AlgorithmNotAllowed, "alg", "%q is not the algorithm of key %s", alg, quote.Shorten(key.ID()))
	}
	if alg == keys.None {
		return nil // parse has checked that there is no signature
	}
	if err := method(alg).Verify(t.signed, t.signature, key.VerifyingMaterial()); err != nil {
		return fault.New(fault.SignatureInvalid, "signature", "does not match key %s", quote.Shorten(key.ID()))
	}
	return nil
}
