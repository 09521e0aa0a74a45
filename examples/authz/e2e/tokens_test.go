package e2e

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"testing"
)

// minter makes tokens with any header and claims.
type minter struct {
	key    *ecdsa.PrivateKey
	header map[string]any
	claims map[string]any
}

// newMinter returns a minter of tokens like example, a valid one of the P-256 key in file.
func newMinter(t *testing.T, file, example string) *minter {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	m := &minter{key: key.(*ecdsa.PrivateKey)}
	header, rest := cut(example)
	claims, _ := cut(rest)
	decode(t, header, &m.header)
	decode(t, claims, &m.claims)
	return m
}

func cut(token string) (first, rest string) {
	for i := range len(token) {
		if token[i] == '.' {
			return token[:i], token[i+1:]
		}
	}
	return token, ""
}

func decode(t *testing.T, part string, into any) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// token returns a signed token in which header and claims replace members of the
// example's; nil removes one.
func (m *minter) token(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	part := func(base, over map[string]any) string {
		all := maps.Clone(base)
		for name, value := range over {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(m.header, header) + "." + part(m.claims, claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, m.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}
