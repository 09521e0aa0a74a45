package temporal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// ecJWK returns the JWK of k with the kid k-es and changes applied; nil removes a member.
func ecJWK(k *ecdsa.PrivateKey, changes map[string]any) map[string]any {
	point := testkit.Must(k.PublicKey.Bytes())
	size := len(point) / 2
	return changed(map[string]any{
		"kty": "EC", "crv": k.Params().Name, "kid": "k-es",
		"x": base64.RawURLEncoding.EncodeToString(point[1 : 1+size]),
		"y": base64.RawURLEncoding.EncodeToString(point[1+size:]),
	}, changes)
}

func rsaJWK(k *rsa.PrivateKey, changes map[string]any) map[string]any {
	return changed(map[string]any{
		"kty": "RSA", "kid": "k-rs", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
	}, changes)
}

func changed(jwk, changes map[string]any) map[string]any {
	maps.Copy(jwk, changes)
	maps.DeleteFunc(jwk, func(_ string, v any) bool { return v == nil })
	return jwk
}

func jwks(list ...any) string {
	return string(testkit.Must(json.Marshal(map[string]any{"keys": list})))
}

func certificate(k crypto.Signer) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	return base64.StdEncoding.EncodeToString(testkit.Must(x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)))
}

// TestTemporal5Sets checks which keys a server accepts from a set, with a valid ES256
// token for k-es (temporal.md section 5).
func TestTemporal5Sets(t *testing.T) {
	p384 := testkit.Must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	edPublic, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed := map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": base64.RawURLEncoding.EncodeToString(edPublic)}
	good := ecJWK(ecKey(), nil)
	private := base64.RawURLEncoding.EncodeToString(testkit.Must(ecKey().Bytes()))
	text := jwks(good)
	for name, row := range map[string]struct {
		body string
		want fault.Code // "" means allowed
		note string
	}{
		"good":                              {body: text},
		"alg, use, ops are ignored":         {body: jwks(ecJWK(ecKey(), map[string]any{"alg": "ES384", "use": "enc", "key_ops": []string{"x"}, "more": 1}))},
		"trailing text":                     {body: text + "garbage"},
		"KEYS":                              {body: strings.Replace(text, `"keys"`, `"KEYS"`, 1)},
		"duplicate keys, last one used":     {body: strings.Replace(text, `"keys":`, `"keys":[],"keys":`, 1)},
		"next to an Ed25519 key":            {body: jwks(ed, good), note: "keys[0] is skipped: an Ed25519 key"},
		"next to a secret":                  {body: jwks(map[string]any{"kty": "oct", "k": "AA"}, good), note: "a shared secret"},
		"private":                           {body: jwks(ecJWK(ecKey(), map[string]any{"d": private})), want: fault.KeyNotFound, note: "a private key"},
		"certificate":                       {body: jwks(ecJWK(ecKey(), map[string]any{"x5c": []string{certificate(ecKey())}}))},
		"certificate of another key":        {body: jwks(ecJWK(ecKey(), map[string]any{"x5c": []string{certificate(ecKey2())}})), want: fault.KeyNotFound, note: "another key"},
		"bad certificate":                   {body: jwks(ecJWK(ecKey(), map[string]any{"x5c": []string{"AAAA"}})), want: fault.KeyNotFound, note: "no X.509"},
		"wrong thumbprint":                  {body: jwks(ecJWK(ecKey(), map[string]any{"x5t": "AAAA"})), want: fault.KeyNotFound, note: "x5t"},
		"no kid":                            {body: jwks(ecJWK(ecKey(), map[string]any{"kid": nil})), want: fault.KeyNotFound, note: "no kid"},
		"duplicate kid, last one used":      {body: jwks(ecJWK(ecKey2(), nil), good)},
		"duplicate kid, first one not used": {body: jwks(good, ecJWK(ecKey2(), nil)), want: fault.SignatureInvalid},
		"RSA with the same kid":             {body: jwks(good, rsaJWK(rsaKey(), map[string]any{"kid": "k-es"}))},
		"P-384 with the same kid":           {body: jwks(ecJWK(p384, nil)), want: fault.SignatureInvalid},
		"other kid":                         {body: jwks(ecJWK(ecKey(), map[string]any{"kid": "x"})), want: fault.KeyNotFound},
		"not a set":                         {body: "{}", want: fault.KeyNotFound, note: "drops all keys"},
		"single JWK":                        {body: string(testkit.Must(json.Marshal(good))), want: fault.KeyNotFound, note: "drops all keys"},
		"JSON error response":               {body: `{"error":"not found"}`, want: fault.KeyNotFound, note: "drops all keys"},
		"HTML":                              {body: "<html>", want: fault.KeyNotFound, note: "keeps the keys it had"},
		"nothing":                           {body: "", want: fault.KeyNotFound, note: "keeps the keys it had"},
		"array":                             {body: "[" + text + "]", want: fault.KeyNotFound, note: "keeps the keys it had"},
		"unknown type":                      {body: jwks(good, map[string]any{"kty": "X"}), want: fault.KeyNotFound, note: `keys[1]: key type "X"`},
		"secp256k1":                         {body: jwks(good, ecJWK(ecKey(), map[string]any{"crv": "secp256k1"})), want: fault.KeyNotFound, note: "curve"},
		"X25519":                            {body: jwks(good, changed(maps.Clone(ed), map[string]any{"crv": "X25519"})), want: fault.KeyNotFound, note: "not Ed25519"},
		"wrong length":                      {body: jwks(good, ecJWK(ecKey(), map[string]any{"x": "AAAA"})), want: fault.KeyNotFound, note: "x has 3 bytes"},
		"not on the curve":                  {body: jwks(good, ecJWK(ecKey(), map[string]any{"x": good["y"]})), want: fault.KeyNotFound, note: "not on P-256"},
		"member of another type":            {body: jwks(good, map[string]any{"kty": 5}), want: fault.KeyNotFound, note: "kty has"},
		"bad base64":                        {body: jwks(good, ecJWK(ecKey(), map[string]any{"y": "!"})), want: fault.KeyNotFound, note: "y has"},
		"duplicate name":                    {body: strings.Replace(text, `"kty":`, `"kty":"EC","kty":`, 1), want: fault.KeyNotFound, note: "duplicate name"},
		"null as a key":                     {body: jwks(good, nil), want: fault.KeyNotFound, note: "key type"},
	} {
		t.Run(name, func(t *testing.T) {
			v := explain(t, Header(es256(nil)), func(r *Request) { r.Keys = ReadKeySet(Document{Source: "set", Body: []byte(row.body)}) })
			var got fault.Code
			if len(v.Faults) > 0 {
				got = v.Faults[0].Code
			}
			if got != row.want || (row.note != "" && !noted(v, row.note)) {
				t.Errorf("got fault %q, want %q; notes %q", got, row.want, v.Notes)
			}
		})
	}
}

