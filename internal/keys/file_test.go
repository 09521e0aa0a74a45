package keys_test

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS11_RefusesLooseFiles: anything but a single strict JWK, JWKS or PEM text is refused.
func TestS11_RefusesLooseFiles(t *testing.T) {
	jwk, okp := publicJWK(t, "P-256").text(), publicJWK(t, "OKP").text()
	set := setOf(jwk)
	twice := strings.Replace(jwk, `{`, `{"kty":"EC",`, 1)
	large := strings.Repeat(" ", keys.MaxFileBytes+1-len(jwk))
	tests := map[string]struct {
		text string
		code fault.Code
	}{
		"JWK":                       {jwk, ""},
		"JWKS":                      {set, ""},
		"white space around":        {" \t\r\n" + jwk + " \t\r\n", ""},
		"set with other members":    {`{"a":{"keys":1},` + set[1:], ""},
		"set that is also a key":    {`{"kty":"oct","k":"AAAA",` + set[1:], ""},
		"1 MiB":                     {jwk + large[1:], ""},
		"1 MiB and one byte":        {jwk + large, fault.FileTooLarge},
		"empty":                     {"", fault.KeyFormatUnknown},
		"white space":               {" \n", fault.KeyFormatUnknown},
		"text":                      {"hello", fault.KeyFormatUnknown},
		"DER":                       {string(ders()["PUBLIC KEY, EC"]), fault.KeyFormatUnknown},
		"compact token":             {"eyJhbGciOiJub25lIn0.e30.", fault.KeyFormatUnknown},
		"array":                     {"[" + jwk + "]", fault.KeyFormatUnknown},
		"null":                      {"null", fault.KeyFormatUnknown},
		"byte order mark":           {"\ufeff" + jwk, fault.KeyFormatUnknown},
		"UTF-16":                    {"\xff\xfe{\x00}\x00", fault.KeyFormatUnknown},
		"empty object":              {"{}", fault.KeyInvalid},
		"duplicate member":          {twice, fault.KeyInvalid},
		"duplicate member, escaped": {strings.Replace(jwk, `{`, `{"\u006bty":"EC",`, 1), fault.KeyInvalid},
		"duplicate member in a set": {setOf(jwk, twice), fault.KeyInvalid},
		"duplicate keys":            {`{"keys":[],` + set[1:], fault.KeyInvalid},
		"NUL in a string":           {strings.Replace(jwk, `"EC"`, "\"EC\x00\"", 1), fault.KeyInvalid},
		"invalid UTF-8":             {strings.Replace(jwk, `"EC"`, "\"EC\xff\"", 1), fault.KeyInvalid},
		"lone surrogate":            {strings.Replace(jwk, `{`, `{"kid":"\ud800",`, 1), fault.KeyInvalid},
		"cut":                       {jwk[:len(jwk)-1], fault.KeyInvalid},
		"nested too deeply":         {strings.Replace(jwk, `{`, `{"a":`+strings.Repeat("[", 16)+strings.Repeat("]", 16)+`,`, 1), fault.KeyInvalid},
		"a million brackets":        {`{"keys":` + strings.Repeat("[", 1_000_000), fault.KeyInvalid},
		"trailing NUL":              {jwk + "\x00", fault.KeyTrailingData},
		"trailing text":             {jwk + "x", fault.KeyTrailingData},
		"trailing second key":       {jwk + okp, fault.KeyTrailingData},
		"trailing no-break space":   {jwk + "\u00a0", fault.KeyTrailingData},
		"trailing PEM":              {jwk + pemOf("PUBLIC KEY", ders()["PUBLIC KEY, EC"]), fault.KeyTrailingData},
		"leading no-break space":    {"\u00a0" + jwk, fault.KeyInvalid},
		"keys is an object":         {`{"keys":` + jwk + `}`, fault.KeyInvalid},
		"keys is null":              {`{"keys":null}`, fault.KeyInvalid},
		"nested set":                {setOf(set), fault.KeyInvalid},
		"number as a key":           {setOf("1"), fault.KeyInvalid},
		"half a million elements":   {setOf(strings.Repeat("0,", 500_000) + "0"), fault.KeyInvalid},
		"500 KB of unusable keys":   {setOf(strings.Repeat(`{"kty":"?"},`, 80_000) + jwk), fault.FileTooLarge},
		"empty set":                 {setOf(), fault.KeySetEmpty},
		"name of 1 MB":              {`{"` + strings.Repeat("a", 1_000_000) + `":1}`, fault.KeyInvalid},
		"100,000 names":             {`{"a0":0` + manyMembers(80_000) + `}`, fault.KeyInvalid},
		"x of 1 MB":                 {`{"kty":"EC","crv":"P-256","y":"","x":"` + strings.Repeat("A", 1_000_000) + `"}`, fault.KeyInvalid},
		"n of 1 MB":                 {`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("B", 1_000_000) + `"}`, fault.KeyWeak},
		"PEM label of 1 MB":         {"-----BEGIN " + strings.Repeat("A", 1_000_000) + "-----\n", fault.KeyFormatUnknown},
		"1 MB of BEGIN lines":       {strings.Repeat("-----BEGIN A-----\n", 50_000), fault.KeyFormatUnknown},
		"1 MB of PEM blocks":        {strings.Repeat("-----BEGIN A-----\n-----END A-----\n", 29_000), fault.KeyMultipleBlocks},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var loaded keys.Loaded
			var err error
			took := testkit.CPU(func() { loaded, err = parse(c.text) })
			runtime.ReadMemStats(&after)
			if took > 2*time.Second {
				t.Errorf("took %s", took)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("allocated %d MiB", used>>20)
			}
			if c.code == "" && (err != nil || len(loaded.Keys) != 1) {
				t.Errorf("got %v %v", loaded, err)
			}
			if c.code != "" {
				wantRefused(t, c.text, c.code)
			}
		})
	}
}

