// Package keys reads keys from PEM, JWK and JWKS, refuses weak and malformed ones
// (S8-S12), gives each an ID, and selects the key to sign or verify with (A20-A25).
//
// It is the only package that uses lestrrat-go/jwx. It does not generate keys or use the
// network.
package keys

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"slices"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Key is a signature key. It is immutable and safe for concurrent use, and its private
// part is never printed.
type Key struct {
	id          string
	hasID       bool // the ID was given, not derived
	issuer      string
	source      string
	rules       Rules
	algs        []Algorithm      // never empty; the first is the one to sign with
	public      crypto.PublicKey // nil for a secret
	private     *private         // nil if only the public half is known
	certificate bool             // the public half is from an X.509 certificate
	// verifyOnly and signOnly restrict a secret as key_ops says (RFC 7517 section
	// 4.3).
	verifyOnly, signOnly bool
}

// private is the signing half. It is behind a pointer because fmt does not call methods
// of unexported fields, but prints their pointers as addresses.
type private struct {
	signer crypto.Signer
	secret []byte // of an HMAC key
	remote Remote // signs elsewhere
}

// Attributes are the properties of a key besides its numbers. Each may be empty.
type Attributes struct {
	// ID is the key ID (kid); the default is the RFC 7638 SHA-256 thumbprint.
	ID string
	// Algorithm pins the key to one algorithm; by default it may be used with all that
	// match its type and curve.
	Algorithm Algorithm
	// Issuer binds the key to the tokens of one issuer (A20).
	Issuer string
	// Source is where the key came from, for messages.
	Source string
	// Rules are additional requirements for tokens signed by the key.
	Rules Rules
	// Passphrase, if not nil, returns the passphrase of the encrypted key at source.
	Passphrase func(source string) ([]byte, error)
}

// Remote signs with a private key that is not in this process, such as one in an agent.
type Remote interface {
	// SignMessage returns the JWS signature (RFC 7518 section 3) over message with alg.
	// Errors have a code.
	SignMessage(alg Algorithm, message []byte) ([]byte, error)
}

// New makes a key from material: *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey,
// their public counterparts, or a []byte secret.
//
// It returns key_type_unsupported for any other type or curve, key_weak for a key that is
// too short or known to be broken, key_invalid for numbers that are not a valid key, and
// key_algorithm_mismatch if a.Algorithm does not match it.
func New(material any, a Attributes) (*Key, error) {
	k := &Key{id: a.ID, hasID: a.ID != "", issuer: a.Issuer, source: a.Source, rules: a.Rules}
	switch m := material.(type) {
	case *ecdsa.PrivateKey:
		k.private, k.public = &private{signer: m}, &m.PublicKey
	case *rsa.PrivateKey:
		k.private, k.public = &private{signer: m}, &m.PublicKey
	case ed25519.PrivateKey:
		if len(m) != ed25519.PrivateKeySize {
			return nil, fault.New(fault.KeyInvalid, a.Source, "Ed25519 private key has %d bytes, want %d", len(m), ed25519.PrivateKeySize)
		}
		k.private, k.public = &private{signer: m}, m.Public()
	case *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey:
		k.public = m
	case []byte:
		k.private = &private{secret: slices.Clone(m)}
	default:
		return nil, fault.New(fault.KeyTypeUnsupported, a.Source, "keys of type %T are not supported", material)
	}
	if err := k.check(); err != nil {
		return nil, err.About(a.Source)
	}
	k.algs = algorithmsFor(k.VerifyingMaterial())
	if a.Algorithm != "" {
		if err := k.pin(a.Algorithm); err != nil {
			return nil, err
		}
	}
	if k.id == "" {
		id, err := k.Thumbprint()
		if err != nil {
			return nil, err
		}
		k.id = id
	}
	return k, nil
}

// NewRemote makes a key from its public half and a signer, restricted to algs. Its errors
// are those of New.
func NewRemote(public crypto.PublicKey, remote Remote, algs []Algorithm, a Attributes) (*Key, error) {
	alg := a.Algorithm
	a.Algorithm = ""
	k, err := New(public, a)
	if err != nil {
		return nil, err
	}
	k.private = &private{remote: remote}
	k.algs = slices.DeleteFunc(slices.Clone(algs), func(alg Algorithm) bool { return !k.Allows(alg) })
	if len(k.algs) == 0 {
		return nil, fault.New(fault.KeyTypeUnsupported, a.Source, "the signer supports no algorithm for this %s", k.Material())
	}
	return k.With(Attributes{Algorithm: alg})
}

