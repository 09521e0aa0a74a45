package keys_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// privateNumbers returns the private parts of a key of material.
func privateNumbers(m any) [][]byte {
	switch k := m.(type) {
	case *ecdsa.PrivateKey:
		return [][]byte{testkit.Must(k.Bytes())}
	case *rsa.PrivateKey:
		return [][]byte{k.D.Bytes(), k.Primes[0].Bytes(), k.Primes[1].Bytes(), k.Precomputed.Dp.Bytes()}
	case ed25519.PrivateKey:
		return [][]byte{k.Seed()}
	}
	return [][]byte{m.([]byte)}
}

// spellings returns the printed forms of secret bytes, using the first 8.
func spellings(secret []byte) []string {
	head := secret[:8]
	return []string{
		string(head), hex.EncodeToString(head), strings.ToUpper(hex.EncodeToString(head)),
		base64.StdEncoding.EncodeToString(head[:6]), base64.RawURLEncoding.EncodeToString(head[:6]),
		strings.Trim(fmt.Sprint(head), "[]"), strings.Trim(fmt.Sprintf("%#v", head), "[]byte{}"),
		strings.Trim(fmt.Sprintf("% x", head), "[]"), strings.Trim(fmt.Sprintf("%q", head), `"`),
	}
}

func wantNoSecret(t *testing.T, m any, how, text string) {
	t.Helper()
	numbers := privateNumbers(m)
	if k, ok := m.(*rsa.PrivateKey); ok && strings.Contains(text, k.D.String()[:20]) {
		t.Errorf("%s shows d: %s", how, text)
	}
	//lint:ignore SA1019 the test compares the number itself
	if k, ok := m.(*ecdsa.PrivateKey); ok && strings.Contains(text, k.D.String()[:20]) {
		t.Errorf("%s shows d: %s", how, text)
	}
	for _, number := range numbers {
		for _, s := range spellings(number) {
			if strings.Contains(text, s) {
				t.Errorf("%s shows the private part as %q", how, s)
			}
		}
	}
}

// TestS69_PrintingHidesPrivateParts: no way of printing a key shows its private part. (S6: a report may
// include the ID and the public half.)
func TestS69_PrintingHidesPrivateParts(t *testing.T) {
	for _, name := range types() {
		t.Run(name, func(t *testing.T) {
			k := newKey(t, name, keys.Attributes{Issuer: "issuer", Source: "source"})
			want := fmt.Sprintf("key %s (", k.ID())
			wrapped := map[string]any{
				"pointer": k, "value": *k, "slice": []*keys.Key{k}, "values": []keys.Key{*k}, "map": map[string]*keys.Key{"k": k},
				"struct": struct{ K *keys.Key }{k}, "hidden": struct{ k *keys.Key }{k}, "loaded": keys.Loaded{Keys: []*keys.Key{k}},
				"ring": testkit.Must(keys.NewRing([]*keys.Key{k})), "any": []any{k, *k},
			}
			for how, v := range wrapped {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%b", "%o", "%T", "%p", "%t", "%e", "%c", "%U", "%z"} {
					text := fmt.Sprintf(verb, v)
					wantNoSecret(t, material()[name], how+" "+verb, text)
					if how == "pointer" && verb != "%T" && verb != "%p" && !strings.HasPrefix(text, want) {
						t.Errorf("%s: got %s, want %s…", verb, text, want)
					}
				}
				text, err := json.Marshal(v)
				if err != nil {
					t.Errorf("%s: %v", how, err)
				}
				wantNoSecret(t, material()[name], how+" JSON", string(text))
			}
			//lint:ignore SA9005 the test is that nothing is marshaled
			if text := string(testkit.Must(json.Marshal(k))); text != "{}" {
				t.Errorf("JSON is %s, want %s", text, "{}")
			}
			if err := gob.NewEncoder(&bytes.Buffer{}).Encode(k); err == nil {
				t.Error("gob encodes a key")
			}
			wantNoSecret(t, material()[name], "an error", fmt.Errorf("it: %v %w", k, fmt.Errorf("%+v", *k)).Error())
			wantNoSecret(t, material()[name], "Describe", k.Describe())
		})
	}
}

func TestS69_LoggingHidesPrivateParts(t *testing.T) {
	for _, name := range types() {
		k := newKey(t, name, keys.Attributes{})
		for how, create := range map[string]func(*bytes.Buffer) slog.Handler{
			"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(create(&b)).Info("a key", "k", k, "v", *k, "list", []*keys.Key{k}, slog.Group("g", "k", k))
			wantNoSecret(t, material()[name], how, b.String())
			if n := strings.Count(b.String(), k.ID()); n < 3 {
				t.Errorf("%s: the ID occurs %d times: %s", how, n, b.String())
			}
		}
	}
}

// TestDescribe checks the words that describe keys.
func TestDescribe(t *testing.T) {
	for name, want := range map[string]string{
		"P-256": "P-256 key, ES256", "P-384": "P-384 key, ES384", "P-521": "P-521 key, ES512",
		"RSA": "2048-bit RSA key, RS256", "OKP": "Ed25519 key, EdDSA", "oct": "64-byte secret, HS256",
	} {
		if got := newKey(t, name, keys.Attributes{}).Describe(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := keys.Development("").Describe(); got != "development key, none" {
		t.Errorf("got %q, want %q", got, "development key, none")
	}
}
