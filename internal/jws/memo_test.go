package jws

import (
	"context"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestHeaderMemo: a cached header reads the same after other tokens, and a token with a
// cached header and another fault is still refused.
func TestHeaderMemo(t *testing.T) {
	one, two := signingKey(t, keys.ES256, keys.Attributes{ID: "one"}), signingKey(t, keys.EdDSA, keys.Attributes{ID: "two"})
	v := verifier(t, Policy{}, one, two)
	sign := func(k *keys.Key, claims string) string {
		compact, err := Sign(k, []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	a, b := sign(one, `{"n":1}`), sign(two, `{"n":2}`)
	header := func(compact string) string { segment, _, _ := strings.Cut(compact, "."); return segment }
	for i, compact := range []string{a, a, b, a, b, b, a} {
		token, err := v.Verify(context.Background(), compact)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		want := map[string]string{a: "one", b: "two"}[compact]
		if *token.Header.KeyID != want || token.Key.ID() != want || token.Header.Type == nil || !strings.Contains(string(token.Token.HeaderJSON()), want) {
			t.Errorf("%d: got %s, want %s", i, want, token.Token.HeaderJSON())
		}
	}
	for name, bad := range map[string]string{
		"body of the other token": header(a) + b[len(header(b)):],
		"no signature":            header(a) + ".e30.",
		"two parts":               header(a) + ".e30",
		"invalid payload":         header(a) + ".e3" + a[strings.LastIndex(a, "."):],
	} {
		if _, err := v.Verify(context.Background(), bad); fault.ClassOf(err) != fault.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