func manyMembers(n int) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `,"b%d":0`, i)
	}
	return b.String()
}

// manyKeys returns a set of n different keys.
func manyKeys(t *testing.T, n int) string {
	texts := make([]string, n)
	jwk := publicJWK(t, "P-256")
	for i := range texts {
		texts[i] = jwk.with("kid", fmt.Sprint(i)).text()
	}
	return setOf(texts...)
}

// TestS11_ManyKeys: a set may have a thousand keys.
func TestS11_ManyKeys(t *testing.T) {
	loaded, err := parse(manyKeys(t, keys.MaxSetKeys))
	if err != nil || len(loaded.Keys) != keys.MaxSetKeys {
		t.Errorf("got %d keys, %v, want %d", len(loaded.Keys), err, keys.MaxSetKeys)
	}
	wantRefused(t, manyKeys(t, keys.MaxSetKeys+1), fault.FileTooLarge)
	_, err = keys.ParseSet([]byte(manyKeys(t, keys.MaxSetKeys+1)), keys.Attributes{}, true)
	testkit.WantCode(t, err, fault.FileTooLarge)
}

// TestS12_WhatASetMayHold checks what a set may contain if its owner names it with --key,
// if it is another's file, and if it comes from a URL.
func TestS12_WhatASetMayHold(t *testing.T) {
	ec, ec2, okp := publicJWK(t, "P-256").text(), publicJWK(t, "EC2").text(), publicJWK(t, "OKP").text()
	kid := func(name, id string) string { return publicJWK(t, name).with("kid", id).text() }
	broken := publicJWK(t, "P-384").with("x", "AAAA").text()
	weak := publicJWK(t, "RSA").with("n", bits(1024)).text()
	secret, private := jwkOf(t, "oct").text(), jwkOf(t, "EC2").text()
	rs := func(alg string) string { return publicJWK(t, "RSA").with("kid", "r", "alg", alg).text() }
	tests := map[string]struct {
		text         string
		keys, passed int // number of keys
		// The expected codes. url is the same as set if empty.
		named, set, url fault.Code
	}{
		"two":                                   {text: setOf(ec, okp), keys: 2},
		"duplicate kid":                         {text: setOf(kid("P-256", "a"), kid("EC2", "a")), named: fault.KeyAmbiguous, set: fault.KeyAmbiguous},
		"duplicate kid, other type":             {text: setOf(kid("P-256", "a"), kid("OKP", "a")), keys: 2},
		"one kid, RS256 and no alg":             {text: setOf(rs("RS256"), publicJWK(t, "RSA2").with("kid", "r").text()), named: fault.KeyAmbiguous, set: fault.KeyAmbiguous},
		"one kid, RS256 and RS512":              {text: setOf(rs("RS256"), publicJWK(t, "RSA2").with("kid", "r", "alg", "RS512").text()), keys: 2},
		"EdDSA and Ed25519":                     {text: setOf(publicJWK(t, "OKP").with("kid", "e", "alg", "EdDSA").text(), publicJWK(t, "OKP2").with("kid", "e", "alg", "Ed25519").text()), named: fault.KeyAmbiguous, set: fault.KeyAmbiguous},
		"same key twice":                        {text: setOf(ec, ec), keys: 2},
		"one key, three algorithms":             {text: setOf(rs("RS256"), rs("RS384"), rs("PS512")), keys: 3},
		"same key, different kid":               {text: setOf(kid("P-256", "a"), kid("P-256", "b")), keys: 2},
		"kids that differ in case":              {text: setOf(kid("P-256", "a"), kid("EC2", "A")), keys: 2},
		"thumbprint of another key as kid":      {text: setOf(ec, kid("EC2", newKey(t, "P-256", keys.Attributes{}).ID())), named: fault.KeyAmbiguous, set: fault.KeyAmbiguous},
		"kid of a skipped key":                  {text: setOf(kid("P-256", "a"), `{"kty":"?","kid":"a"}`), keys: 1, passed: 1},
		"only secrets":                          {text: setOf(secret), keys: 1, url: fault.KeySetUnavailable},
		"a secret next to a key":                {text: setOf(ec, secret), named: fault.KeySetMixed, set: fault.KeySetMixed, url: fault.KeySetUnavailable},
		"key wrapping key":                      {text: setOf(ec, jwkOf(t, "oct").with("alg", "A128KW").text()), keys: 1, passed: 1, named: fault.KeyAlgMismatch},
		"encryption secret":                     {text: setOf(ec, jwkOf(t, "oct").with("use", "enc").text()), keys: 1, passed: 1},
		"short secret":                          {text: setOf(ec, jwkOf(t, "oct").with("k", "AAAA").text()), keys: 1, passed: 1, named: fault.KeyWeak, url: fault.KeySetUnavailable},
		"private keys":                          {text: setOf(ec, private), keys: 2, url: fault.KeySetUnavailable},
		"private key to decrypt":                {text: setOf(ec, jwkOf(t, "RSA").with("alg", "RSA-OAEP").text()), keys: 1, passed: 1, named: fault.KeyAlgMismatch, url: fault.KeySetUnavailable},
		"unknown kty":                           {text: setOf(`{"kty":"AKP","alg":"ML-DSA-44"}`, ec), keys: 1, passed: 1},
		"unknown curve":                         {text: setOf(ec, publicJWK(t, "OKP").with("crv", "Ed448").text()), keys: 1, passed: 1},
		"for encryption":                        {text: setOf(publicJWK(t, "RSA").with("use", "enc").text(), ec), keys: 1, passed: 1},
		"only unknown types":                    {text: setOf(`{"kty":"?"}`, `{"kty":"?"}`), named: fault.KeySetEmpty, set: fault.KeySetEmpty},
		"broken key":                            {text: setOf(ec, broken, ec2), keys: 2, passed: 1, named: fault.KeyInvalid},
		"broken key with the same kid":          {text: setOf(kid("P-384", "a"), publicJWK(t, "P-384").with("kid", "a", "x", "AAAA").text()), named: fault.KeyInvalid, set: fault.KeyAmbiguous},
		"weak key with the same kid":            {text: setOf(publicJWK(t, "RSA").with("kid", "r", "n", bits(1024)).text(), rs("RS256")), named: fault.KeyWeak, set: fault.KeyAmbiguous},
		"weak key with the same kid, other alg": {text: setOf(publicJWK(t, "RSA").with("kid", "r", "alg", "PS256", "n", bits(1024)).text(), rs("RS256")), keys: 1, passed: 1, named: fault.KeyWeak},
		"weak key":                              {text: setOf(weak, ec), keys: 1, passed: 1, named: fault.KeyWeak},
		"RSA-OAEP-256":                          {text: setOf(ec, rs("RSA-OAEP-256")), keys: 1, passed: 1, named: fault.KeyAlgMismatch},
		"RS1":                                   {text: setOf(ec, rs("RS1")), keys: 1, passed: 1, named: fault.KeyAlgMismatch},
		"Ed25519 as alg":                        {text: setOf(ec, publicJWK(t, "OKP").with("alg", "Ed25519").text()), keys: 2},
		"alg of another type":                   {text: setOf(publicJWK(t, "OKP").with("alg", "ES521").text(), ec), keys: 1, passed: 1, named: fault.KeyAlgMismatch},
		"only broken keys":                      {text: setOf(broken), named: fault.KeyInvalid, set: fault.KeySetEmpty},
		"not an object":                         {text: setOf("1", ec), keys: 1, passed: 1, named: fault.KeyInvalid},
		"null":                                  {text: setOf("null", ec), keys: 1, passed: 1, named: fault.KeyInvalid},
		"no kty":                                {text: setOf(`{}`, ec), keys: 1, passed: 1, named: fault.KeyInvalid},
		"unsupported key with d":                {text: setOf(ec, `{"kty":"?","d":"AAAA"}`), keys: 1, passed: 1, url: fault.KeySetUnavailable},
		"d is null":                             {text: setOf(publicJWK(t, "P-256").with("d", nil).text()), keys: 1},
		"d is empty":                            {text: setOf(publicJWK(t, "P-256").with("d", "").text()), keys: 1, named: fault.KeyInvalid},
		"d is an empty array":                   {text: setOf(publicJWK(t, "RSA").with("d", []int{}).text()), keys: 1, named: fault.KeyInvalid},
		"d is false":                            {text: setOf(ec2, publicJWK(t, "P-256").with("d", false).text()), keys: 1, passed: 1, named: fault.KeyInvalid, url: fault.KeySetUnavailable},
		"oth is empty":                          {text: setOf(publicJWK(t, "RSA").with("oth", []int{}).text()), keys: 1},
		"oth is not empty":                      {text: setOf(ec, publicJWK(t, "RSA").with("oth", []members{{"r": "AQAB"}}).text()), keys: 1, passed: 1, url: fault.KeySetUnavailable},
		"everything optional null":              {text: setOf(publicJWK(t, "P-256").with("alg", nil, "kid", nil, "use", nil, "key_ops", nil, "x5c", nil).text()), keys: 1},
		"everything optional empty":             {text: setOf(publicJWK(t, "P-256").with("alg", "", "kid", "", "use", "", "x5c", []int{}, "x5t", "").text()), keys: 1, named: fault.KeyInvalid},
		"n is null":                             {text: setOf(ec, publicJWK(t, "RSA").with("n", nil).text()), keys: 1, passed: 1, named: fault.KeyInvalid},
		"x is empty":                            {text: setOf(ec2, publicJWK(t, "P-256").with("x", "").text()), keys: 1, passed: 1, named: fault.KeyInvalid},
		"empty key_ops":                         {text: setOf(publicJWK(t, "RSA").with("key_ops", []int{}).text()), named: fault.KeySetEmpty, set: fault.KeySetEmpty},
		"SPIFFE's keys":                         {text: setOf(publicJWK(t, "P-256").with("use", "jwt-svid").text(), publicJWK(t, "EC2").with("use", "x509-svid").text()), keys: 1, passed: 1},
		"SPIFFE's use in capitals":              {text: setOf(publicJWK(t, "P-256").with("use", "JWT-SVID").text()), named: fault.KeySetEmpty, set: fault.KeySetEmpty},
		"single JWK":                            {text: ec, keys: 1},
		"single private JWK":                    {text: private, keys: 1, url: fault.KeySetUnavailable},
		"empty":                                 {text: setOf(), named: fault.KeySetEmpty, set: fault.KeySetEmpty},
		"object without keys":                   {text: `{}`, named: fault.KeyInvalid, set: fault.KeyInvalid},
		"keys is null":                          {text: `{"keys":null}`, named: fault.KeyInvalid, set: fault.KeyInvalid},
		"duplicate member":                      {text: setOf(ec, strings.Replace(ec2, "{", `{"kid":"a","kid":"b",`, 1)), named: fault.KeyInvalid, set: fault.KeyInvalid},
		"two readings":                          {text: strings.Replace(setOf(ec), `{`, `{"keys":[],`, 1), named: fault.KeyInvalid, set: fault.KeyInvalid},
		"PEM":                                   {text: pemOf("PUBLIC KEY", ders()["PUBLIC KEY, EC"]), keys: 1},
		"private PEM":                           {text: encodePEM(t, newKey(t, "EC2", keys.Attributes{})), keys: 1, url: fault.KeySetUnavailable},
		"unknown members of the set":            {text: `{"keys":[` + ec + `],"d":"AAAA","k":"AAAA"}`, keys: 1},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			check := func(from string, loaded keys.Loaded, err error, code fault.Code) {
				t.Helper()
				testkit.WantCode(t, err, code)
				if err == nil && (len(loaded.Keys) != c.keys || len(loaded.Skipped()) != c.passed || len(loaded.Entries) != c.keys+c.passed) {
					t.Errorf("%s: got %v, skipped %v, want %d, %d", from, loaded.Keys, loaded.Skipped(), c.keys, c.passed)
				}
				for _, e := range loaded.Skipped() {
					if !strings.HasPrefix(e.Problem.What, "k: keys[") || e.Problem.Reason == "" {
						t.Errorf("%s: the key skipped is not named: %v", from, e.Problem)
					}
					if fault.Has(err, fault.KeySetEmpty) && !strings.Contains(err.Error(), e.Problem.Reason) {
						t.Errorf("%s: %v does not give the reason", from, err)
					}
				}
			}
			loaded, err := parse(c.text)
			check("--key", loaded, err, c.named)
			loaded, err = keys.ParseSet([]byte(c.text), keys.Attributes{Source: "k"}, false)
			check("a file", loaded, err, c.set)
			loaded, err = keys.ParseSet([]byte(c.text), keys.Attributes{Source: "k"}, true)
			check("a URL", loaded, err, cmp.Or(c.url, c.set))
		})
	}
}

