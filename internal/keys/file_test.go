package keys_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestS11_Files: what is not one strict JWK, JWKS or PEM text is refused.
func TestS11_Files(t *testing.T) {
	jwk, okp := publicJWK(t, "P-256").text(), publicJWK(t, "OKP").text()
	set := setOf(jwk)
	twice := strings.Replace(jwk, `{`, `{"kty":"EC",`, 1)
	large := strings.Repeat(" ", keys.MaxFileBytes+1-len(jwk))
	tests := map[string]struct {
		text string
		code fault.Code
	}{
		"JWK":                          {jwk, ""},
		"JWKS":                         {set, ""},
		"white space around":           {" \t\r\n" + jwk + " \t\r\n", ""},
		"other members of a set":       {`{"a":{"keys":1},` + set[1:], ""},
		"a set that is also a key":     {`{"kty":"oct","k":"AAAA",` + set[1:], ""},
		"1 MiB":                        {jwk + large[1:], ""},
		"1 MiB and a byte":             {jwk + large, fault.FileTooLarge},
		"empty":                        {"", fault.KeyFormatUnknown},
		"white space":                  {" \n", fault.KeyFormatUnknown},
		"text":                         {"hello", fault.KeyFormatUnknown},
		"DER":                          {string(ders()["PUBLIC KEY, EC"]), fault.KeyFormatUnknown},
		"a compact token":              {"eyJhbGciOiJub25lIn0.e30.", fault.KeyFormatUnknown},
		"an array":                     {"[" + jwk + "]", fault.KeyFormatUnknown},
		"null":                         {"null", fault.KeyFormatUnknown},
		"byte order mark":              {"\ufeff" + jwk, fault.KeyFormatUnknown},
		"UTF-16":                       {"\xff\xfe{\x00}\x00", fault.KeyFormatUnknown},
		"an empty object":              {"{}", fault.KeyInvalid},
		"member twice":                 {twice, fault.KeyInvalid},
		"member twice, by an escape":   {strings.Replace(jwk, `{`, `{"\u006bty":"EC",`, 1), fault.KeyInvalid},
		"member twice in a set":        {setOf(jwk, twice), fault.KeyInvalid},
		"keys twice":                   {`{"keys":[],` + set[1:], fault.KeyInvalid},
		"NUL in a string":              {strings.Replace(jwk, `"EC"`, "\"EC\x00\"", 1), fault.KeyInvalid},
		"invalid UTF-8":                {strings.Replace(jwk, `"EC"`, "\"EC\xff\"", 1), fault.KeyInvalid},
		"lone surrogate":               {strings.Replace(jwk, `{`, `{"kid":"\ud800",`, 1), fault.KeyInvalid},
		"cut":                          {jwk[:len(jwk)-1], fault.KeyInvalid},
		"nested too deeply":            {strings.Replace(jwk, `{`, `{"a":`+strings.Repeat("[", 16)+strings.Repeat("]", 16)+`,`, 1), fault.KeyInvalid},
		"a million brackets":           {`{"keys":` + strings.Repeat("[", 1_000_000), fault.KeyInvalid},
		"NUL behind":                   {jwk + "\x00", fault.KeyTrailingData},
		"text behind":                  {jwk + "x", fault.KeyTrailingData},
		"a second key behind":          {jwk + okp, fault.KeyTrailingData},
		"a no-break space behind":      {jwk + "\u00a0", fault.KeyTrailingData},
		"a PEM text behind":            {jwk + pemOf("PUBLIC KEY", ders()["PUBLIC KEY, EC"]), fault.KeyTrailingData},
		"a no-break space before":      {"\u00a0" + jwk, fault.KeyInvalid},
		"keys is an object":            {`{"keys":` + jwk + `}`, fault.KeyInvalid},
		"keys is null":                 {`{"keys":null}`, fault.KeyInvalid},
		"a set in a set":               {setOf(set), fault.KeyInvalid},
		"a number for a key":           {setOf("1"), fault.KeyInvalid},
		"half a million elements":      {setOf(strings.Repeat("0,", 500_000) + "0"), fault.KeyInvalid},
		"unusable ones, half a MB":     {setOf(strings.Repeat(`{"kty":"?"},`, 80_000) + jwk), fault.FileTooLarge},
		"an empty set":                 {setOf(), fault.KeySetEmpty},
		"a megabyte of one name":       {`{"` + strings.Repeat("a", 1_000_000) + `":1}`, fault.KeyInvalid},
		"a hundred thousand names":     {`{"a0":0` + manyMembers(80_000) + `}`, fault.KeyInvalid},
		"a megabyte of x":              {`{"kty":"EC","crv":"P-256","y":"","x":"` + strings.Repeat("A", 1_000_000) + `"}`, fault.KeyInvalid},
		"a megabyte of n":              {`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("B", 1_000_000) + `"}`, fault.KeyWeak},
		"a megabyte of a PEM label":    {"-----BEGIN " + strings.Repeat("A", 1_000_000) + "-----\n", fault.KeyFormatUnknown},
		"a megabyte of PEM beginnings": {strings.Repeat("-----BEGIN A-----\n", 50_000), fault.KeyFormatUnknown},
		"a megabyte of PEM blocks":     {strings.Repeat("-----BEGIN A-----\n-----END A-----\n", 29_000), fault.KeyMultipleBlocks},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			loaded, err := parse(c.text)
			took := time.Since(begin)
			runtime.ReadMemStats(&after)
			if took > 2*time.Second { // 1 s, on a machine that has other things to do
				t.Errorf("took %s", took)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("allocated %d MiB", used>>20)
			}
			if c.code == "" && (err != nil || len(loaded.Keys) != 1) {
				t.Errorf("%v %v", loaded, err)
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

// TestS11_ManyKeys: a set may hold a thousand keys.
func TestS11_ManyKeys(t *testing.T) {
	loaded, err := parse(manyKeys(t, keys.MaxSetKeys))
	if err != nil || len(loaded.Keys) != keys.MaxSetKeys {
		t.Errorf("%d keys, %v", len(loaded.Keys), err)
	}
	wantRefused(t, manyKeys(t, keys.MaxSetKeys+1), fault.FileTooLarge)
	_, err = keys.ParseRemoteSet([]byte(manyKeys(t, keys.MaxSetKeys+1)), keys.Attributes{})
	wantCode(t, err, fault.FileTooLarge)
}

// TestS12_Sets: what a set of one's own and one of somebody else's may hold.
func TestS12_Sets(t *testing.T) {
	ec, ec2, okp := publicJWK(t, "P-256").text(), publicJWK(t, "EC2").text(), publicJWK(t, "OKP").text()
	kid := func(name, id string) string { return publicJWK(t, name).with("kid", id).text() }
	broken := publicJWK(t, "P-384").with("x", "AAAA").text()
	weak := publicJWK(t, "RSA").with("n", bits(1024)).text()
	secret, private := jwkOf(t, "oct").text(), jwkOf(t, "EC2").text()
	tests := map[string]struct {
		text          string
		keys, ignored int // where it loads
		local, remote fault.Code
	}{
		"two":                         {setOf(ec, okp), 2, 0, "", ""},
		"one kid twice":               {setOf(kid("P-256", "a"), kid("EC2", "a")), 0, 0, fault.KeyAmbiguous, fault.KeyAmbiguous},
		"one kid twice, other type":   {setOf(kid("P-256", "a"), kid("OKP", "a")), 0, 0, fault.KeyAmbiguous, fault.KeyAmbiguous},
		"the same key twice":          {setOf(ec, ec), 0, 0, fault.KeyAmbiguous, fault.KeyAmbiguous},
		"the same key, another kid":   {setOf(kid("P-256", "a"), kid("P-256", "b")), 2, 0, "", ""},
		"kids that differ in case":    {setOf(kid("P-256", "a"), kid("EC2", "A")), 2, 0, "", ""},
		"a thumbprint taken as kid":   {setOf(ec, kid("EC2", newKey(t, "P-256", keys.Attributes{}).ID())), 0, 0, fault.KeyAmbiguous, fault.KeyAmbiguous},
		"an ignored key's kid":        {setOf(kid("P-256", "a"), `{"kty":"?","kid":"a"}`), 1, 1, "", ""},
		"secrets alone":               {setOf(secret), 1, 0, "", fault.KeySetUnavailable},
		"a secret beside":             {setOf(ec, secret), 0, 0, fault.KeySetMixed, fault.KeySetUnavailable},
		"private ones":                {setOf(ec, private), 2, 0, "", fault.KeySetUnavailable},
		"unknown kty":                 {setOf(`{"kty":"AKP","alg":"ML-DSA-44"}`, ec), 1, 1, "", ""},
		"unknown curve":               {setOf(ec, publicJWK(t, "OKP").with("crv", "Ed448").text()), 1, 1, "", ""},
		"for encryption":              {setOf(publicJWK(t, "RSA").with("use", "enc").text(), ec), 1, 1, "", ""},
		"unknown ones alone":          {setOf(`{"kty":"?"}`, `{"kty":"?"}`), 0, 0, fault.KeySetEmpty, fault.KeySetEmpty},
		"a broken key":                {setOf(ec, broken, ec2), 2, 1, fault.KeyInvalid, ""},
		"a weak key":                  {setOf(weak, ec), 1, 1, fault.KeyWeak, ""},
		"an algorithm of no one":      {setOf(publicJWK(t, "OKP").with("alg", "ES521").text(), ec), 1, 1, fault.KeyAlgMismatch, ""},
		"broken ones alone":           {setOf(broken), 0, 0, fault.KeyInvalid, fault.KeySetEmpty},
		"no object":                   {setOf("1", ec), 1, 1, fault.KeyInvalid, ""},
		"null":                        {setOf("null", ec), 1, 1, fault.KeyInvalid, ""},
		"no kty":                      {setOf(`{}`, ec), 1, 1, fault.KeyInvalid, ""},
		"an ignored key with d":       {setOf(ec, `{"kty":"?","d":"AAAA"}`), 1, 1, "", fault.KeySetUnavailable},
		"a single JWK":                {ec, 1, 0, "", fault.KeySetUnavailable},
		"empty":                       {setOf(), 0, 0, fault.KeySetEmpty, fault.KeySetEmpty},
		"an object without keys":      {`{}`, 0, 0, fault.KeyInvalid, fault.KeySetUnavailable},
		"two readings":                {strings.Replace(setOf(ec), `{`, `{"keys":[],`, 1), 0, 0, fault.KeyInvalid, fault.KeySetUnavailable},
		"a PEM text":                  {pemOf("PUBLIC KEY", ders()["PUBLIC KEY, EC"]), 1, 0, "", fault.KeySetUnavailable},
		"members that are none of us": {`{"keys":[` + ec + `],"d":"AAAA","k":"AAAA"}`, 1, 0, "", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			check := func(loaded keys.Loaded, err error, code fault.Code, count, ignored int) {
				t.Helper()
				wantCode(t, err, code)
				if code != "" {
					count, ignored = 0, 0
				}
				if len(loaded.Keys) != count || len(loaded.Ignored) != ignored {
					t.Errorf("%d keys, %d ignored; want %d, %d: %v", len(loaded.Keys), len(loaded.Ignored), count, ignored, loaded)
				}
				for _, line := range loaded.Ignored {
					if !strings.HasPrefix(line, "k: keys[") {
						t.Errorf("the key passed over is not named: %s", line)
					}
				}
			}
			loaded, err := parse(c.text)
			check(loaded, err, c.local, c.keys, c.ignored)
			loaded, err = keys.ParseRemoteSet([]byte(c.text), keys.Attributes{Source: "k"})
			check(loaded, err, c.remote, c.keys, c.ignored)
		})
	}
}

// TestS12_Pick: the attributes given go to the keys of a set, and an id picks.
func TestS12_Pick(t *testing.T) {
	set := []byte(setOf(publicJWK(t, "P-256").with("kid", "a").text(), publicJWK(t, "EC2").with("kid", "b").text(), `{"kty":"?"}`))
	loaded, err := keys.Parse(set, keys.Attributes{ID: "b", Issuer: "i", Algorithm: keys.ES256})
	if err != nil || len(loaded.Keys) != 1 || loaded.Keys[0].ID() != "b" || loaded.Keys[0].Issuer() != "i" || len(loaded.Ignored) != 1 {
		t.Errorf("%v %v", loaded, err)
	}
	_, err = keys.Parse(set, keys.Attributes{ID: "c"})
	wantCode(t, err, fault.KeyMissing)
	_, err = keys.Parse(set, keys.Attributes{Algorithm: keys.RS256})
	wantCode(t, err, fault.KeyAlgMismatch)
	one, err := keys.Parse([]byte(publicJWK(t, "P-256").with("kid", "a").text()), keys.Attributes{ID: "mine"})
	if err != nil || one.Keys[0].ID() != "mine" || !one.Keys[0].HasOwnID() {
		t.Errorf("%v %v", one, err)
	}
}
