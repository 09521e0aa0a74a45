package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestDERThatEndsInWhiteSpace: DER is recognized whatever its last byte is (S9a).
func TestDERThatEndsInWhiteSpace(t *testing.T) {
	t.Parallel()
	for _, last := range []byte{'\n', ' ', '\t', 0, 'x'} {
		seed := bytes.Repeat([]byte{7}, ed25519.SeedSize)
		seed[len(seed)-1] = last
		der := testkit.Must(x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed)))
		_, err := keys.Parse(der, keys.Attributes{Source: "key.der"})
		var f *fault.Error
		if !errors.As(err, &f) || !strings.HasPrefix(f.Hint, "it is DER; convert it to PEM: ") {
			t.Errorf("DER that ends in %q: %v, hint %q", last, err, f.Hint)
		}
	}
}
