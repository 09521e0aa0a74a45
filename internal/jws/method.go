package jws

import (
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtctl/jwtctl/internal/keys"
)

// method returns the signing method of golang-jwt for alg, or one that neither signs nor
// verifies if alg is not in A24. It does not use golang-jwt's registry, which any package
// can change.
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
	return jwt.SigningMethodNone // refuses everything
}

// pss returns m with the salt length of the hash (RFC 7518 section 3.5); golang-jwt
// itself accepts any length when it verifies (S33).
func pss(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: m.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}
}

// CheckSignature returns nil if signature is a valid signature over input by alg and
// public, a *rsa.PublicKey or *ecdsa.PublicKey, and golang-jwt's error otherwise. It
// checks nothing else: use it to report what a less strict program decides, never to
// trust a token.
func CheckSignature(alg keys.Algorithm, public any, input string, signature []byte) error {
	return method(alg).Verify(input, signature, public)
}
