package cli

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// issued is a key as an identity provider publishes it, and a function that signs with it.
type issued struct {
	public map[string]any
	token  string
}

func issue(t *testing.T, alg keys.Algorithm, kid string) issued {
	t.Helper()
	key := testkit.Must(keygen.Generate(keygen.Request{Algorithm: alg, ID: kid}))
	token := testkit.Must(jws.Sign(key, []byte(`{"iss":"https://idp.example.org/","sub":"alice"}`)))
	var public map[string]any
	if err := json.Unmarshal(testkit.Must(testkit.Must(key.Public()).JWK()), &public); err != nil {
		t.Fatal(err)
	}
	return issued{public, token}
}

// but returns the JWK with changed members; nil removes one, null sets it to null.
func (i issued) but(pairs ...any) map[string]any {
	m := maps.Clone(i.public)
	for n := 0; n < len(pairs); n += 2 {
		if pairs[n+1] == nil {
			delete(m, pairs[n].(string))
		} else {
			m[pairs[n].(string)] = pairs[n+1]
		}
	}
	return m
}

// null is JSON null.
var null = json.RawMessage("null")

// inspectSet inspects token with the set from each kind of location, and expects the same
// result.
func inspectSet(t *testing.T, set []byte, token string) (code int, stderr string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	defer server.Close()
	path := testkit.File(t, filepath.Join(t.TempDir(), "set of keys.json"), string(set))
	for i, place := range []string{path, server.URL, "-", "file://" + strings.ReplaceAll(path, " ", "%20")} {
		f := newFake(t)
		f.In = strings.NewReader(string(set))
		got := Main([]string{"inspect", "--jwks", place, token}, f.System)
		text := strings.NewReplacer(place+":", "SET:", "standard input:", "SET:").Replace(f.err.String())
		if i == 0 {
			code, stderr = got, text
		}
		if got != code {
			t.Errorf("from %s: exit %d, from a file %d:\n%s", place, got, code, f.err.String())
		}
		if got == 0 && !strings.Contains(f.out.String(), "Verified") {
			t.Errorf("from %s: exit 0 without a verdict: %s", place, f.out.String())
		}
		if i == 1 { // the reason is the same, apart from details
			continue
		}
		if text != stderr {
			t.Errorf("from %s:\n%s\nfrom a file:\n%s", place, text, stderr)
		}
	}
	return code, stderr
}

