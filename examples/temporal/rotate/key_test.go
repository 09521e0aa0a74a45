package rotate

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The example of RFC 7638, section 3.1.
func TestThumbprintOfRFC7638(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W" +
		"-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr" +
		"dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	key := rsa.PublicKey{N: new(big.Int).SetBytes(decode(t, n)), E: 65537}
	if got, want := rsaThumbprint(&key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; got != want {
		t.Errorf("thumbprint %s, want %s", got, want)
	}
}

// Made with `jose jwk gen` and `jose jwk thp`; x starts with a zero byte, which must not get lost.
func TestThumbprintOfECKey(t *testing.T) {
	const (
		x    = "AAM8bLHgE_6Wx_bl62Yg__y-Yega8EYf936K-vmgMJg"
		y    = "kFD6zdEjdJwFIQUlalANR2XlMJRmgprONMHaXzbIJm4"
		want = "JvCZVohe7JAjoiwHs-39hY5EdiOy5JcGXJltiCzjR8U"
	)
	point := append([]byte{4}, append(decode(t, x), decode(t, y)...)...)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ecThumbprint(key); err != nil || got != want {
		t.Errorf("thumbprint %s (%v), want %s", got, err, want)
	}
}

func TestParseKey(t *testing.T) {
	p256 := newECKey(t, elliptic.P256())
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		pem     []byte
		alg     string
		wantErr string
	}{
		{name: "EC P-256", pem: pkcs8(t, p256), alg: "ES256"},
		{name: "RSA", pem: pkcs8(t, rsaKey), alg: "RS256"},
		{name: "EC P-384", pem: pkcs8(t, newECKey(t, elliptic.P384())), wantErr: "P-256 only"},
		{name: "Ed25519", pem: pkcs8(t, edKey), wantErr: "EC P-256 and RSA keys only"},
		{name: "SEC 1", pem: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), wantErr: "PKCS#8"},
		{name: "not PEM", pem: []byte("not a key"), wantErr: "PKCS#8"},
		{name: "empty", pem: nil, wantErr: "PKCS#8"},
		{name: "broken DER", pem: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{0x30, 0}}), wantErr: "asn1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := parseKey(test.pem)
			switch {
			case test.wantErr != "":
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("error %v, want one with %q", err, test.wantErr)
				}
			case err != nil:
				t.Fatal(err)
			case key.method.Alg() != test.alg:
				t.Errorf("algorithm %s, want %s", key.method.Alg(), test.alg)
			case len(decode(t, key.keyID)) != 32:
				t.Errorf("key id %q is not a SHA-256 thumbprint", key.keyID)
			}
		})
	}
}

func TestLoadKeyNamesTheFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	if _, err := loadKey(missing, ""); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("missing file: error %v does not name it", err)
	}
	broken := writeFile(t, filepath.Join(t.TempDir(), "broken.pem"), []byte("nothing"))
	if _, err := loadKey(broken, ""); err == nil || !strings.Contains(err.Error(), broken) {
		t.Errorf("broken file: error %v does not name it", err)
	}
}

func newECKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func writeFile(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
