package keys

import (
	"bytes"

	"filippo.io/edwards25519"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// checkEdwardsPoint refuses 32 bytes that are not the encoding of a point of Ed25519 (RFC
// 8032 section 5.1.3), and the points whose order divides 8: anyone can sign for those.
// Go's verifier accepts both as keys.
func checkEdwardsPoint(public []byte) *fault.Error {
	point, err := new(edwards25519.Point).SetBytes(public)
	if err != nil {
		return fault.New(fault.KeyInvalid, "", "its x is not a point of Ed25519")
	}
	encoded := point.Bytes()
	if point.MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return fault.New(fault.KeyWeak, "", "Ed25519 public key of small order: anyone can sign for it")
	}
	if !bytes.Equal(encoded, public) { // SetBytes also reads a y beyond the prime
		return fault.New(fault.KeyInvalid, "", "its x is not a point of Ed25519")
	}
	return nil
}
