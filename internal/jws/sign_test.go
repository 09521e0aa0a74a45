package jws

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestA63_SignsClaimsAsWritten: the header is alg, kid and typ, in this order, and the claims are signed
// as written.
func TestA63_SignsClaimsAsWritten(t *testing.T) {
	claims := "{ \"n\":12345678901234567890, \"x\":1.0,\"u\":\"\\u00e4<&>\" }"
	for _, alg := range keys.Algorithms() {
		key := signingKey(t, alg)
		token, err := SignChecked(key, []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		got, err := verifier(t, Policy{Type: "JWT"}, key).Verify(context.Background(), token)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"alg":"` + string(alg) + `","kid":"key-` + string(alg) + `","typ":"JWT"}`; string(got.Token.HeaderJSON()) != want {
			t.Errorf("got header %s, want %s", got.Token.HeaderJSON(), want)
		}
		if string(got.Token.PayloadJSON()) != claims || got.Key.ID() != key.ID() {
			t.Errorf("%s: got %s by %v", alg, got.Token.PayloadJSON(), got.Key)
		}
	}
}

func TestSign_Refuses(t *testing.T) {
	private := signingKey(t, keys.ES256)
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key    *keys.Key
		claims string
		want   fault.Code
	}{
		"a public key":     {public, `{}`, fault.KeyNotPrivate},
		"not an object":    {private, `[]`, fault.PayloadNotClaims},
		"text":             {private, `hello`, fault.PayloadNotClaims},
		"nothing":          {private, ``, fault.PayloadNotClaims},
		"duplicate names":  {private, `{"a":1,"a":2}`, fault.TokenMalformed},
		"two objects":      {private, `{}{}`, fault.TokenMalformed},
		"too deep":         {private, strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), fault.LimitExceeded},
		"not UTF-8":        {private, "{\"a\":\"\xff\"}", fault.TokenMalformed},
		"64 KiB":           {private, `{"a":"` + strings.Repeat("x", 64<<10) + `"}`, fault.LimitExceeded},
		"a kid over 4 KiB": {signingKey(t, keys.ES256, keys.Attributes{ID: strings.Repeat("k", 5<<10)}), `{}`, fault.LimitExceeded},
		"a kid not UTF-8":  {signingKey(t, keys.ES256, keys.Attributes{ID: "\xff"}), `{}`, fault.KeyInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := SignChecked(c.key, []byte(c.claims))
			if fault.CodeOf(err) != c.want || token != "" {
				t.Errorf("got %q, %v, want %s", token, err, c.want)
			}
		})
	}
}

// TestS43_KeyIDStaysOneMember: a kid is quoted, so it cannot add members to the header
// (S43).
func TestS43_KeyIDStaysOneMember(t *testing.T) {
	for _, kid := range []string{`"`, `","alg":"none`, "\\", "\n", "ä\u2028", `{}`, strings.Repeat("k", 1000)} {
		key := signingKey(t, keys.ES256, keys.Attributes{ID: kid})
		token, err := SignChecked(key, []byte(`{"sub":"a"}`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := verifier(t, Policy{}, key).Verify(context.Background(), token)
		if err != nil || *got.Header.KeyID != kid || len(got.Header.Members) != 3 {
			t.Errorf("%q: %v", kid, err)
		}
	}
}

// TestS43_OwnSignatureIsVerified: a signature that does not verify, such as one by a
// damaged key, is not returned. S43.
func TestS43_OwnSignatureIsVerified(t *testing.T) {
	damaged := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	key, err := keys.New(damaged, keys.Attributes{ID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	damaged[0] ^= 1 // in the memory of key
	token, err := SignChecked(key, []byte(`{"sub":"a"}`))
	if fault.CodeOf(err) != fault.Internal || token != "" {
		t.Errorf("got %q, %v, want none, %v", token, err, fault.Internal)
	}
}

// TestSignVerify_RandomClaims: a signed token verifies, with the claims that were signed.
// -rapid.checks=130000 makes 10,000 claims sets for each algorithm.
func TestSignVerify_RandomClaims(t *testing.T) {
	ring := map[keys.Algorithm]*keys.Key{}
	for _, alg := range keys.Algorithms() {
		ring[alg] = signingKey(t, alg)
	}
	rapid.Check(t, func(r *rapid.T) {
		key := ring[rapid.SampledFrom(keys.Algorithms()).Draw(r, "alg")]
		set := rapid.MapOf(rapid.String(), rapid.String()).Draw(r, "claims")
		for _, registered := range []string{"exp", "nbf", "iat"} {
			delete(set, registered)
		}
		claims, err := json.Marshal(set)
		if err != nil {
			r.Fatal(err)
		}
		token, err := Sign(key, claims)
		if err != nil {
			r.Fatal(err)
		}
		got, err := verifier(t, Policy{}, key).Verify(context.Background(), token)
		if err != nil {
			r.Fatalf("%s: %v", claims, err)
		}
		if string(got.Token.PayloadJSON()) != string(claims) || len(got.Claims.Members()) != len(set) {
			r.Fatalf("got %s, want %s", got.Token.PayloadJSON(), claims)
		}
	})
}
