package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// The accepted sizes of RSA keys (S4, S10): smaller ones can be broken, larger ones make
// a verification take tens of milliseconds.
const (
	MinRSABits = 2048
	MaxRSABits = 8192
)

// MinSecretBytes is the shortest HMAC secret (RFC 7518 section 3.2, HS256).
const MinSecretBytes = 32

// check refuses invalid and weak keys (S10).
func (k *Key) check() *fault.Error {
	switch p := k.public.(type) {
	case *ecdsa.PublicKey:
		return k.checkEC(p)
	case *rsa.PublicKey:
		if bad := checkRSA(p.N, big.NewInt(int64(p.E))); bad != nil {
			return bad
		}
		return k.checkRSAPrivate()
	case ed25519.PublicKey:
		return k.checkEd25519(p)
	}
	if n := len(k.private.secret); n < MinSecretBytes {
		return fault.New(fault.KeyWeak, "", "secret has %d bytes; HS256 needs at least %d (RFC 7518 section 3.2)", n, MinSecretBytes).
			WithRemedy(fault.MakeSecret)
	}
	return nil
}

func (k *Key) checkEd25519(p ed25519.PublicKey) *fault.Error {
	if len(p) != ed25519.PublicKeySize {
		return fault.New(fault.KeyInvalid, "", "Ed25519 public key has %d bytes, want %d", len(p), ed25519.PublicKeySize)
	}
	if bad := checkEdwardsPoint(p); bad != nil {
		return bad
	}
	if private, ok := k.SigningMaterial().(ed25519.PrivateKey); ok && !private.Equal(ed25519.NewKeyFromSeed(private.Seed())) {
		return errHalves()
	}
	return nil
}

func (k *Key) checkRSAPrivate() *fault.Error {
	private, ok := k.SigningMaterial().(*rsa.PrivateKey)
	if !ok {
		return nil
	}
	switch n := len(private.Primes); {
	case n == 0: // a JWK with only d (RFC 7518 section 6.3.2)
		return checkExponent(private)
	case n != 2:
		return fault.New(fault.KeyTypeUnsupported, "", "RSA key has %d primes; only two are supported", n)
	}
	if err := private.Validate(); err != nil {
		return errHalves()
	}
	private.Precompute() // otherwise the first goroutine that writes it as PEM would do so, while others sign
	return nil
}

// checkExponent checks a key without primes, with which Validate does nothing, by signing
// once.
func checkExponent(k *rsa.PrivateKey) *fault.Error {
	if k.D.Sign() <= 0 || k.D.Cmp(k.N) >= 0 {
		return errHalves()
	}
	digest := sha256.Sum256(nil)
	signature, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, digest[:])
	if err != nil || rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return errHalves()
	}
	return nil
}

// errHalves is the error for a private key that does not match its public key.
func errHalves() *fault.Error {
	return fault.New(fault.KeyInvalid, "", "the private and public halves do not match")
}

func (k *Key) checkEC(p *ecdsa.PublicKey) *fault.Error {
	if p.Curve == nil || algorithmsFor(p) == nil {
		name := "unknown"
		if p.Curve != nil {
			name = p.Curve.Params().Name
		}
		return fault.New(fault.KeyTypeUnsupported, "", "curve %s is not supported; use P-256, P-384 or P-521", name)
	}
	point, err := p.Bytes() // refuses the point at infinity and those off the curve
	if err != nil {
		return fault.New(fault.KeyInvalid, "", "the point is not on curve %s", p.Curve.Params().Name)
	}
	private, ok := k.SigningMaterial().(*ecdsa.PrivateKey)
	if !ok {
		return nil
	}
	d, err := private.Bytes()
	if err != nil {
		return fault.New(fault.KeyInvalid, "", "the private value is out of range")
	}
	again, err := ecdsa.ParseRawPrivateKey(p.Curve, d)
	if err != nil {
		return fault.New(fault.KeyInvalid, "", "the private value is out of range")
	}
	if derived, err := again.PublicKey.Bytes(); err != nil || string(derived) != string(point) {
		return errHalves()
	}
	return nil
}

// checkRSA refuses RSA keys with bad public numbers.
func checkRSA(n, e *big.Int) *fault.Error {
	if n == nil || n.Sign() <= 0 {
		return fault.New(fault.KeyInvalid, "", "RSA key has no modulus")
	}
	switch bits := n.BitLen(); {
	case bits < MinRSABits:
		return fault.New(fault.KeyWeak, "", "RSA key has %d bits; at least %d are required", bits, MinRSABits)
	case bits > MaxRSABits:
		return fault.New(fault.KeyWeak, "", "RSA key has %d bits; at most %d are supported", bits, MaxRSABits)
	case n.Bit(0) == 0:
		return fault.New(fault.KeyInvalid, "", "RSA key has an even modulus")
	case e.BitLen() < 2 || e.BitLen() > 31 || e.Bit(0) == 0:
		return fault.New(fault.KeyWeak, "", "RSA exponent must be odd and between 3 and 2147483647")
	case isROCA(n):
		return fault.New(fault.KeyWeak, "", "RSA key has the ROCA weakness (CVE-2017-15361): its private half can be computed")
	}
	return nil
}

// isROCA reports whether n is a modulus of the faulty Infineon library
// (CVE-2017-15361): the primes it makes, and so their products, are powers of
// 65537 modulo every small prime.
func isROCA(n *big.Int) bool {
	for _, small := range []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
		rest := new(big.Int).Mod(n, big.NewInt(small)).Int64()
		power := int64(1)
		for power != rest {
			if power = power * 65537 % small; power == 1 {
				return false // all powers seen
			}
		}
	}
	return true
}
