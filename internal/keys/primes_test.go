package keys_test

import (
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestReadsRSAKeysWithoutPrimes: a private key of which the JWK has only d (RFC 7518
// section 6.3.2) is the whole key, in each form.
func TestReadsRSAKeysWithoutPrimes(t *testing.T) {
	whole := newKey(t, "RSA", keys.Attributes{})
	private := material()["RSA"].(*rsa.PrivateKey)
	pMinus, qMinus := new(big.Int).Sub(private.Primes[0], big.NewInt(1)), new(big.Int).Sub(private.Primes[1], big.NewInt(1))
	euler := new(big.Int).Mul(pMinus, qMinus)
	carmichael := new(big.Int).Div(euler, new(big.Int).GCD(nil, nil, pMinus, qMinus))
	for name, order := range map[string]*big.Int{"Euler": euler, "Carmichael": carmichael} {
		t.Run(name, func(t *testing.T) {
			for _, e := range []int64{65537, 1<<31 - 1} {
				d := new(big.Int).ModInverse(big.NewInt(e), order)
				text := publicJWK(t, "RSA").with("d", b64(d.Bytes())).with("e", b64(big.NewInt(e).Bytes())).text()
				k := mustParse(t, text)
				if !k.CanSign() {
					t.Fatal("it cannot sign")
				}
				again := mustParse(t, string(testkit.Must(k.PEM())))
				if !again.CanSign() || !again.SameMaterial(k) {
					t.Error("its PEM form is another key")
				}
				if again = mustParse(t, string(testkit.Must(k.JWK()))); !again.SameMaterial(k) || e == 65537 && !again.SameMaterial(whole) {
					t.Error("its JWK form is another key")
				}
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
