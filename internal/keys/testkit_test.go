package keys_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// material has a private key or secret of each type, generated once; "EC2", "RSA2" and
// "OKP2" are second keys of the type.
var material = sync.OnceValue(func() map[string]any {
	ec := func(c elliptic.Curve) any { return testkit.Must(ecdsa.GenerateKey(c, rand.Reader)) }
	okp := func() any { _, k, err := ed25519.GenerateKey(rand.Reader); return testkit.Must(k, err) }
	secret := make([]byte, 64)
	_, _ = rand.Read(secret)
	return map[string]any{
		"P-256": ec(elliptic.P256()), "P-384": ec(elliptic.P384()), "P-521": ec(elliptic.P521()), "EC2": ec(elliptic.P256()),
		"RSA": testkit.Must(rsa.GenerateKey(rand.Reader, 2048)), "RSA2": testkit.Must(rsa.GenerateKey(rand.Reader, 2048)), "OKP": okp(), "OKP2": okp(), "oct": secret,
	}
})

// types lists the names in material for use in tables.
func types() []string { return []string{"P-256", "P-384", "P-521", "RSA", "OKP", "oct"} }

// newKey returns the key of material called name.
func newKey(tb testing.TB, name string, a keys.Attributes) *keys.Key {
	tb.Helper()
	k, err := keys.New(material()[name], a)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// publicHalf returns the public half of the key called name.
func publicHalf(tb testing.TB, name string, a keys.Attributes) *keys.Key {
	tb.Helper()
	k, err := newKey(tb, name, a).Public()
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// members is a JWK that tests modify.
type members map[string]any

// jwkOf returns the JWK of the key called name, without kid, alg and use.
func jwkOf(tb testing.TB, name string) members {
	tb.Helper()
	text, err := newKey(tb, name, keys.Attributes{}).JWK()
	if err != nil {
		tb.Fatal(err)
	}
	var m members
	if err := json.Unmarshal(text, &m); err != nil {
		tb.Fatal(err)
	}
	return m.without("kid", "alg", "use")
}

// publicJWK is jwkOf for the public half.
func publicJWK(tb testing.TB, name string) members {
	tb.Helper()
	return jwkOf(tb, name).without("d", "p", "q", "dp", "dq", "qi")
}

func (m members) with(pairs ...any) members {
	c := maps.Clone(m)
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i].(string)] = pairs[i+1]
	}
	return c
}

func (m members) without(names ...string) members {
	c := maps.Clone(m)
	for _, name := range names {
		delete(c, name)
	}
	return c
}

func (m members) text() string { return string(testkit.Must(json.Marshal(m))) }

// setOf returns a JWKS of texts.
func setOf(texts ...string) string { return `{"keys":[` + strings.Join(texts, ",") + `]}` }

// parse reads text as a file called k.
func parse(text string) (keys.Loaded, error) {
	return keys.Parse([]byte(text), keys.Attributes{Source: "k"})
}

// mustParse returns the one key in text.
func mustParse(tb testing.TB, text string) *keys.Key {
	tb.Helper()
	loaded, err := parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	if len(loaded.Keys) != 1 {
		tb.Fatalf("%d keys, want 1", len(loaded.Keys))
	}
	return loaded.Keys[0]
}

// wantRefused reads text and expects the code, and an error that names the file without
// any private key material.
func wantRefused(t *testing.T, text string, code fault.Code) {
	t.Helper()
	loaded, err := parse(text)
	testkit.WantCode(t, err, code)
	if len(loaded.Keys) != 0 {
		t.Errorf("got keys in addition to the error: %v", loaded)
	}
	if err == nil {
		return
	}
	if class := fault.ClassOf(err); class != fault.Undecided {
		t.Errorf("class %d, want %d", class, fault.Undecided)
	}
	if !strings.HasPrefix(err.Error(), "k: ") && !strings.HasPrefix(err.Error(), "k: keys[") {
		t.Errorf("the error does not name the file: %v", err)
	}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("\"{}[]:, \n", r) }) {
		if len(part) > 20 && strings.Contains(err.Error(), part[:20]) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

func pemOf(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func encodePEM(tb testing.TB, k *keys.Key) string {
	tb.Helper()
	text, err := k.PEM()
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}
