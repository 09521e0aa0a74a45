package grpcauth_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// loaded is a set as a source.
type loaded struct{ set *descset.Set }

func (l loaded) Descriptors(context.Context) (*descset.Set, error) { return l.set, nil }

// keyOf returns k, which is private, as a key file holds it.
func keyOf(t testing.TB, k *keys.Key) jwtpolicy.Key {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k.SigningMaterial())
	if err != nil {
		t.Fatal(err)
	}
	return jwtpolicy.KeyBytes(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), jwtpolicy.KeyOptions{ID: k.ID()})
}
