// Package keygen generates keys and writes key files. The primitives are the standard
// library's; package keys decides which algorithms and sizes are acceptable.
package keygen

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// DefaultRSABits is the default size of RSA keys.
const DefaultRSABits = 2048

// Request describes the key to generate.
type Request struct {
	// Algorithm is the algorithm to sign with; it determines type and curve.
	Algorithm keys.Algorithm
	// RSABits is the modulus size in bits, 2048 to 8192; 0 means DefaultRSABits. It must
	// be 0 for other algorithms.
	RSABits int
	// ID is the key ID; empty means the RFC 7638 thumbprint.
	ID string
}

// Generate generates the key of r. An unsupported size or algorithm is a usage error
// (S4).
func Generate(r Request) (*keys.Key, error) {
	material, err := generate(r)
	if err != nil {
		return nil, err
	}
	return keys.New(material, keys.Attributes{ID: r.ID, Algorithm: r.Algorithm, Source: "the new key"})
}

func generate(r Request) (any, error) {
	switch r.Algorithm {
	case keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512:
		bits := cmp.Or(r.RSABits, DefaultRSABits)
		if bits < keys.MinRSABits || bits > keys.MaxRSABits || bits%8 != 0 {
			return nil, fault.New(fault.UsageError, "rsa-bits", "must be a multiple of 8 from %d to %d (got %d)", keys.MinRSABits, keys.MaxRSABits, bits)
		}
		return rsa.GenerateKey(rand.Reader, bits)
	}
	if r.RSABits != 0 {
		return nil, fault.New(fault.UsageError, "rsa-bits", "%s keys have a fixed size", quote.Shorten(string(r.Algorithm)))
	}
	switch r.Algorithm {
	case keys.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case keys.ES384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case keys.ES512:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case keys.EdDSA, keys.Ed25519:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case keys.HS256:
		return secret(32)
	case keys.HS384:
		return secret(48)
	case keys.HS512:
		return secret(64)
	}
	return nil, fault.New(fault.UsageError, "alg", "no key can be made for %q", quote.Shorten(string(r.Algorithm)))
}

// secret returns n random bytes, the size of the hash (RFC 7518 section 3.2).
func secret(n int) ([]byte, error) {
	bytes := make([]byte, n)
	_, err := rand.Read(bytes)
	return bytes, err
}
