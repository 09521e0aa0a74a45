package keygen_test

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func generate(t testing.TB, r keygen.Request) *keys.Key {
	t.Helper()
	k, err := keygen.Generate(r)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestS4_RefusesInvalidRequests checks which keys are generated, and which requests are
// errors.
func TestS4_RefusesInvalidRequests(t *testing.T) {
	tests := map[string]struct {
		request keygen.Request
		want    string // Describe of the key
	}{
		"ES256":                   {keygen.Request{Algorithm: keys.ES256}, "P-256 key, ES256"},
		"ES384":                   {keygen.Request{Algorithm: keys.ES384}, "P-384 key, ES384"},
		"ES512":                   {keygen.Request{Algorithm: keys.ES512}, "P-521 key, ES512"},
		"EdDSA":                   {keygen.Request{Algorithm: keys.EdDSA}, "Ed25519 key, EdDSA"},
		"HS256":                   {keygen.Request{Algorithm: keys.HS256}, "32-byte secret, HS256"},
		"HS384":                   {keygen.Request{Algorithm: keys.HS384}, "48-byte secret, HS384"},
		"HS512":                   {keygen.Request{Algorithm: keys.HS512}, "64-byte secret, HS512"},
		"RS256":                   {keygen.Request{Algorithm: keys.RS256}, "2048-bit RSA key, RS256"},
		"PS512":                   {keygen.Request{Algorithm: keys.PS512}, "2048-bit RSA key, PS512"},
		"RS256, 2048":             {keygen.Request{Algorithm: keys.RS256, RSABits: 2048}, "2048-bit RSA key, RS256"},
		"RS384, 3072":             {keygen.Request{Algorithm: keys.RS384, RSABits: 3072}, "3072-bit RSA key, RS384"},
		"RS256, 1":                {keygen.Request{Algorithm: keys.RS256, RSABits: 1}, ""},
		"RS256, -1":               {keygen.Request{Algorithm: keys.RS256, RSABits: -1}, ""},
		"RS256, 1024":             {keygen.Request{Algorithm: keys.RS256, RSABits: 1024}, ""},
		"RS256, 2047":             {keygen.Request{Algorithm: keys.RS256, RSABits: 2047}, ""},
		"RS256, 2050":             {keygen.Request{Algorithm: keys.RS256, RSABits: 2050}, ""},
		"RS256, 8193":             {keygen.Request{Algorithm: keys.RS256, RSABits: 8193}, ""},
		"RS256, 8200":             {keygen.Request{Algorithm: keys.RS256, RSABits: 8200}, ""},
		"RS256, 1<<62":            {keygen.Request{Algorithm: keys.RS256, RSABits: 1 << 62}, ""},
		"ES256, 2048 bits":        {keygen.Request{Algorithm: keys.ES256, RSABits: 2048}, ""},
		"EdDSA, 256 bits":         {keygen.Request{Algorithm: keys.EdDSA, RSABits: 256}, ""},
		"HS256, 2048 bits":        {keygen.Request{Algorithm: keys.HS256, RSABits: 2048}, ""},
		"no algorithm":            {keygen.Request{}, ""},
		"none":                    {keygen.Request{Algorithm: keys.None}, ""},
		"none, with a size":       {keygen.Request{Algorithm: keys.None, RSABits: 2048}, ""},
		"ES521":                   {keygen.Request{Algorithm: "ES521"}, ""},
		"RS1, without generating": {keygen.Request{Algorithm: "RS1"}, ""},
		"es256":                   {keygen.Request{Algorithm: "es256"}, ""},
		"PSXYZ, 4096 bits":        {keygen.Request{Algorithm: "PSXYZ", RSABits: 4096}, ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			k, err := keygen.Generate(c.request)
			if c.want == "" {
				testkit.WantCode(t, err, fault.UsageError)
				if k != nil {
					t.Errorf("got %v", k)
				}
				return
			}
			if err != nil || k.Describe() != c.want || !k.CanSign() || k.HasExplicitID() {
				t.Errorf("got %v %v, want %s", k, err, c.want)
			}
			if p, ok := k.VerifyingMaterial().(*rsa.PublicKey); ok && p.E != 65537 {
				t.Errorf("got e %d", p.E)
			}
		})
	}
	if k := generate(t, keygen.Request{Algorithm: keys.ES256, ID: "my key"}); k.ID() != "my key" || !k.HasExplicitID() {
		t.Errorf("got id %q, want %q", k.ID(), "my key")
	}
}

