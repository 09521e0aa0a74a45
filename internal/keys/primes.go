package keys

import (
	"crypto/rsa"
	"math/big"
)

// withoutPrimes returns the RSA private key with the modulus n, the public exponent e and
// the private exponent d, or nil if they do not match. RFC 7518 section 6.3.2 permits a
// JWK without the primes; PEM and most libraries need them. n and e must be checked.
func withoutPrimes(n, e, d *big.Int) *rsa.PrivateKey {
	p := primeFactor(n, e, d)
	if p == nil {
		return nil
	}
	q := new(big.Int).Div(n, p)
	if p.Cmp(q) < 0 {
		p, q = q, p // as OpenSSL orders them
	}
	return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())}, D: d, Primes: []*big.Int{p, q}}
}

// primeFactor returns a factor of n, or nil if d is not the inverse of e (NIST SP
// 800-56B, revision 2, appendix C.1): e*d-1 is a multiple of the order of every number, so
// halving it leads to a square root of 1, which for half of the numbers is not trivial.
func primeFactor(n, e, d *big.Int) *big.Int {
	const most = 100 // as in the appendix; each fails with probability 1/2
	one := big.NewInt(1)
	minusOne := new(big.Int).Sub(n, one)
	if d.Cmp(n) >= 0 {
		return nil
	}
	multiple := new(big.Int).Mul(e, d)
	multiple.Sub(multiple, one)
	halvings := multiple.TrailingZeroBits()
	odd := new(big.Int).Rsh(multiple, halvings)
	for g := int64(2); g < most; g++ {
		root := new(big.Int).Exp(big.NewInt(g), odd, n)
		if root.Cmp(one) == 0 || root.Cmp(minusOne) == 0 {
			continue
		}
		for range halvings {
			square := new(big.Int).Mul(root, root)
			if square.Mod(square, n); square.Cmp(one) == 0 {
				return root.GCD(nil, nil, root.Sub(root, one), n)
			}
			if root = square; root.Cmp(minusOne) == 0 {
				break
			}
		}
		if root.Cmp(minusOne) != 0 {
			return nil // g to the power of the multiple is not 1
		}
	}
	return nil
}
