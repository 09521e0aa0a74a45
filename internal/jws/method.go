package jws

import (
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtctl/jwtctl/internal/keys"
)

// method returns golang-jwt's signatures by alg, and one that neither signs nor
// verifies for what is not of A24. It does not ask golang-jwt's registry, which
// any package can change.
func method(alg keys.Algorithm) jwt.SigningMethod {
	switch alg {
	case keys.HS256:
		return jwt.SigningMethodHS256
	case keys.HS384:
		return jwt.SigningMethodHS384
	case keys.HS512:
		return jwt.SigningMethodHS512
	case keys.RS256:
		return jwt.SigningMethodRS256
	case keys.RS384:
		return jwt.SigningMethodRS384
	case keys.RS512:
		return jwt.SigningMethodRS512
	case keys.PS256:
		return pss(jwt.SigningMethodPS256)
	case keys.PS384:
		return pss(jwt.SigningMethodPS384)
	case keys.PS512:
		return pss(jwt.SigningMethodPS512)
	case keys.ES256:
		return jwt.SigningMethodES256
	case keys.ES384:
		return jwt.SigningMethodES384
	case keys.ES512:
		return jwt.SigningMethodES512
	case keys.EdDSA, keys.Ed25519:
		return jwt.SigningMethodEdDSA
	}
	return jwt.SigningMethodNone // refuses all
}

// pss returns m with the salt length of RFC 7518 section 3.5, the hash's;
// golang-jwt's own takes any when it verifies (S33).
func pss(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: m.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}
}

// CheckSignature reports whether signature is one over input by alg and public,
// a *rsa.PublicKey or *ecdsa.PublicKey, in the words of golang-jwt. It asks
// nothing else of key and token: it is there to retell what a laxer program
// decides, never to believe a token.
func CheckSignature(alg keys.Algorithm, public any, input string, signature []byte) error {
	return method(alg).Verify(input, signature, public)
}
