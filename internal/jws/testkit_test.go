package jws

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// noon is the time of all tests: 2033-05-18T03:33:20Z.
const noon = 2000000000

func at(seconds float64) func() time.Time {
	return func() time.Time { return time.Unix(0, int64(math.Round(seconds*1e9))) }
}

// material has a private key or secret for each algorithm, generated once.
var material = sync.OnceValue(func() map[keys.Algorithm]any {
	ec := func(c elliptic.Curve) any {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		check(err)
		return k
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	secret := make([]byte, 64)
	_, _ = rand.Read(secret)
	return map[keys.Algorithm]any{
		keys.ES256: ec(elliptic.P256()), keys.ES384: ec(elliptic.P384()), keys.ES512: ec(elliptic.P521()),
		keys.RS256: r, keys.RS384: r, keys.RS512: r, keys.PS256: r, keys.PS384: r, keys.PS512: r,
		keys.EdDSA: ed, keys.Ed25519: ed, keys.HS256: secret, keys.HS384: secret, keys.HS512: secret,
	}
})

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// signingKey returns the key for alg, with an ID that names it.
func signingKey(tb testing.TB, alg keys.Algorithm, a ...keys.Attributes) *keys.Key {
	tb.Helper()
	attributes := keys.Attributes{ID: "key-" + string(alg), Algorithm: alg}
	for _, one := range a {
		attributes = one
	}
	k, err := keys.New(material()[alg], attributes)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func ringOf(tb testing.TB, list ...*keys.Key) *keys.Ring {
	tb.Helper()
	r, err := keys.NewRing(list)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// verifier returns a verifier at noon for tokens of list.
func verifier(tb testing.TB, p Policy, list ...*keys.Key) *Verifier {
	tb.Helper()
	return verifierAt(tb, p, noon, list...)
}

func verifierAt(tb testing.TB, p Policy, seconds float64, list ...*keys.Key) *Verifier {
	tb.Helper()
	v, err := NewVerifier(ringOf(tb, list...), p, at(seconds))
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// craft signs header and payload as given, with alg and any material, using only
// golang-jwt: nothing of this package is involved.
func craft(tb testing.TB, alg keys.Algorithm, key any, header, payload string) string {
	tb.Helper()
	return craftRaw(tb, alg, key, b64(header)+"."+b64(payload))
}

func craftRaw(tb testing.TB, alg keys.Algorithm, key any, signed string) string {
	tb.Helper()
	if alg == keys.Ed25519 { // golang-jwt knows it by this name only
		alg = keys.EdDSA
	}
	sig, err := jwt.GetSigningMethod(string(alg)).Sign(signed, key)
	if err != nil {
		tb.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// es256 crafts a token with the ES256 test key.
func es256(tb testing.TB, header, payload string) string {
	tb.Helper()
	return craft(tb, keys.ES256, material()[keys.ES256], header, payload)
}

const es256Header = `{"alg":"ES256","kid":"key-ES256"}`

// codes returns the codes of err's faults in order, separated by commas; "ok" for nil.
func codes(err error) string {
	if err == nil {
		return "ok"
	}
	var list []string
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, one := range joined.Unwrap() {
			list = append(list, codes(one))
		}
		return strings.Join(list, ",")
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return fmt.Sprintf("no fault: %v", err)
	}
	return string(f.Code)
}

// wantCodes verifies token and compares the resulting codes.
func wantCodes(tb testing.TB, v *Verifier, token, want string) {
	tb.Helper()
	got, err := v.Verify(context.Background(), token)
	if (got == nil) != (err != nil) {
		tb.Errorf("got result %v with error %v", got, err)
	}
	if codes(err) != want {
		tb.Errorf("got %s (%v), want %s", codes(err), err, want)
	}
	if err != nil && strings.Contains(err.Error(), token) && len(token) > 20 {
		tb.Errorf("the error shows the whole token: %v", err)
	}
}

// hashOf returns the hash of alg.
func hashOf(alg keys.Algorithm) crypto.Hash {
	switch string(alg)[2:] {
	case "384":
		return crypto.SHA384
	case "512":
		return crypto.SHA512
	}
	return crypto.SHA256
}

// signatureOf returns the bytes of a token's third part.
func signatureOf(tb testing.TB, token string) []byte {
	tb.Helper()
	sig, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndexByte(token, '.')+1:])
	if err != nil {
		tb.Fatal(err)
	}
	return sig
}

// withSignature replaces a token's third part.
func withSignature(token string, sig []byte) string {
	return token[:strings.LastIndexByte(token, '.')+1] + base64.RawURLEncoding.EncodeToString(sig)
}