// TestS12_KeySetsOfTheWorld: key sets like those of real issuers verify their token; for
// each kind, the most similar set that must not verify it does not.
func TestS12_KeySetsOfTheWorld(t *testing.T) {
	rs, rs2, es, ed := issue(t, keys.RS256, "idp-1"), issue(t, keys.RS256, "idp-2"), issue(t, keys.ES256, "ec-1"), issue(t, keys.EdDSA, "ed-1")
	ed25519 := issue(t, keys.Ed25519, "ed-2")
	secret := map[string]any{"kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZg", "kid": "wrap-1"}
	with := func(m map[string]any, pairs ...any) map[string]any { return issued{public: m}.but(pairs...) }
	short := with(rs2.public, "n", rs2.public["n"].(string)[:172])
	type set = []any
	for name, tc := range map[string]struct {
		set   set
		token issued
		code  int
		says  string
	}{
		"next to a key wrapping key, A128KW":    {set{with(secret, "alg", "A128KW"), rs.public}, rs, 0, ""},
		"next to a key wrapping key, A256KW":    {set{rs.public, with(secret, "alg", "A256GCMKW")}, rs, 0, ""},
		"next to an encryption secret":          {set{rs.public, with(secret, "use", "enc")}, rs, 0, ""},
		"next to an encryption secret, key_ops": {set{rs.public, with(secret, "key_ops", set{"wrapKey"})}, rs, 0, ""},
		"next to a signing secret":              {set{rs.public, with(secret, "k", strings.Repeat("MDEyMzQ1Njc4OWFiY2RlZg", 3)[:64], "alg", "HS256")}, rs, 3, ""},

		"next to RSA-OAEP":             {set{rs.public, rs2.but("alg", "RSA-OAEP", "use", "enc")}, rs, 0, ""},
		"next to RSA-OAEP-256, no use": {set{rs2.but("alg", "RSA-OAEP-256", "use", nil), rs.public}, rs, 0, ""},
		"next to RSA1_5":               {set{rs2.but("alg", "RSA1_5"), rs.public}, rs, 0, ""},
		"next to RS1":                  {set{rs2.but("alg", "RS1"), rs.public}, rs, 0, ""},
		"next to ECDH-ES":              {set{es.but("alg", "ECDH-ES+A128KW"), rs.public}, rs, 0, ""},
		"next to ES256K":               {set{es.but("alg", "ES256K", "crv", "secp256k1"), rs.public}, rs, 0, ""},
		"next to ML-DSA-65":            {set{map[string]any{"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA", "kid": "pq"}, rs.public}, rs, 0, ""},
		"next to X25519":               {set{ed.but("crv", "X25519", "alg", "ECDH-ES"), rs.public}, rs, 0, ""},
		"the key itself with RSA-OAEP": {set{rs.but("alg", "RSA-OAEP"), rs2.public}, rs, 1, "is skipped"},
		"the key itself with RS1":      {set{rs.but("alg", "RS1")}, rs, 3, `alg "RS1"`},

		"alg Ed25519":                    {set{rs.public, ed.but("alg", "Ed25519")}, rs, 0, ""},
		"Ed25519 key, EdDSA token":       {set{ed.but("alg", "Ed25519")}, ed, 0, ""},
		"EdDSA key, Ed25519 token":       {set{ed25519.but("alg", "EdDSA")}, ed25519, 0, ""},
		"key without alg, Ed25519 token": {set{ed25519.but("alg", nil)}, ed25519, 0, ""},
		"alg Ed448":                      {set{ed.but("alg", "Ed448")}, ed, 3, `alg "Ed448"`},
		"wrong key, alg Ed25519":         {set{ed25519.but("kid", "ed-1")}, ed, 1, "signature_invalid|does not match"},

		"next to a short RSA key":   {set{short, rs.public}, rs, 0, ""},
		"next to a broken RSA key":  {set{rs2.but("n", "AA"), rs.public}, rs, 0, ""},
		"next to a point off curve": {set{es.but("x", es.public["y"]), rs.public}, rs, 0, ""},
		"next to an even exponent":  {set{rs.public, rs2.but("e", "AQAA")}, rs, 0, ""},
		"signed by a short RSA key": {set{short, rs.public}, rs2, 1, "1032 bits|1026 bits|bits"},
		"only a short RSA key":      {set{short}, rs2, 3, "the set has no usable key: keys[0] (kid \"idp-2\"): RSA key has"},

		"key_ops is empty":          {set{rs.but("key_ops", set{})}, rs, 3, "key_ops is empty"},
		"key_ops encrypt":           {set{rs.but("key_ops", set{"encrypt"})}, rs, 3, "key_ops"},
		"key_ops is null":           {set{rs.but("key_ops", null)}, rs, 0, ""},
		"key_ops verify":            {set{rs.but("key_ops", set{"verify"})}, rs, 0, ""},
		"key_ops, no use":           {set{rs.but("key_ops", set{"verify"}, "use", nil)}, rs, 0, ""},
		"oth is empty":              {set{rs.but("oth", set{})}, rs, 0, ""},
		"oth is null":               {set{rs.but("oth", null)}, rs, 0, ""},
		"d is null":                 {set{rs.but("d", null)}, rs, 0, ""},
		"all private members null":  {set{rs.but("d", null, "p", null, "q", null, "dp", null, "dq", null, "qi", null)}, rs, 0, ""},
		"d is empty":                {set{rs.but("d", "")}, rs, 0, ""},
		"d of EC null":              {set{es.but("d", null)}, es, 0, ""},
		"all optional members null": {set{rs.but("x5c", null, "x5t", null, "key_ops", null, "x", null, "crv", null)}, rs, 0, ""},
		"alg is null":               {set{rs.but("alg", null)}, rs, 0, ""},
		"use is null":               {set{rs.but("use", null)}, rs, 0, ""},
		"use is empty":              {set{rs.but("use", "")}, rs, 0, ""},
		"n is null":                 {set{rs.but("n", null)}, rs, 3, "has no n"},

		"no kid":                              {set{rs.but("kid", nil)}, rs, 0, ""},
		"kid is null":                         {set{rs.but("kid", null)}, rs, 0, ""},
		"kid is empty":                        {set{rs.but("kid", "")}, rs, 0, ""},
		"two without kid":                     {set{rs2.but("kid", nil), rs.but("kid", nil)}, rs, 0, ""},
		"next to null kid and alg":            {set{es.but("kid", null, "alg", null), rs.public}, rs, 0, ""},
		"no kid, wrong key":                   {set{rs2.but("kid", nil)}, rs, 1, "does not match"},
		"no kid in the set, kid in the token": {set{rs.but("kid", nil), rs2.but("kid", "idp-1")}, rs, 1, "does not match"},
		"no kid, wrong algorithm":             {set{rs.but("kid", nil, "alg", "PS256")}, rs, 1, `algorithm "RS256"`},
		"unknown kid":                         {set{rs.but("kid", "IDP-1")}, rs, 1, `no key has the id "idp-1"`},

		"listed twice":                   {set{rs.public, rs.public}, rs, 0, ""},
		"listed twice, once without kid": {set{rs.public, rs.but("alg", nil, "use", nil)}, rs, 0, ""},
		"listed three times":             {set{es.public, rs.public, es.public, rs.public, es.public}, es, 0, ""},
		"one key, three algorithms":      {set{rs.public, rs.but("alg", "RS384"), rs.but("alg", "RS512")}, rs, 0, ""},
		"matching algorithm last":        {set{rs.but("alg", "PS256"), rs.but("alg", "RS512"), rs.public}, rs, 0, ""},
		"no matching algorithm":          {set{rs.but("alg", "PS256"), rs.but("alg", "RS512")}, rs, 1, "is not the algorithm of key idp-1"},
		"two keys with one kid":          {set{rs.public, rs2.but("kid", "idp-1")}, rs, 3, "two different keys in the set have the kid"},
		"two keys, two algorithms":       {set{rs2.but("kid", "idp-1", "alg", "RS512"), rs.public}, rs, 0, ""},
		"two kinds of keys with one kid": {set{es.but("kid", "idp-1"), rs.public}, rs, 0, ""},

		"a SPIFFE bundle":                  {set{es.but("use", "jwt-svid", "alg", nil), rs2.but("use", "x509-svid", "alg", nil, "kid", nil)}, es, 0, ""},
		"a SPIFFE bundle, RSA":             {set{rs2.but("use", "x509-svid", "kid", nil), rs.but("use", "jwt-svid")}, rs, 0, ""},
		"only X.509 keys in SPIFFE bundle": {set{es.but("use", "x509-svid", "kid", nil)}, es, 3, `use is "x509-svid"`},
		"signed by the X.509 key":          {set{rs.but("use", "x509-svid"), es.but("use", "jwt-svid")}, rs, 1, "is skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			text := testkit.Must(json.Marshal(map[string]any{"keys": tc.set, "spiffe_sequence": 1}))
			code, stderr := inspectSet(t, text, tc.token.token)
			said := tc.says == ""
			for one := range strings.SplitSeq(tc.says, "|") {
				said = said || strings.Contains(stderr, one)
			}
			if code != tc.code || !said {
				t.Errorf("exit %d, want %d and %q:\n%s", code, tc.code, tc.says, stderr)
			}
		})
	}
	// A single key instead of a set.
	for name, bare := range map[string]map[string]any{"with kid": rs.public, "without": rs.but("kid", nil)} {
		if code, stderr := inspectSet(t, testkit.Must(json.Marshal(bare)), rs.token); code != 0 {
			t.Errorf("a bare key %s: exit %d, want 0:\n%s", name, code, stderr)
		}
	}
}

