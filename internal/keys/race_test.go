package keys_test

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"

	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestConcurrentUse uses a key in every way at once, for the race detector. x509 fills in
// missing precomputed values of RSA keys.
func TestConcurrentUse(t *testing.T) {
	for _, name := range []string{"P-256", "RSA", "OKP"} {
		for form, text := range map[string]string{"JWK": jwkOf(t, name).text(), "PEM": encodePEM(t, newKey(t, name, keys.Attributes{}))} {
			k := mustParse(t, text)
			signer := k.SigningMaterial().(crypto.Signer)
			hash := crypto.SHA256
			if name == "OKP" {
				hash = 0
			}
			var wg sync.WaitGroup
			for range 2 {
				for what, do := range map[string]func() error{
					"sign":   func() error { _, err := signer.Sign(rand.Reader, make([]byte, 32), hash); return err },
					"PEM":    func() error { _, err := k.PEM(); return err },
					"JWK":    func() error { _, err := k.JWK(); return err },
					"set":    func() error { _, err := keys.PublicSet([]*keys.Key{k}); return err },
					"public": func() error { _, err := k.Public(); return err },
					"with":   func() error { _, err := k.With(keys.Attributes{ID: "x", Algorithm: k.Algorithm()}); return err },
					"ring":   func() error { _, err := keys.NewRing([]*keys.Key{k}); return err },
					"print":  func() error { _ = fmt.Sprint(k, k.Describe()); return nil },
				} {
					wg.Go(func() {
						if err := do(); err != nil {
							t.Errorf("%s, %s, %s: %v", name, form, what, err)
						}
					})
				}
			}
			wg.Wait()
		}
	}
}
