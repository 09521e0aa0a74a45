package keys

import (
	"crypto"
	"crypto/subtle"
	"encoding/base64"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// ID returns the key ID.
func (k *Key) ID() string { return k.id }

// HasExplicitID reports whether the ID was given with the key or to New, rather than derived
// from the key.
func (k *Key) HasExplicitID() bool { return k.hasID }

// Issuer returns the issuer that the key is bound to, or "".
func (k *Key) Issuer() string { return k.issuer }

// Source returns where the key came from.
func (k *Key) Source() string { return k.source }

// SameMaterial reports whether k and other have the same public half, or the same
// secret.
func (k *Key) SameMaterial(other *Key) bool {
	if k.Type() == TypeSecret && other.Type() == TypeSecret {
		return subtle.ConstantTimeCompare(k.private.secret, other.private.secret) == 1
	}
	p, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && p.Equal(other.public)
}

// Thumbprint returns the RFC 7638 SHA-256 thumbprint, base64url.
func (k *Key) Thumbprint() (string, error) {
	var sum []byte
	j, err := jwk.Import(k.VerifyingMaterial())
	if err == nil {
		sum, err = j.Thumbprint(crypto.SHA256)
	}
	if err != nil {
		return "", fault.New(fault.KeyInvalid, k.source, "cannot compute the thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
