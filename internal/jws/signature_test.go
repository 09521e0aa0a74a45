package jws

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestS33_SaltLength: the salt must be as long as the hash (RFC 7518 section 3.5).
// TestWycheproofSignatures covers an empty salt.
func TestS33_SaltLength(t *testing.T) {
	key := material()[keys.PS256].(*rsa.PrivateKey)
	for _, alg := range []keys.Algorithm{keys.PS256, keys.PS384, keys.PS512} {
		v := verifier(t, Policy{}, signingKey(t, alg))
		hash := hashOf(alg)
		signed := b64(`{"alg":"`+string(alg)+`"}`) + "." + b64(`{"sub":"a"}`)
		digest := hash.New()
		digest.Write([]byte(signed))
		longest := key.Size() - hash.Size() - 2
		for _, salt := range []int{1, 20, 32, 48, 64, hash.Size() - 1, hash.Size() + 1, longest} {
			t.Run(fmt.Sprintf("%s salt %d", alg, salt), func(t *testing.T) {
				sig, err := rsa.SignPSS(rand.Reader, key, hash, digest.Sum(nil), &rsa.PSSOptions{SaltLength: salt})
				if err != nil {
					t.Fatal(err)
				}
				want := "signature_invalid"
				if salt == hash.Size() {
					want = "ok"
				}
				wantCodes(t, v, withSignature(signed+".x", sig), want)
			})
		}
	}
}

func TestS34_RefusesOtherECDSAValues(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.ES384, keys.ES512} {
		key := material()[alg].(*ecdsa.PrivateKey)
		v := verifier(t, Policy{}, signingKey(t, alg))
		good := craft(t, alg, key, `{"alg":"`+string(alg)+`"}`, `{"sub":"a"}`)
		wantCodes(t, v, good, "ok")
		raw := signatureOf(t, good)
		size := len(raw) / 2
		r, s := new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])
		n := key.Params().N
		pack := func(r, s *big.Int) []byte {
			sig := make([]byte, 2*size)
			if r.BitLen() > 8*size || s.BitLen() > 8*size {
				return sig
			}
			r.FillBytes(sig[:size])
			s.FillBytes(sig[size:])
			return sig
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		zero, one := new(big.Int), big.NewInt(1)
		for name, sig := range map[string][]byte{
			"r 0":                  pack(zero, s),
			"s 0":                  pack(r, zero),
			"both 0":               pack(zero, zero),
			"both 1":               pack(one, one),
			"r n":                  pack(n, s),
			"s n":                  pack(r, n),
			"both n":               pack(n, n),
			"r + n":                pack(new(big.Int).Add(r, n), s),
			"s + n":                pack(r, new(big.Int).Add(s, n)),
			"largest r":            append(bytes.Repeat([]byte{0xff}, size), raw[size:]...),
			"largest s":            append(slices.Clone(raw[:size]), bytes.Repeat([]byte{0xff}, size)...),
			"swapped":              pack(s, r),
			"DER":                  der,
			"one byte less":        raw[:2*size-1],
			"one byte more":        append(slices.Clone(raw), 0),
			"leading zero":         append([]byte{0}, raw...),
			"leading zero in each": append(append([]byte{0}, raw[:size]...), append([]byte{0}, raw[size:]...)...),
			"half":                 raw[:size],
			"twice":                append(slices.Clone(raw), raw...),
			"one byte":             {1},
		} {
			t.Run(string(alg)+" "+name, func(t *testing.T) {
				wantCodes(t, v, withSignature(good, sig), "signature_invalid")
			})
		}
	}
}

func TestS34_Ed25519AndRSAValues(t *testing.T) {
	ed := craft(t, keys.EdDSA, material()[keys.EdDSA], `{"alg":"EdDSA"}`, `{"sub":"a"}`)
	raw := signatureOf(t, ed)
	// S + L, little endian, where L is the order of the group (RFC 8032 section 5.1).
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	reverse := func(b []byte) []byte { b = slices.Clone(b); slices.Reverse(b); return b }
	s := new(big.Int).SetBytes(reverse(raw[32:]))
	sPlusL := append(slices.Clone(raw[:32]), reverse(s.Add(s, order).FillBytes(make([]byte, 32)))...)
	v := verifier(t, Policy{}, signingKey(t, keys.EdDSA))
	wantCodes(t, v, ed, "ok")
	for name, sig := range map[string][]byte{
		"S + L": sPlusL, "short": raw[:63], "long": append(slices.Clone(raw), 0), "zeros": make([]byte, 64),
	} {
		t.Run("EdDSA "+name, func(t *testing.T) { wantCodes(t, v, withSignature(ed, sig), "signature_invalid") })
	}

	key := material()[keys.RS256].(*rsa.PrivateKey)
	for _, alg := range []keys.Algorithm{keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512} {
		v := verifier(t, Policy{}, signingKey(t, alg))
		var token string
		var sum *big.Int
		for i := 0; ; i++ { // until signature + n is no longer than n
			token = craft(t, alg, key, `{"alg":"`+string(alg)+`"}`, fmt.Sprintf(`{"sub":"%d"}`, i))
			if sum = new(big.Int).SetBytes(signatureOf(t, token)); sum.Add(sum, key.N).BitLen() <= 2048 {
				break
			}
		}
		raw := signatureOf(t, token)
		wantCodes(t, v, token, "ok")
		for name, sig := range map[string][]byte{
			"plus n":        sum.FillBytes(make([]byte, 256)),
			"n":             key.N.Bytes(),
			"0":             make([]byte, 256),
			"1":             append(make([]byte, 255), 1),
			"leading zero":  append([]byte{0}, raw...),
			"trailing zero": append(slices.Clone(raw), 0),
			"short":         raw[:255],
			"half":          raw[:128],
		} {
			t.Run(string(alg)+" "+name, func(t *testing.T) { wantCodes(t, v, withSignature(token, sig), "signature_invalid") })
		}
	}
}

