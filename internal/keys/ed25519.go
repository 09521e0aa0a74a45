package keys

import (
	"math/big"
	"slices"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// checkEdwardsPoint refuses 32 bytes that are not the encoding of a point of Ed25519 (RFC
// 8032 section 5.1.3), and the points whose order divides 8: anyone can sign for those.
// Go's verifier accepts both until it verifies.
//
// On the curve -x²+y² = 1+dx²y², so y gives x². The order of a point is 1 or 2 if x is 0,
// 4 if y is 0, and 8 if the double of the point has the y 0, which is (x²+y²)/(1-dx²y²).
func checkEdwardsPoint(public []byte) *fault.Error {
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	over := func(a, b *big.Int) *big.Int { return a.Mod(a.Mul(a, b.ModInverse(b, p)), p) }
	d := over(big.NewInt(-121665), big.NewInt(121666))

	bytes := slices.Clone(public)
	bytes[31] &= 0x7f // the sign of x
	slices.Reverse(bytes)
	y := new(big.Int).SetBytes(bytes)
	y2 := new(big.Int).Mul(y, y)
	dy2 := new(big.Int).Mul(d, y2)
	x2 := over(new(big.Int).Sub(y2, one), dy2.Add(dy2, one))
	sum := new(big.Int).Add(x2, y2)
	switch {
	case y.Cmp(p) >= 0 || big.Jacobi(x2, p) < 0:
		return fault.New(fault.KeyInvalid, "", "its x is not a point of Ed25519")
	case x2.Sign() == 0 || y.Sign() == 0 || sum.Mod(sum, p).Sign() == 0:
		return fault.New(fault.KeyWeak, "", "Ed25519 public key of small order: anyone can sign for it")
	}
	return nil
}
