package jws

import (
	"context"
	"slices"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Verifier decides about tokens by one ring of keys and one policy, which never
// change. It is safe for concurrent use.
type Verifier struct {
	ring    *keys.Ring
	policy  Policy
	now     func() time.Time
	headers headerMemo
}

// NewVerifier returns a verifier of tokens signed by a key of ring. now tells
// the time that exp, nbf and iat are held against. A policy that Validate
// refuses is a usage error.
func NewVerifier(ring *keys.Ring, p Policy, now func() time.Time) (*Verifier, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p.Issuers, p.Audiences, p.Subjects = slices.Clone(p.Issuers), slices.Clone(p.Audiences), slices.Clone(p.Subjects)
	return &Verifier{ring: ring, policy: p, now: now}, nil
}

// Verified is a token that passed every check.
type Verified struct {
	Token  *Token
	Header Header
	Claims *Claims
	// Key is the key whose signature it bears.
	Key *keys.Key
}

// Verify returns what compact says if all of it can be believed.
//
// A token that cannot be taken apart has one error (those of Parse). Then the
// key is chosen by A20-A22 (key_not_found, algorithm_not_allowed, or the error
// of a set that had to be asked) and the signature checked: a bad one is
// signature_invalid and nothing else is said (S40). A good one over no JSON
// object is payload_not_claims; over claims, every failure of the policy is
// returned, several of them joined with errors.Join, in the order typ, iss,
// sub, aud, exp, nbf, iat or age, lifetime. The rules of the key count like those
// of the policy (Rules of package keys): both must be met.
func (v *Verifier) Verify(ctx context.Context, compact string) (*Verified, error) {
	t, key, err := v.authenticate(ctx, compact, v.rules(true))
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

// StillCounts returns the error of a token that passed Verify and has expired, or
// become too old, since (S88). The other checks cannot change with time.
func (v *Verifier) StillCounts(t *Verified) error {
	p, now := v.policy.with(t.Key.Rules()), v.now()
	if _, err := p.checkExpiry(t.Claims, now); err != nil {
		return err
	}
	if iat, err := t.Claims.IssuedAt(); err == nil && !iat.IsZero() { // Verify has seen that it is there if it must be
		if err := p.checkAge(iat, now); err != nil {
			return err
		}
	}
	return nil
}

// GoodUntil returns when the token ends to count, leeway aside: at its exp, or
// when it is too old for the rules of its key; the zero time for never.
func (t *Verified) GoodUntil() (time.Time, error) {
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

// VerifyPayload returns the payload and key of a JWS whose signature is good,
// whatever the payload is, and checks no claim: an expired token passes, and
// what is not a strict JSON object is no one's, so any key of the ring will do
// for it. Its errors are the first of Verify's, up to signature_invalid.
func (v *Verifier) VerifyPayload(ctx context.Context, compact string) ([]byte, *keys.Key, error) {
	t, key, err := v.authenticate(ctx, compact, v.rules(false))
	if err != nil {
		return nil, nil, err
	}
	return t.payload, key, nil
}

// rules returns how a token is taken apart; claims demands that a payload that
// begins an object is one.
func (v *Verifier) rules(claims bool) rules {
	r := rules{unsigned: v.policy.Development, anySignature: v.policy.Development && v.policy.AnySignature, claims: claims}
	if claims {
		r.headers = &v.headers
	}
	return r
}

// authenticate takes compact apart and checks its signature with the one key
// that the ring has for it.
func (v *Verifier) authenticate(ctx context.Context, compact string, r rules) (*Token, *keys.Key, error) {
	t, bad := parse(compact, v.policy.Limits, r)
	if bad != nil {
		return nil, nil, bad
	}
	alg := keys.Algorithm(t.header.Algorithm)
	q := keys.Query{KeyID: t.header.KeyID, Algorithm: alg, Token: t}
	if t.claims != nil {
		// What is not a string is no one's issuer; the policy reports it.
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

// SignedBy reports whether t's signature is one by key, for keys.Ring.Find.
func (t *Token) SignedBy(key *keys.Key) bool {
	if t.checkSignature(key) != nil {
		return false
	}
	t.signer = key
	return true
}

// checkSignature checks t's signature with key by the header's algorithm,
// which must be one of key's.
func (t *Token) checkSignature(key *keys.Key) *fault.Error {
	alg := keys.Algorithm(t.header.Algorithm)
	if !key.Allows(alg) { // as Ring.Find made sure; once more where it counts
		return fault.New(fault.AlgorithmNotAllowed, "alg", "%q is not the algorithm of key %s", alg, quote.Shorten(key.ID()))
	}
	if alg == keys.None {
		return nil // parse made sure that there is no signature
	}
	if err := method(alg).Verify(t.signed, t.signature, key.VerifyingMaterial()); err != nil {
		return fault.New(fault.SignatureInvalid, "signature", "it does not fit key %s", quote.Shorten(key.ID()))
	}
	return nil
}
