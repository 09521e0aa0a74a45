package jws

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestDecodeVerifiesNothing: what can be read from a token without a key; none of it
// counts as verified.
func TestDecodeVerifiesNothing(t *testing.T) {
	payload := b64(`{"iss":"https://idp.example.org/","sub":"alice"}`)
	signature := "." + b64("signature")
	good := es256(t, es256Header, `{"sub":"alice"}`)
	disclosures := "~" + b64(`["salt","given_name","Ana"]`) + "~" + b64(`["salt",{"a":1}]`) + "~"
	for name, c := range map[string]struct {
		token string
		want  string // what is read, or the error code
	}{
		"ES256K":                  {b64(`{"alg":"ES256K"}`) + "." + payload + signature, "claims"},
		"ML-DSA-65":               {b64(`{"alg":"ML-DSA-65","kid":"k"}`) + "." + payload + signature, "claims"},
		"no alg":                  {b64(`{"kid":1}`) + "." + payload + signature, "claims"},
		"crit":                    {b64(`{"alg":"RS256","crit":["x"],"x":1}`) + "." + payload + signature, "claims"},
		"b64 false":               {b64(`{"alg":"RS256","b64":false,"crit":["b64"]}`) + "." + payload + signature, "claims"},
		"b64 false, plain text":   {b64(`{"alg":"RS256","b64":false,"crit":["b64"]}`) + ".plain words!" + signature, "payload"},
		"nested":                  {b64(`{"alg":"RS256","cty":"JWT"}`) + "." + b64(good) + signature, "payload"},
		"text":                    {b64(`{"alg":"RS256"}`) + "." + b64("not json") + signature, "payload"},
		"bytes":                   {b64(`{"alg":"RS256"}`) + "." + b64("\xff\x00") + signature, "payload"},
		"no payload":              {b64(`{"alg":"RS256"}`) + "." + signature, "payload"},
		"array payload":           {b64(`{"alg":"RS256"}`) + "." + b64(`[1]`) + signature, "payload"},
		"unsigned":                {b64(`{"alg":"none"}`) + "." + payload + ".", "claims"},
		"unsigned, in two parts":  {b64(`{"alg":"none"}`) + "." + payload, "claims"},
		"JWE":                     {b64(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`) + ".a.b.c.d", "encrypted"},
		"JWE, direct":             {b64(`{"alg":"dir","enc":"A256GCM"}`) + "..b.c.d", "encrypted"},
		"SD-JWT":                  {good + disclosures, "claims 2"},
		"SD-JWT with key binding": {good + disclosures + good, "claims 2"},
		"SD-JWT with none":        {good + "~", "claims"},
		"truncated disclosure":    {good + "~" + b64(`["salt"]`) + "~", "token_malformed"},
		"unterminated disclosure": {good + "~" + b64(`["salt","a",1]`), "token_malformed"},
		"disclosure not JSON":     {good + "~" + b64(`{}`) + "~", "token_malformed"},
		"an access token":         {"ya29.A0AfH6SMBx-_5gk", "opaque"},
		"GitHub token":            {"gho_16C7e42F292c6912E7710c838347Ae178B4a", "opaque"},
		"a token of Salesforce":   {"00Dxx0000001gPL!AR8AQJXg5oj8_6dM.x", "opaque"},
		"a token of Laravel":      {"12|kQ9vXo1m2n3b4v5c6x7z", "opaque"},
		"a URL":                   {"https://idp.example.org/?code=a&state=b", "token_malformed"},
		"in brackets":             {"<token>", "token_malformed"},
		"three parts":             {"a.b.c", "opaque"},
		"hexadecimal":             {strings.Repeat("0f", 32), "opaque"},
		"in base64":               {"c2VjcmV0+/==", "opaque"},
		"flag":                    {"--key", "token_malformed"},
		"empty":                   {"", "token_malformed"},
		"spaces":                  {"some words", "token_malformed"},
		"JSON":                    {`{"a":1}`, "token_malformed"},
		"one part":                {strings.Split(good, ".")[0], "token_malformed"},
		"four parts":              {good + ".a", "token_malformed"},
		"truncated header":        {good[:10] + "." + payload + signature, "token_malformed"},
		"duplicate header member": {b64(`{"alg":"RS256","alg":"none"}`) + "." + payload + signature, "token_malformed"},
		"duplicate claim":         {b64(`{"alg":"RS256"}`) + "." + b64(`{"a":1,"a":2}`) + signature, "token_malformed"},
		"a large header":          {b64(`{"alg":"`+strings.Repeat("a", MaxHeaderBytes)+`"}`) + "." + payload + signature, "claims"},
		"a header on lines":       {b64("{\n  \"alg\": \"ES256K\"\n}") + "." + payload + signature, "claims"},
		"white space in a JWE":    {b64("\r\n {\t\r\n\"alg\":\"dir\",\"enc\":\"A256GCM\"}") + "..b.c.d", "encrypted"},
		"a header on lines, cut":  {b64("{\n  \"alg\": \"ES256K\"") + "." + payload + signature, "token_malformed"},
		"text in braces":          {b64("{\n  not JSON}") + "." + payload + signature, "opaque"},
		"a large token":           {strings.Repeat("a", MaxTokenBytes+1), "limit_exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Decode(c.token, Limits{})
			got := string(fault.CodeOf(err))
			switch {
			case err != nil:
			case d.Opaque():
				got = "opaque"
			case d.Encrypted:
				got = "encrypted"
			case d.Claims == nil:
				got = "payload"
			default:
				got = "claims" + map[int]string{2: " 2"}[len(d.Disclosures)]
			}
			if got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
			if _, err := verifier(t, Policy{}, signingKey(t, keys.ES256)).Verify(t.Context(), c.token); err == nil {
				t.Error("Verify accepts it")
			}
		})
	}
	d, err := Decode(b64(`{"alg":"RS256","b64":false,"crit":["b64"]}`)+".abcd"+signature, Limits{})
	if err != nil || string(d.Payload) != "abcd" {
		t.Errorf("an unencoded payload: %+v, %v", d, err)
	}
	d, err = Decode(good+disclosures+good, Limits{})
	if err != nil || d.KeyBinding != good || d.Disclosures[0].Name != "given_name" || string(d.Disclosures[0].Value) != `"Ana"` || d.Disclosures[1].Name != "" {
		t.Errorf("got %+v, %v", d, err)
	}
}

// TestDecodeReadsWhatVerifies: Decode reads any token that Verify accepts, with the same
// content.
func TestDecodeReadsWhatVerifies(t *testing.T) {
	v := verifier(t, Policy{}, signingKey(t, keys.ES256))
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.SampledFrom([]string{`{}`, `{"sub":"a"}`, `{"x":[1.0,{"y":"é"}]}`, " {\"a\":1e400}\n"}).Draw(r, "claims")
		space := rapid.StringOfN(rapid.SampledFrom([]rune(" \t\r\n")), 0, 4, -1)
		token := es256(t, space.Draw(r, "before")+"{"+space.Draw(r, "in")+es256Header[1:], text)
		got, err := v.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Decode(token, Limits{})
		if err != nil || string(d.Payload) != text || string(d.HeaderJSON) != string(got.Token.HeaderJSON()) || len(d.Claims.Members()) != len(got.Claims.Members()) {
			t.Errorf("got %+v, %v", d, err)
		}
	})
}
