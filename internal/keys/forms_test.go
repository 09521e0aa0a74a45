package keys_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestA25_EachFormKeepsTheKey: each type is written in each of its forms and read back as the same key,
// and the private key gives its public half.
func TestA25_EachFormKeepsTheKey(t *testing.T) {
	for _, name := range types() {
		t.Run(name, func(t *testing.T) {
			k := newKey(t, name, keys.Attributes{ID: "id", Issuer: "issuer"})
			back := mustParse(t, string(testkit.Must(k.JWK())))
			if !back.SameMaterial(k) || back.ID() != "id" || !back.HasExplicitID() || !back.CanSign() {
				t.Errorf("JWK: got %v", back)
			}
			if name == "oct" {
				_, err := k.PEM()
				testkit.WantCode(t, err, fault.KeyIsSecret)
				_, err = k.Public()
				testkit.WantCode(t, err, fault.KeyIsSecret)
				return
			}
			if back := mustParse(t, encodePEM(t, k)); !back.SameMaterial(k) || back.HasExplicitID() || !back.CanSign() {
				t.Errorf("PEM: got %v", back)
			}
			p := publicHalf(t, name, keys.Attributes{ID: "id", Issuer: "issuer"})
			if !p.SameMaterial(k) || p.ID() != "id" || p.Issuer() != "issuer" || p.Algorithm() != k.Algorithm() || p.CanSign() || p.SigningMaterial() != nil {
				t.Errorf("public half: got %v", p)
			}
			for form, text := range map[string]string{"JWK": string(testkit.Must(p.JWK())), "PEM": encodePEM(t, p)} {
				if back := mustParse(t, text); !back.SameMaterial(k) || back.CanSign() {
					t.Errorf("public %s: got %v", form, back)
				}
			}
		})
	}
	for _, m := range []any{"text", 1, nil, ecdsa.PrivateKey{}, &elliptic.CurveParams{}} {
		_, err := keys.New(m, keys.Attributes{Source: "k"})
		testkit.WantCode(t, err, fault.KeyTypeUnsupported)
	}
}

// TestA25_OtherCurves: another curve of the same size is not accepted.
func TestA25_OtherCurves(t *testing.T) {
	p := *elliptic.P256().Params()
	p.Name = "look-alike"
	for _, curve := range []elliptic.Curve{&p, elliptic.P224(), nil} {
		//lint:ignore SA1019 an invalid key cannot be made otherwise
		_, err := keys.New(&ecdsa.PublicKey{Curve: curve, X: big.NewInt(1), Y: big.NewInt(1)}, keys.Attributes{})
		testkit.WantCode(t, err, fault.KeyTypeUnsupported)
	}
	for _, k := range []*ecdsa.PublicKey{{Curve: elliptic.P256(), X: big.NewInt(0), Y: big.NewInt(0)}, {Curve: elliptic.P256(), X: big.NewInt(-1), Y: big.NewInt(1)}} {
		_, err := keys.New(k, keys.Attributes{})
		testkit.WantCode(t, err, fault.KeyInvalid)
	}
}

// TestS9_OnlyPrivateKeysSign: where a private key is required, a certificate and a public key have
// different errors, even with an ID given.
func TestS9_OnlyPrivateKeysSign(t *testing.T) {
	d := ders()
	for text, code := range map[string]fault.Code{
		pemOf("CERTIFICATE", d["CERTIFICATE, EC"]):         fault.KeyIsCertificate,
		pemOf("PUBLIC KEY", d["PUBLIC KEY, EC"]):           fault.KeyNotPrivate,
		publicJWK(t, "OKP").text():                         fault.KeyNotPrivate,
		pemOf("PRIVATE KEY", d["PRIVATE KEY, EC"]):         "",
		jwkOf(t, "oct").text():                             "",
		pemOf("CERTIFICATE", d["CERTIFICATE, RSA"]):        fault.KeyIsCertificate,
		pemOf("RSA PUBLIC KEY", d["PUBLIC KEY, RSA"][24:]): fault.KeyNotPrivate,
	} {
		k := mustParse(t, text)
		testkit.WantCode(t, k.RequireSigner(), code)
		named, err := k.With(keys.Attributes{ID: "id", Issuer: "issuer", Source: "source"})
		if err != nil || named.ID() != "id" || named.Issuer() != "issuer" || named.Source() != "source" || k.ID() == "id" {
			t.Errorf("got %v %v", named, err)
		}
		testkit.WantCode(t, named.RequireSigner(), code)
		ring := testkit.Must(keys.NewRing([]*keys.Key{k}))
		_, err = ring.Signer(nil, "")
		testkit.WantCode(t, err, code)
	}
	dev := keys.Development("issuer")
	testkit.WantCode(t, dev.RequireSigner(), "")
	if same, err := dev.With(keys.Attributes{ID: "x", Algorithm: keys.ES256}); err != nil || same.ID() != "dev" || same.Algorithm() != keys.None || dev.Type() != keys.TypeNone {
		t.Errorf("a development key became %v %v", same, err)
	}
	_, err := dev.JWK()
	testkit.WantCode(t, err, fault.KeyInvalid)
	_, err = dev.Public()
	testkit.WantCode(t, err, fault.KeyIsSecret)
}

