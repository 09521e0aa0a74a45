package keys_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestReadsRSAKeysWithoutPrimes: a private key of which the JWK has only d (RFC 7518
// section 6.3.2) signs like the whole key. PKCS#8 has no form without the primes.
func TestReadsRSAKeysWithoutPrimes(t *testing.T) {
	whole := newKey(t, "RSA", keys.Attributes{})
	private := material()["RSA"].(*rsa.PrivateKey)
	pMinus, qMinus := new(big.Int).Sub(private.Primes[0], big.NewInt(1)), new(big.Int).Sub(private.Primes[1], big.NewInt(1))
	euler := new(big.Int).Mul(pMinus, qMinus)
	carmichael := new(big.Int).Div(euler, new(big.Int).GCD(nil, nil, pMinus, qMinus))
	for name, order := range map[string]*big.Int{"Euler": euler, "Carmichael": carmichael} {
		t.Run(name, func(t *testing.T) {
			d := new(big.Int).ModInverse(big.NewInt(65537), order)
			k := mustParse(t, publicJWK(t, "RSA").with("d", b64(d.Bytes())).text())
			digest := sha256.Sum256([]byte("text"))
			signature, err := k.SigningMaterial().(crypto.Signer).Sign(nil, digest[:], crypto.SHA256)
			if err != nil || rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, digest[:], signature) != nil {
				t.Errorf("it does not sign: %v", err)
			}
			if k.ID() != whole.ID() {
				t.Errorf("got ID %s, want %s", k.ID(), whole.ID())
			}
			encrypted := func() ([]byte, error) { return k.EncryptedPEM([]byte("correct horse")) }
			for form, write := range map[string]func() ([]byte, error){"PEM": k.PEM, "encrypted PEM": encrypted} {
				if _, err := write(); fault.CodeOf(err) != fault.KeyInvalid || !strings.Contains(err.Error(), "without the primes") {
					t.Errorf("%s: got %v", form, err)
				}
			}
			if again := mustParse(t, string(testkit.Must(k.JWK()))); !again.CanSign() || !again.SameMaterial(k) {
				t.Error("its JWK form is another key")
			}
			if _, err := testkit.Must(k.Public()).PEM(); err != nil {
				t.Error(err)
			}
		})
	}
	verifying := mustParse(t, jwkOf(t, "RSA").without("p", "q", "dp", "dq", "qi").with("key_ops", []string{"verify"}).text())
	if verifying.CanSign() {
		t.Error("key_ops does not bind")
	}
}

// TestS21_PublishedExponentIsNotRead: a set at a URL with a private exponent is refused
// before anything is computed with it, which may take long.
func TestS21_PublishedExponentIsNotRead(t *testing.T) {
	public := publicJWK(t, "RSA")
	text := `{"keys":[{"k":"AA","kty":"RSA","n":"` + public["n"].(string) + `","e":"AQAB","d":"Aw"}]}`
	_, err := keys.ParseSet([]byte(text), keys.Attributes{Source: "https://x.example"}, true)
	if fault.CodeOf(err) != fault.KeySetUnavailable || !strings.Contains(err.Error(), "member d") {
		t.Errorf("got %v", err)
	}
}