// TestTemporal5WeakRSA: the server accepts RSA keys that jwtctl refuses, down to the
// limit of crypto/rsa.
func TestTemporal5WeakRSA(t *testing.T) {
	weak := testkit.Must(rsa.GenerateKey(rand.Reader, 1024))
	set := ReadKeySet(Document{Source: "set", Body: []byte(jwks(rsaJWK(weak, nil)))})
	v := explain(t, Header(token(weak, map[string]any{"alg": "RS256", "kid": "k-rs"}, claims(nil))), func(r *Request) { r.Keys = set })
	if !v.Allowed {
		t.Errorf("got %+v", v)
	}
}

// TestExplainHugeRSA: a modulus with which one verification takes minutes is not used.
func TestExplainHugeRSA(t *testing.T) {
	body := jwks(map[string]any{"kty": "RSA", "kid": "k-rs", "e": "AQAB", "n": strings.Repeat("A", 1<<20)})
	v := explain(t, Header(token(rsaKey(), map[string]any{"alg": "RS256", "kid": "k-rs"}, claims(nil))), func(r *Request) {
		r.Keys = ReadKeySet(Document{Source: "set", Body: []byte(body)})
	})
	if v.Allowed || !noted(v, "too large") {
		t.Errorf("got %+v", v)
	}
}

// TestTemporal5EmptyKeyID: an empty kid finds a key that has none.
func TestTemporal5EmptyKeyID(t *testing.T) {
	set := ReadKeySet(Document{Source: "set", Body: []byte(jwks(ecJWK(ecKey(), map[string]any{"kid": nil})))})
	v := explain(t, Header(token(ecKey(), map[string]any{"alg": "ES256", "kid": ""}, claims(nil))), func(r *Request) { r.Keys = set })
	if !v.Allowed {
		t.Errorf("got %+v", v)
	}
}

// TestTemporal5Sources: one broken source makes all of them unusable.
func TestTemporal5Sources(t *testing.T) {
	a := Document{Source: "a", Body: []byte(jwks(ecJWK(ecKey(), nil)))}
	b := Document{Source: "b", Body: []byte(jwks(rsaJWK(rsaKey(), nil)))}
	broken := Document{Source: "broken", Body: []byte("x")}
	if got := ReadKeySet(a, b).describe(); got != `"k-es" (ES256), "k-rs" (RS256)` {
		t.Errorf("got keys %s", got)
	}
	p384 := testkit.Must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	if got := ReadKeySet(Document{Source: "c", Body: []byte(jwks(ecJWK(p384, nil)))}).describe(); got != "no usable key" {
		t.Errorf("got keys %s, want %s", got, "no usable key")
	}
	if got := ReadKeySet(a, broken, b).describe(); got != "no usable key" {
		t.Errorf("got keys %s, want %s", got, "no usable key")
	}
}

// FuzzReadKeySet looks for key sets that crash the parser.
func FuzzReadKeySet(f *testing.F) {
	for _, seed := range []string{"", "{}", "[]", `{"keys":[null,{},5]}`, jwks(ecJWK(ecKey(), map[string]any{"d": "AA", "x5c": []string{"AAAA"}})), jwks(rsaJWK(rsaKey(), map[string]any{"d": "AA", "p": "AA", "q": ""}))} {
		f.Add([]byte(seed))
	}
	authorization := Header(es256(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		set := ReadKeySet(Document{Source: "set", Body: body})
		if _, err := Explain(Request{Authorization: authorization, API: "GetSystemInfo", Keys: set, Now: now}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestS69_KeySourcesShowNoQuery: neither the places of keys nor notes have the query of a
// key source, which may be a secret.
func TestS69_KeySourcesShowNoQuery(t *testing.T) {
	good := jwks(ecJWK(ecKey(), map[string]any{"kid": "a"}), ecJWK(ecKey(), map[string]any{"kid": nil}))
	for name, row := range map[string]struct{ scheme, body string }{
		"https":      {"https", good},
		"upper case": {"HTTPS", good},
		"not a JWKS": {"http", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			set := ReadKeySet(Document{Source: row.scheme + "://keys.example/jwks?token=sesame", Body: []byte(row.body), Status: 500})
			text := fmt.Sprint(set.Usable(), set.Notes(), set.statuses)
			if strings.Contains(text, "sesame") || !strings.Contains(text, "://keys.example/jwks") {
				t.Errorf("got %s, want %q in it", text, "://keys.example/jwks")
			}
		})
	}
}