// leading returns an EC key whose x, y or d starts with a zero byte.
func leading(curve elliptic.Curve, which string) *ecdsa.PrivateKey {
	size := (curve.Params().BitSize + 7) / 8
	for d := int64(1); ; d++ {
		number := big.NewInt(d)
		if which != "d" { // a small d is enough for "d"
			number.Sub(curve.Params().N, number)
		}
		k := testkit.Must(ecdsa.ParseRawPrivateKey(curve, number.FillBytes(make([]byte, size))))
		point := testkit.Must(k.PublicKey.Bytes())[1:]
		if which == "d" || which == "x" && point[0] == 0 || which == "y" && point[size] == 0 {
			return k
		}
	}
}

// TestS5_LeadingZeros: coordinates that start with zeros are written and read in full
// length.
func TestS5_LeadingZeros(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		size := (curve.Params().BitSize + 7) / 8
		for _, which := range []string{"x", "y", "d"} {
			k := testkit.Must(keys.New(leading(curve, which), keys.Attributes{}))
			text := testkit.Must(k.JWK())
			var m map[string]string
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"x", "y", "d"} {
				if want := (size*8 + 5) / 6; len(m[name]) != want || name == which && m[name][0] != 'A' {
					t.Errorf("%s %s: got %s of %d characters, want %d", curve.Params().Name, which, name, len(m[name]), want)
				}
			}
			short := testkit.Must(base64.RawURLEncoding.DecodeString(m[which]))[1:]
			wantRefused(t, strings.Replace(string(text), m[which], b64(short), 1), fault.KeyInvalid)
			for form, text := range map[string]string{"JWK": string(text), "PEM": encodePEM(t, k)} {
				if back := mustParse(t, text); !back.SameMaterial(k) || back.ID() != k.ID() && form == "PEM" {
					t.Errorf("%s %s: got another key from %s", curve.Params().Name, which, form)
				}
			}
		}
	}
}

// TestS15_SameBytes: a set of the same keys is always written as the same bytes.
func TestS15_SameBytes(t *testing.T) {
	list := []*keys.Key{newKey(t, "P-256", keys.Attributes{ID: "<a>"}), newKey(t, "RSA", keys.Attributes{}), newKey(t, "OKP", keys.Attributes{})}
	first := testkit.Must(keys.PublicSet(list))
	for range 100 {
		if again := testkit.Must(keys.PublicSet(list)); !bytes.Equal(again, first) {
			t.Fatalf("got %s\nand then\n%s", first, again)
		}
	}
}

// TestS13_PublishesPublicHalves checks which keys may be published, and how.
func TestS13_PublishesPublicHalves(t *testing.T) {
	ec, rsa, secret := newKey(t, "P-256", keys.Attributes{}), newKey(t, "RSA", keys.Attributes{}), newKey(t, "oct", keys.Attributes{})
	a := func(name string) *keys.Key { return newKey(t, name, keys.Attributes{ID: "a"}) }
	for name, c := range map[string]struct {
		list []*keys.Key
		n    int
		code fault.Code
	}{
		"two":                     {[]*keys.Key{ec, rsa}, 2, ""},
		"same key twice":          {[]*keys.Key{ec, ec}, 1, ""},
		"private and public half": {[]*keys.Key{publicHalf(t, "P-256", keys.Attributes{}), ec}, 1, ""},
		"one id for two keys":     {[]*keys.Key{a("P-256"), a("EC2")}, 0, fault.KeyAmbiguous},
		"secret":                  {[]*keys.Key{ec, secret}, 0, fault.KeyIsSecret},
		"development key":         {[]*keys.Key{keys.Development("")}, 0, fault.KeyIsSecret},
		"none":                    {nil, 0, fault.KeySetEmpty},
		"id that is not UTF-8":    {[]*keys.Key{newKey(t, "P-256", keys.Attributes{ID: "\xff"})}, 0, fault.KeyInvalid},
		"id with every character": {[]*keys.Key{newKey(t, "P-256", keys.Attributes{ID: "\x00\"\\<>&\u2028\u202e😀"})}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := keys.PublicSet(c.list)
			testkit.WantCode(t, err, c.code)
			if err != nil {
				return
			}
			var set struct{ Keys []map[string]any }
			if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != c.n {
				t.Fatalf("%s: %v", text, err)
			}
			for _, m := range set.Keys {
				for member := range m {
					if !bytes.Contains([]byte(" kty crv x y n e kid alg use "), fmt.Appendf(nil, " %s ", member)) {
						t.Errorf("member %s is published", member)
					}
				}
			}
			loaded, err := keys.ParseSet(text, keys.Attributes{}, true)
			if err != nil || loaded.Keys[0].ID() != c.list[0].ID() {
				t.Errorf("got %v %v", loaded, err)
			}
		})
	}
}