// thumbprint is a plain implementation of RFC 7638.
func thumbprint(m map[string]string) string {
	var parts []string
	for _, name := range []string{"crv", "e", "k", "kty", "n", "x", "y"} { // in lexicographic order
		if value, has := m[name]; has {
			parts = append(parts, fmt.Sprintf("%q:%q", name, value))
		}
	}
	sum := sha256.Sum256([]byte("{" + strings.Join(parts, ",") + "}"))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func membersOf(t testing.TB, k *keys.Key) map[string]string {
	t.Helper()
	text, err := k.JWK()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]string
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestS5_ManyKeysAreDistinct: 1,000 keys of each type are distinct, their numbers have full length,
// and their ID is the thumbprint, also according to jose if it supports the type. For RSA
// it is 20 keys, since each takes most of a second.
func TestS5_ManyKeysAreDistinct(t *testing.T) {
	for alg, c := range map[keys.Algorithm]struct {
		n       int
		lengths map[string]int // of base64url
	}{
		keys.ES256: {1000, map[string]int{"x": 43, "y": 43, "d": 43}},
		keys.ES384: {1000, map[string]int{"x": 64, "y": 64, "d": 64}},
		keys.ES512: {1000, map[string]int{"x": 88, "y": 88, "d": 88}},
		keys.EdDSA: {1000, map[string]int{"x": 43, "d": 43}},
		keys.HS256: {1000, map[string]int{"k": 43}},
		keys.RS256: {20, map[string]int{"n": 342, "e": 4}},
	} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			var texts, ids []string
			seen := map[string]bool{}
			for range c.n {
				k := generate(t, keygen.Request{Algorithm: alg})
				m := membersOf(t, k)
				for name, length := range c.lengths {
					if len(m[name]) != length {
						t.Errorf("%s has %d characters, want %d", name, len(m[name]), length)
					}
				}
				if m["kid"] != thumbprint(m) || m["kid"] != k.ID() {
					t.Errorf("kid %s, id %s, thumbprint %s", m["kid"], k.ID(), thumbprint(m))
				}
				if seen[k.ID()] || seen[m["d"]+m["k"]] {
					t.Errorf("a number occurs twice")
				}
				seen[k.ID()], seen[m["d"]+m["k"]] = true, true
				text, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				texts, ids = append(texts, string(text)), append(ids, k.ID())
			}
			if alg == keys.EdDSA { // jose 11 does not support it
				return
			}
			set := testkit.File(t, filepath.Join(t.TempDir(), "set.jwks"), `{"keys":[`+strings.Join(texts, ",")+`]}`)
			if got := run(t, "jose", "jwk", "thp", "-i", set); strings.Join(strings.Fields(got), " ") != strings.Join(ids, " ") {
				t.Errorf("jose's thumbprints: got %.100s…, want %.100s…", got, ids)
			}
		})
	}
}

// TestS5_ThumbprintsOfRFCs checks the examples of RFC 7638 section 3.1 and RFC 8037 appendix
// A.3.
func TestS5_ThumbprintsOfRFCs(t *testing.T) {
	for want, text := range map[string]string{
		"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs": `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256"}`,
		"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
	} {
		loaded, err := keys.Parse([]byte(text), keys.Attributes{})
		if err != nil || loaded.Keys[0].ID() != want {
			t.Errorf("%v %v, want %s", loaded, err, want)
		}
	}
}