// TestWycheproofSignatures verifies the raw signatures of Wycheproof, which are over
// bytes rather than tokens, with the methods that verify tokens. The last files use
// parameters that JWA does not have: a salt that is not as long as the hash (S33; one
// case of the first has it nevertheless), or another hash.
func TestWycheproofSignatures(t *testing.T) {
	for file, c := range map[string]struct {
		alg            keys.Algorithm
		accept, refuse int
		foreign        bool // ignore the labels
	}{
		"ecdsa_secp256r1_sha256_p1363":    {alg: keys.ES256, accept: 173, refuse: 89},
		"ecdsa_secp384r1_sha384_p1363":    {alg: keys.ES384, accept: 193, refuse: 87},
		"ecdsa_secp521r1_sha512_p1363":    {alg: keys.ES512, accept: 231, refuse: 87},
		"ed25519":                         {alg: keys.EdDSA, accept: 88, refuse: 63},
		"rsa_signature_2048_sha256":       {alg: keys.RS256, accept: 9, refuse: 249},
		"rsa_signature_2048_sha384":       {alg: keys.RS384, accept: 7, refuse: 250},
		"rsa_signature_2048_sha512":       {alg: keys.RS512, accept: 8, refuse: 250},
		"rsa_pss_2048_sha256_mgf1_32":     {alg: keys.PS256, accept: 63, refuse: 45},
		"rsa_pss_2048_sha384_mgf1_48":     {alg: keys.PS384, accept: 95, refuse: 46},
		"rsa_pss_4096_sha512_mgf1_64":     {alg: keys.PS512, accept: 132, refuse: 47},
		"rsa_pss_2048_sha256_mgf1_0":      {alg: keys.PS256, accept: 1, refuse: 102, foreign: true},
		"rsa_pss_4096_sha512_mgf1_32":     {alg: keys.PS512, refuse: 177, foreign: true},
		"rsa_pss_2048_sha256_mgf1sha1_20": {alg: keys.PS256, refuse: 108, foreign: true},
		"ecdsa_secp256r1_sha512_p1363":    {alg: keys.ES256, refuse: 332, foreign: true},
	} {
		t.Run(file, func(t *testing.T) {
			data, err := fs.ReadFile(wycheproof.TestVectors, file+"_test.json")
			accept, refuse := 0, 0
			for _, group := range readJSON[wycheproofSignatures](t, data, err).TestGroups {
				loaded, err := keys.Parse([]byte(group.PublicKeyPem), keys.Attributes{})
				if err != nil {
					t.Fatal(err)
				}
				for _, test := range group.Tests {
					if test.Result == "acceptable" {
						continue
					}
					msg, _ := hex.DecodeString(test.Msg)
					sig, _ := hex.DecodeString(test.Sig)
					good := method(c.alg).Verify(string(msg), sig, loaded.Keys[0].VerifyingMaterial()) == nil
					if good {
						accept++
					} else {
						refuse++
					}
					if good != (test.Result == "valid") && !c.foreign {
						t.Errorf("%d (%s): got accepted %v", test.TcID, test.Comment, good)
					}
				}
			}
			if accept != c.accept || refuse != c.refuse {
				t.Errorf("got %d accepted, %d refused, want %d and %d", accept, refuse, c.accept, c.refuse)
			}
		})
	}
}

// TestA24_NoMethodForOthers: unsupported algorithms neither sign nor verify. A24.
func TestA24_NoMethodForOthers(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.None, "", "HS224", "HMD5", "es256"} {
		if method(alg).Verify("a", nil, []byte("secret")) == nil {
			t.Errorf("%q verifies", alg)
		}
		if _, err := method(alg).Sign("a", []byte("secret")); err == nil {
			t.Errorf("%q signs", alg)
		}
	}
}

// wycheproofSignatures is a file of raw signatures.
type wycheproofSignatures struct {
	TestGroups []struct {
		PublicKeyPem string
		Tests        []struct {
			TcID                      int
			Comment, Msg, Sig, Result string
		}
	}
}
