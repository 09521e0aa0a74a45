package jws

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/c2sp/wycheproof"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// vectorTokens returns the tokens of all vectors, valid and invalid, as seeds.
func vectorTokens(tb testing.TB) []string {
	tb.Helper()
	var list []string
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json", "json_web_encryption_test.json"} {
		data, err := fs.ReadFile(wycheproof.TestVectors, name)
		if err != nil {
			tb.Fatal(err)
		}
		var file struct {
			TestGroups []struct{ Tests []struct{ JWS, JWE any } }
		}
		if err := json.Unmarshal(data, &file); err != nil {
			tb.Fatal(err)
		}
		for _, g := range file.TestGroups {
			for _, t := range g.Tests {
				for _, one := range []any{t.JWS, t.JWE} {
					if text, ok := one.(string); ok {
						list = append(list, text)
					}
				}
			}
		}
	}
	data, err := os.ReadFile(vectors + "rfc.json")
	if err != nil {
		tb.Fatal(err)
	}
	var rfc []struct{ Token string }
	if err := json.Unmarshal(data, &rfc); err != nil {
		tb.Fatal(err)
	}
	for _, one := range rfc {
		list = append(list, one.Token)
	}
	return list
}

// FuzzF1_Parse: parsing any input returns a token or a code, and an accepted token is the
// only spelling of its content (S29).
func FuzzF1_Parse(f *testing.F) {
	for _, token := range vectorTokens(f) {
		f.Add(token)
	}
	for _, token := range developmentForms(`{"alg":"none"}`, `{"iss":"my-issuer","sub":"hello"}`) {
		f.Add(token)
	}
	f.Add(b64(`{"alg":"ES256"}`) + "." + b64(`{"exp":1e400,"aud":[1],"iat":1.5}`) + ".AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []parseRules{{claims: true}, {}, {claims: true, unsigned: true}} {
			token, err := parse(text, Limits{}, r)
			if err != nil {
				if row := fault.Lookup(err.Code); row.Class != fault.Refused {
					t.Errorf("%v has the code %q", err, err.Code)
				}
				continue
			}
			if r.unsigned && token.Header().Algorithm == "none" {
				continue // several spellings are allowed by A91
			}
			enc := base64.RawURLEncoding
			again := enc.EncodeToString(token.headerJSON) + "." + enc.EncodeToString(token.payload) + "." + enc.EncodeToString(token.signature)
			if again != text {
				t.Errorf("accepted %q, which is spelled %q", text, again)
			}
			if claims, err := token.Claims(); err == nil {
				_ = Policy{Audiences: []string{"a"}, MaxAge: time.Hour}.check(token.header, claims, keys.Rules{Audiences: []string{"b"}, MaxLifetime: time.Minute}, time.Unix(noon, 0))
			}
		}
	})
}

// FuzzF2_JSON: accepted claims are read the same by encoding/json, and no object has a
// duplicate name at any depth.
func FuzzF2_JSON(f *testing.F) {
	for _, token := range vectorTokens(f) {
		for part := range strings.SplitSeq(token, ".") {
			if text, err := base64.RawURLEncoding.DecodeString(part); err == nil {
				f.Add(text)
			}
		}
	}
	for _, text := range []string{`{"a":{"b":[1,2.50,"x\u00e4\ud83d\ude00"]},"c":null}`, `{"a":1,"a":2}`, `{"a":[{"b":1,"b":1}]}`, `{} {}`, `{"a":"\ud800"}`, " {\"a\" : [ ] }\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		claims, err := readClaims(data, MaxDepth)
		if err != nil {
			return
		}
		var want map[string]any
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("accepted %q; encoding/json: %v", data, err)
		}
		if dec.More() {
			t.Fatalf("accepted %q with trailing data", data)
		}
		if got := tree(t, data); !reflect.DeepEqual(got, any(want)) {
			t.Errorf("got %v, encoding/json has %v", got, want)
		}
		if len(claims.Members()) != len(want) {
			t.Errorf("%d claims, encoding/json has %d", len(claims.Members()), len(want))
		}
	})
}

// tree reads data with strictjson into the types of encoding/json.
func tree(t *testing.T, data strictjson.Value) any {
	switch data = bytes.TrimLeft(data, " \t\r\n"); data[0] {
	case '{':
		members, err := strictjson.Object(data, MaxDepth)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		out := map[string]any{}
		for _, m := range members {
			if _, twice := out[m.Name]; twice {
				t.Fatalf("%q: duplicate %q", data, m.Name)
			}
			out[m.Name] = tree(t, m.Value)
		}
		return out
	case '[':
		elements, err := strictjson.Array(data, MaxDepth)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		out := []any{}
		for _, e := range elements {
			out = append(out, tree(t, e))
		}
		return out
	case '"':
		text, ok := strictjson.String(data)
		if !ok {
			t.Fatalf("%q is not a string", data)
		}
		return text
	case 't', 'f':
		return data[0] == 't'
	case 'n':
		return nil
	}
	return json.Number(data)
}

// mutations is the number of mutations per algorithm in TestF4_Mutations. For a release
// use 100,000: go test ./internal/jws -run TestF4 -mutations 100000
var mutations = flag.Int("mutations", 200, "mutations of one token of each algorithm to try")

// TestF4_Mutations: a valid token with one byte or bit changed is not accepted.
func TestF4_Mutations(t *testing.T) {
	for _, alg := range keys.Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			key := signingKey(t, alg)
			v := verifier(t, Policy{}, key)
			token, err := Sign(key, []byte(benchClaims))
			if err != nil {
				t.Fatal(err)
			}
			wantCodes(t, v, token, "ok")
			for i := range *mutations {
				change := byte(1 + rand.IntN(255))
				if i%2 == 0 {
					change = 1 << rand.IntN(8)
				}
				refuseMutation(t, v, token, rand.IntN(len(token)), change)
			}
		})
	}
}

func FuzzF4_Mutation(f *testing.F) {
	f.Add(uint8(0), uint16(3), byte(1))
	f.Add(uint8(9), uint16(60000), byte(0x80))
	f.Fuzz(func(t *testing.T, n uint8, position uint16, change byte) {
		alg := keys.Algorithms()[int(n)%len(keys.Algorithms())]
		key := signingKey(t, alg)
		token, err := Sign(key, []byte(benchClaims))
		if err != nil {
			t.Fatal(err)
		}
		if change != 0 {
			refuseMutation(t, verifier(t, Policy{}, key), token, int(position)%len(token), change)
		}
	})
}

func refuseMutation(t *testing.T, v *Verifier, token string, position int, change byte) {
	t.Helper()
	changed := []byte(token)
	changed[position] ^= change
	if _, err := v.Verify(context.Background(), string(changed)); err == nil {
		t.Errorf("accepted with byte %d changed by %#02x: %s", position, change, changed)
	}
}
