package jws

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjws "github.com/lestrrat-go/jwx/v3/jws"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// FuzzF3_Verify: golang-jwt and jwx accept every token that jwtctl accepts. Keys and
// signatures are fixed, so that the fuzzer sees only the effect of its changes.
func FuzzF3_Verify(f *testing.F) {
	for _, c := range [][2]string{
		{`"kid":"k","typ":"JWT"`, benchClaims},
		{`"typ":"at+jwt","cty":"json","x":[{"y":null}]`, ` {"exp":2000000000.5,"nbf":2e9,"iat":1.25}` + "\n"},
		{`"crit":["b64"],"b64":false`, `{"exp":0}`},
		{`"jku":1,"x":1e400`, `{"aud":["a","b"],"x":1e-400}`},
		{`"k\u0069d":"k"`, `{"x":12345678901234567890,"\u0061ud":[],"sub":""}`},
		{`"kid":"k","KID":7`, `{"EXP":1,"a":{"b":{"c":[[[]]]}},"":0}`},
	} {
		f.Add(false, c[0], c[1], uint16(0), byte(0))
		f.Add(true, c[0], c[1], uint16(70), byte(1))
	}
	secret := []byte(strings.Repeat("secret..", 8))
	f.Fuzz(func(t *testing.T, mac bool, header, payload string, position uint16, change byte) {
		alg, key := keys.EdDSA, any(ed25519.NewKeyFromSeed(secret[:32]))
		if mac {
			alg, key = keys.HS256, secret
		}
		token := []byte(craft(t, alg, key, `{"alg":"`+string(alg)+`",`+header+`}`, payload))
		token[int(position)%len(token)] ^= change
		k, err := keys.New(key, keys.Attributes{ID: "k", Algorithm: alg})
		if err != nil {
			t.Fatal(err)
		}
		agree(t, k, string(token))
	})
}

// TestF3_EveryAlgorithm checks F3 for a valid token of each algorithm.
func TestF3_EveryAlgorithm(t *testing.T) {
	for _, alg := range keys.Algorithms() {
		key := signingKey(t, alg)
		token, err := Sign(key, []byte(benchClaims))
		if err != nil {
			t.Fatal(err)
		}
		if !agree(t, key, token) {
			t.Errorf("%s: a valid token is refused", alg)
		}
	}
}

// agree reports whether token is accepted. If so, all three libraries must accept it.
func agree(t *testing.T, key *keys.Key, token string) bool {
	t.Helper()
	got, err := verifier(t, Policy{}, key).Verify(context.Background(), token)
	if err != nil {
		if fault.ClassOf(err) != fault.Refused {
			t.Errorf("%v has no code", err)
		}
		return false
	}
	var read map[string]any
	if json.Unmarshal(got.Token.HeaderJSON(), &read) != nil || json.Unmarshal(got.Token.PayloadJSON(), &read) != nil {
		return true // a number beyond float64, which only jwtctl preserves (S41)
	}
	if err := acceptedByGolangJWT(token, key, got); err != nil {
		t.Errorf("golang-jwt refuses %s: %v", token, err)
	}
	if err := acceptedByJWX(token, key, got); err != nil {
		t.Errorf("jwx refuses %s: %v", token, err)
	}
	return true
}

// acceptedByGolangJWT verifies with golang-jwt. It allows for fractions of a second,
// which golang-jwt drops, and for the name Ed25519 (RFC 9864), which it does not support.
func acceptedByGolangJWT(token string, key *keys.Key, got *Verified) error {
	if key.Algorithm() == keys.Ed25519 {
		return nil
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{string(key.Algorithm())}), jwt.WithStrictDecoding(), jwt.WithTimeFunc(at(noon)))
	_, err := parser.Parse(token, func(*jwt.Token) (any, error) { return key.VerifyingMaterial(), nil })
	if exp, _ := got.Claims.Expiry(); errors.Is(err, jwt.ErrTokenExpired) && exp.Before(time.Unix(noon+1, 0)) {
		return nil
	}
	return err
}

// acceptedByJWX verifies with jwx. It skips headers with members that jwtctl ignores but
// jwx requires to be of a certain type.
func acceptedByJWX(token string, key *keys.Key, got *Verified) error {
	for _, m := range got.Header.Members {
		switch m.Name {
		case "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256":
			return nil
		}
	}
	method, ok := jwa.LookupSignatureAlgorithm(string(key.Algorithm()))
	if !ok {
		return errors.New("unknown algorithm")
	}
	_, err := jwxjws.Verify([]byte(token), jwxjws.WithKey(method, key.VerifyingMaterial()))
	return err
}