// TestS12_PicksByID: attributes apply to all keys of a set, and an ID selects a key.
func TestS12_PicksByID(t *testing.T) {
	set := []byte(setOf(publicJWK(t, "P-256").with("kid", "a").text(), publicJWK(t, "EC2").with("kid", "b").text(), `{"kty":"?"}`))
	loaded, err := keys.Parse(set, keys.Attributes{ID: "b", Issuer: "i", Algorithm: keys.ES256})
	if err != nil || len(loaded.Keys) != 1 || loaded.Keys[0].ID() != "b" || loaded.Keys[0].Issuer() != "i" || len(loaded.Skipped()) != 1 {
		t.Errorf("got %v %v", loaded, err)
	}
	_, err = keys.Parse(set, keys.Attributes{ID: "c"})
	testkit.WantCode(t, err, fault.KeyMissing)
	_, err = keys.Parse(set, keys.Attributes{Algorithm: keys.RS256})
	testkit.WantCode(t, err, fault.KeyAlgMismatch)
	one, err := keys.Parse([]byte(publicJWK(t, "P-256").with("kid", "a").text()), keys.Attributes{ID: "mine"})
	if err != nil || one.Keys[0].ID() != "mine" || !one.Keys[0].HasExplicitID() {
		t.Errorf("got %v %v", one, err)
	}
}

// TestHintsOfDocuments: a document that only leads to keys gets a hint where they are.
func TestHintsOfDocuments(t *testing.T) {
	for text, want := range map[string]string{
		`{"issuer":"https://idp.example","jwks_uri":"https://idp.example/keys"}`: "jwks_uri",
		`{"client_id":"c","jwks":{"keys":[]}}`:                                   "member jwks",
		`{"use":"sig"}`:                                                          "kty",
		b64([]byte(`{"keys":[]}`)):                                               "base64",
		"eyJhbGciOiJub25lIn0.e30.":                                               "a token",
	} {
		_, err := parse(text)
		if f, isFault := err.(*fault.Error); !isFault || !strings.Contains(f.Hint, want) {
			t.Errorf("%s: got %#v, want a hint with %q", text, err, want)
		}
	}
}