// IsRemote reports whether k's private part is not in this process, so that k cannot be
// written.
func (k *Key) IsRemote() bool { return k.private != nil && k.private.remote != nil }

// Development returns the key of annotations.md section 9: ID "dev", algorithm none, no
// material. Only --dev may use it (A90).
func Development(issuer string) *Key {
	return &Key{id: "dev", hasID: true, issuer: issuer, source: "development", algs: []Algorithm{None}}
}

// pin restricts k to alg.
func (k *Key) pin(alg Algorithm) error {
	if !k.Allows(alg) {
		return fault.New(fault.KeyAlgMismatch, k.source, "%s is not an algorithm for this %s", quote.Shorten(string(alg)), k.Material()).
			WithHint("this key can be used with %s", JoinAlgorithms(k.algs))
	}
	k.algs = alg.names()
	return nil
}

// With returns a copy of k with the non-empty attributes of a. It returns
// key_algorithm_mismatch if k may not be used with a.Algorithm. A development key stays
// as it is.
func (k *Key) With(a Attributes) (*Key, error) {
	c := *k
	if k.Type() == TypeNone {
		return &c, nil
	}
	if a.ID != "" {
		c.id, c.hasID = a.ID, true
	}
	c.issuer = cmp.Or(a.Issuer, k.issuer)
	c.source = cmp.Or(a.Source, k.source)
	if !a.Rules.IsZero() {
		c.rules = a.Rules
	}
	if a.Algorithm != "" {
		if err := c.pin(a.Algorithm); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// Public returns the public half of k with the same ID, algorithm and issuer, or
// key_is_secret if k is a shared secret.
func (k *Key) Public() (*Key, error) {
	if k.public == nil {
		return nil, fault.New(fault.KeyIsSecret, k.source, "a shared secret has no public half and is never published").
			WithRemedy(fault.MakeKeyPair)
	}
	c := *k
	c.private = nil
	return &c, nil
}

// Algorithm returns the algorithm to sign with.
func (k *Key) Algorithm() Algorithm { return k.algs[0] }

// Allows reports whether k may verify signatures with alg (A22).
func (k *Key) Allows(alg Algorithm) bool { return slices.Contains(k.algs, alg) }

// CanSign reports whether k has private or secret material that may sign. A development
// key can sign without material.
func (k *Key) CanSign() bool { return k.private != nil && !k.verifyOnly || k.Type() == TypeNone }

// CanVerify reports whether k may verify signatures.
func (k *Key) CanVerify() bool { return !k.signOnly }

// RequireSigner returns nil if k can sign, or else key_is_certificate, key_use_mismatch
// or key_not_private.
func (k *Key) RequireSigner() error {
	switch {
	case k.CanSign():
		return nil
	case k.verifyOnly:
		return fault.New(fault.KeyUseMismatch, k.source, "key_ops does not include sign")
	case k.certificate:
		return fault.New(fault.KeyIsCertificate, k.source, "a certificate contains only a public key; signing needs the private key").
			WithHint("use the private key of the certificate")
	}
	return fault.New(fault.KeyNotPrivate, k.source, "is a public key; signing needs the private key").
		WithHint("make a key pair: jwtctl keygen -o key.priv.pem")
}

// SigningMaterial returns what signs: a crypto.Signer, a Remote, a []byte secret, or nil
// if k cannot sign. Callers must not modify it.
func (k *Key) SigningMaterial() any {
	switch {
	case k.private == nil || k.verifyOnly:
		return nil
	case k.private.remote != nil:
		return k.private.remote
	case k.public == nil:
		return k.private.secret
	}
	return k.private.signer
}

// VerifyingMaterial returns what verifies: a public key or a []byte secret. Callers must
// not modify it.
func (k *Key) VerifyingMaterial() any {
	if k.Type() == TypeSecret {
		return k.private.secret
	}
	return k.public
}

// Type returns the JWK key type.
func (k *Key) Type() Type {
	switch k.public.(type) {
	case *ecdsa.PublicKey:
		return TypeEC
	case *rsa.PublicKey:
		return TypeRSA
	case ed25519.PublicKey:
		return TypeOKP
	}
	if k.private != nil {
		return TypeSecret
	}
	return TypeNone
}
