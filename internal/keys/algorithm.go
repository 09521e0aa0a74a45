package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Algorithm is a JWS "alg" value (RFC 7518 section 3.1, RFC 8037 section 3.1).
type Algorithm string

// The algorithms that jwtctl signs and verifies with (A24). None is only for development
// keys (A90).
const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"
	// Ed25519 is the fully specified name of EdDSA with an Ed25519 key (RFC 9864
	// section 2.2): the same signature under another name.
	Ed25519 Algorithm = "Ed25519"
	None    Algorithm = "none"
)

// Algorithms returns every algorithm of A24, in the order to list them.
func Algorithms() []Algorithm {
	return []Algorithm{ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512, EdDSA, Ed25519, HS256, HS384, HS512}
}

// ParseAlgorithm returns the algorithm called name, which is case-sensitive (RFC 7515
// section 4.1.1). Any other name is algorithm_not_allowed, with the probable intention as
// a hint.
func ParseAlgorithm(name string) (Algorithm, error) {
	if slices.Contains(Algorithms(), Algorithm(name)) {
		return Algorithm(name), nil
	}
	err := fault.New(fault.AlgorithmNotAllowed, "algorithm", "%q is not one of %s", quote.Shorten(name), JoinAlgorithms(Algorithms()))
	for _, a := range Algorithms() {
		if strings.EqualFold(string(a), name) {
			return "", err.WithHint("algorithm names are case-sensitive: %s", a)
		}
	}
	return "", err
}

// Type is a JWK "kty" (RFC 7518 section 6.1, RFC 8037 section 2).
type Type string

// The key types that jwtctl uses. TypeNone is for development keys.
const (
	TypeEC     Type = "EC"
	TypeRSA    Type = "RSA"
	TypeOKP    Type = "OKP"
	TypeSecret Type = "oct"
	TypeNone   Type = "none"
)

// algorithmsFor returns the algorithms that material can be used with, starting with the
// default for signing (A22).
func algorithmsFor(material any) []Algorithm {
	switch k := material.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve { // by identity: other curves have these sizes too
		case elliptic.P256():
			return []Algorithm{ES256}
		case elliptic.P384():
			return []Algorithm{ES384}
		case elliptic.P521():
			return []Algorithm{ES512}
		}
	case *rsa.PublicKey:
		return []Algorithm{RS256, RS384, RS512, PS256, PS384, PS512}
	case ed25519.PublicKey:
		return []Algorithm{EdDSA, Ed25519}
	case []byte:
		// RFC 7518 section 3.2: a secret must be at least as long as the hash.
		var fit []Algorithm
		for i, a := range []Algorithm{HS256, HS384, HS512} {
			if len(k) >= 32+16*i {
				fit = append(fit, a)
			}
		}
		return fit
	}
	return nil
}

// names returns the algorithms of a key that is pinned to alg, alg first: an Ed25519 key
// pinned to one of its two names accepts tokens with either (A24).
func (alg Algorithm) names() []Algorithm {
	switch alg {
	case EdDSA:
		return []Algorithm{EdDSA, Ed25519}
	case Ed25519:
		return []Algorithm{Ed25519, EdDSA}
	}
	return []Algorithm{alg}
}

// JoinAlgorithms returns the names of list, with commas between them.
func JoinAlgorithms(list []Algorithm) string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}
