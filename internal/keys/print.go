package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"log/slog"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// Format writes the key's ID and kind for every verb, so that no message shows its
// material (S69). The value receiver covers Key and *Key.
func (k Key) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "key %s (%s)", quote.Shorten(k.id), k.Material())
}

// LogValue shows only the key's ID in a structured log.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.id) }

// Material returns the kind of key in words: "P-256 key", "2048-bit RSA key".
func (k *Key) Material() string {
	switch p := k.public.(type) {
	case *ecdsa.PublicKey:
		return p.Curve.Params().Name + " key"
	case *rsa.PublicKey:
		return fmt.Sprintf("%d-bit RSA key", p.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519 key"
	}
	if k.private != nil {
		return fmt.Sprintf("%d-byte secret", len(k.private.secret))
	}
	return "development key"
}

// Kind returns which part of a key k is: "private key", "public key", "certificate",
// "shared secret", "key in an agent", "development key".
func (k *Key) Kind() string {
	switch {
	case k.Type() == TypeNone:
		return "development key"
	case k.Type() == TypeSecret:
		return "shared secret"
	case k.IsRemote():
		return "key in an agent"
	case k.private != nil:
		return "private key"
	case k.certificate:
		return "certificate"
	}
	return "public key"
}

// Describe returns the kind of key in words, with the algorithm that it signs with.
func (k *Key) Describe() string { return k.Material() + ", " + string(k.Algorithm()) }
