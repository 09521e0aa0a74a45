package rotate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

// signingKey is a private key with the algorithm and the key id its tokens carry.
type signingKey struct {
	private crypto.PrivateKey
	method  jwt.SigningMethod
	keyID   string
}

// loadKey reads a PKCS#8 PEM file. An empty keyID means the key's thumbprint.
func loadKey(file, keyID string) (*signingKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	key, err := parseKey(data)
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", file, err)
	}
	if keyID != "" {
		key.keyID = keyID
	}
	return key, nil
}

// parseKey chooses the algorithm by the key. Only RS256 and ES256 are of use: Temporal's default authorizer knows no other.
func parseKey(data []byte) (*signingKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("no PRIVATE KEY block (PKCS#8 PEM); jwtctl keygen makes one")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch k := private.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("curve %s: a Temporal server accepts P-256 only", k.Curve.Params().Name)
		}
		keyID, err := ecThumbprint(&k.PublicKey)
		if err != nil {
			return nil, err
		}
		return &signingKey{private: k, method: jwt.SigningMethodES256, keyID: keyID}, nil
	case *rsa.PrivateKey:
		return &signingKey{private: k, method: jwt.SigningMethodRS256, keyID: rsaThumbprint(&k.PublicKey)}, nil
	default:
		return nil, fmt.Errorf("%T: a Temporal server accepts EC P-256 and RSA keys only", private)
	}
}

func ecThumbprint(k *ecdsa.PublicKey) (string, error) {
	point, err := k.Bytes() // 0x04, then x and y at full length, as the thumbprint needs them
	if err != nil {
		return "", err
	}
	x, y := point[1:33], point[33:65]
	return thumbprint(map[string]string{"crv": "P-256", "kty": "EC", "x": base64URL(x), "y": base64URL(y)}), nil
}

func rsaThumbprint(k *rsa.PublicKey) string {
	e := big.NewInt(int64(k.E)).Bytes()
	return thumbprint(map[string]string{"e": base64URL(e), "kty": "RSA", "n": base64URL(k.N.Bytes())})
}

// thumbprint is RFC 7638: SHA-256 over the required members in the order of their names, without spaces, which is how
// encoding/json writes a map.
func thumbprint(members map[string]string) string {
	canonical, err := json.Marshal(members)
	if err != nil {
		panic(err) // strings always marshal
	}
	sum := sha256.Sum256(canonical)
	return base64URL(sum[:])
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