// TestS12_KeySetsFromFiles verifies a token with the sets of testdata/keysets, which have
// the content of real issuers' sets. José wrote the keys and the token.
func TestS12_KeySetsFromFiles(t *testing.T) {
	const folder = "../../testdata/keysets"
	token := strings.TrimSpace(string(testkit.Must(os.ReadFile(filepath.Join(folder, "token.jwt")))))
	sets := testkit.Must(filepath.Glob(filepath.Join(folder, "*.json")))
	if len(sets) < 13 {
		t.Fatalf("only %d sets", len(sets))
	}
	refused := map[string]struct {
		code int
		says string
	}{
		"spiffe-bundle.json": {1, `no key has the id "login-1"`},
		"key-ops-empty.json": {3, "key_ops is empty"},
	}
	for _, path := range sets {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := refused[filepath.Base(path)]
			code, stderr := inspectSet(t, testkit.Must(os.ReadFile(path)), token)
			if code != want.code || !strings.Contains(stderr, want.says) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, want.code, want.says, stderr)
			}
		})
	}
}

// TestA21_TokensNameAnyKey: --key with a key that has no ID verifies tokens with any kid;
// a key with an ID does not.
func TestA21_TokensNameAnyKey(t *testing.T) {
	rs, other := issue(t, keys.RS256, "idp-1"), issue(t, keys.RS256, "idp-1")
	write := func(m map[string]any) string {
		return testkit.File(t, filepath.Join(t.TempDir(), "k.jwk"), string(testkit.Must(json.Marshal(m))))
	}
	for _, tc := range []struct {
		args []string
		code int
	}{
		{[]string{"--key", write(rs.but("kid", nil))}, 0},
		{[]string{"--jwks", write(rs.but("kid", nil)), "--kid", "idp-1"}, 0},
		{[]string{"--key", write(rs.but("kid", nil)), "--kid", "idp-1"}, 0},
		{[]string{"--key", write(rs.but("kid", nil)), "--kid", "idp-2"}, 1}, // with an explicit ID
		{[]string{"--jwks", write(rs.but("kid", nil)), "--kid", "idp-2"}, 1},
		{[]string{"--jwks", write(rs.public), "--kid", "idp-2"}, 2},
		{[]string{"--key", write(rs.but("kid", "idp-2"))}, 1},
		{[]string{"--key", write(other.but("kid", nil))}, 1},
		{[]string{"--key", write(other.but("kid", nil)), "--key", write(rs.but("kid", nil))}, 0},
	} {
		newFake(t).run(t, tc.code, append([]string{"inspect", rs.token}, tc.args...)...)
	}
}
