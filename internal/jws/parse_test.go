package jws

import (
	"context"
	"encoding/base64"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestS26_NoneIsRefusedInEverySpelling(t *testing.T) {
	v := verifier(t, Policy{}, signingKey(t, keys.ES256), keys.Development(""))
	good := es256(t, es256Header, `{"sub":"a"}`)
	for _, alg := range []string{"none", "None", "NONE", "nOnE", " none", "none ", `none\u0000`, `n\u006fne`, "nonе"} {
		header, payload := b64(`{"alg":"`+alg+`"}`), b64(`{"sub":"a"}`)
		for form, token := range map[string]string{
			"two parts":                  header + "." + payload,
			"empty signature":            header + "." + payload + ".",
			"with a signature":           header + "." + payload + good[strings.LastIndexByte(good, '.'):],
			"signature of a valid token": withSignature(header+"."+payload+".x", signatureOf(t, good)),
			"padded two parts":           padded(`{"alg":"`+alg+`"}`) + "." + padded(`{"sub":"a"}`),
			"with the dev kid":           b64(`{"alg":"`+alg+`","kid":"dev"}`) + "." + payload + ".",
			"with a key's kid":           b64(`{"alg":"`+alg+`","kid":"key-ES256"}`) + "." + payload + ".",
			"with other members":         b64(`{"typ":"JWT","alg":"`+alg+`","ALG":"ES256"}`) + "." + payload + ".",
		} {
			t.Run(alg+" "+form, func(t *testing.T) { wantCodes(t, v, token, "algorithm_not_allowed") })
		}
	}
}

// padded returns text in standard base64 with padding.
func padded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestS28_OnlyTheCompactFormWithThreeParts(t *testing.T) {
	v := verifier(t, Policy{}, signingKey(t, keys.ES256))
	good := es256(t, es256Header, `{"sub":"a"}`)
	part := strings.Split(good, ".")
	bad := withSignature(good, make([]byte, 64))[len(part[0])+len(part[1])+2:]
	for name, token := range map[string]string{
		"nothing":                     "",
		"one part":                    part[0],
		"two parts":                   part[0] + "." + part[1],
		"four parts":                  good + "." + part[2],
		"five parts (JWE)":            good + "." + part[2] + "." + part[2],
		"only dots":                   "..",
		"empty header":                "." + part[1] + "." + part[2],
		"empty signature":             part[0] + "." + part[1] + ".",
		"leading space":               " " + good,
		"trailing space":              good + " ",
		"trailing line feed":          good + "\n",
		"leading tab":                 "\t" + good,
		"byte order mark":             "\ufeff" + good,
		"with the scheme":             "Bearer " + good,
		"quotes":                      `"` + good + `"`,
		"flattened JSON":              `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"general JSON":                `{"payload":"` + part[1] + `","signatures":[{"protected":"` + part[0] + `","signature":"` + part[2] + `"}]}`,
		"invalid and valid signature": `{"payload":"` + part[1] + `","signatures":[{"protected":"` + part[0] + `","signature":"` + bad + `"},{"protected":"` + part[0] + `","signature":"` + part[2] + `"}]}`,
		"JSON after a space":          ` {"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, v, token, "token_malformed") })
	}
	wantCodes(t, v, good, "ok")
	// An empty payload has no claims, even with a valid signature (cli.md).
	empty := craftRaw(t, keys.ES256, material()[keys.ES256], b64(es256Header)+".")
	wantCodes(t, v, empty, "payload_not_claims")
	wantCodes(t, v, withSignature(empty, make([]byte, 64)), "signature_invalid")
	for token, reason := range map[string]string{
		"{" + good: "JSON serialization", good + ".a.b": "encrypted", part[0] + "." + part[1]: "missing", "": "empty", "a.b.c.d": "has 4 parts",
	} {
		if _, err := Parse(token, Limits{}); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %v, want %q in it", token, err, reason)
		}
	}
}

func TestS29_Base64HasOneSpelling(t *testing.T) {
	key := signingKey(t, keys.ES256)
	v := verifier(t, Policy{}, key)
	// 61 bytes of header and payload, so that parts end in unused bits.
	header := `{"alg":"ES256","kid":"key-ES256","x":"` + strings.Repeat("?", 21) + `"}`
	good := es256(t, header, `{"sub":"????>>>>a"}`)
	wantCodes(t, v, good, "ok")
	parts := strings.Split(good, ".")
	for i, name := range []string{"header", "payload", "signature"} {
		if len(parts[i])%4 == 0 {
			t.Fatalf("the %s has no unused bits", name)
		}
		change := func(to string) string {
			changed := append([]string(nil), parts...)
			changed[i] = to
			return strings.Join(changed, ".")
		}
		p := parts[i]
		for what, token := range map[string]string{
			"one padding":     change(p + "="),
			"full padding":    change(p + strings.Repeat("=", 4-len(p)%4)),
			"space":           change(p[:8] + " " + p[8:]),
			"carriage return": change(p[:8] + "\r" + p[8:]),
			"line feed":       change(p[:8] + "\n" + p[8:]),
			"line end":        change(p + "\r\n"),
			"NUL":             change(p[:8] + "\x00" + p[8:]),
			"percent":         change(p[:8] + "%3D" + p[8:]),
			"one more letter": change(p + strings.Repeat("A", 5-len(p)%4)), // 1 left over
		} {
			t.Run(name+" "+what, func(t *testing.T) { wantCodes(t, v, token, "token_malformed") })
		}
		t.Run(name+" unused bits", func(t *testing.T) {
			last := strings.IndexByte(alphabet, p[len(p)-1])
			for bits := 1; bits < 4; bits++ {
				wantCodes(t, v, change(p[:len(p)-1]+string(alphabet[last|bits])), "token_malformed")
			}
		})
		if i < 2 {
			t.Run(name+" standard alphabet", func(t *testing.T) {
				other := strings.NewReplacer("-", "+", "_", "/").Replace(p)
				if other == p {
					t.Fatal("the part has neither - nor _")
				}
				wantCodes(t, v, change(other), "token_malformed")
			})
		}
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestS30_JSONHasOneReading(t *testing.T) {
	v := verifier(t, Policy{}, signingKey(t, keys.ES256))
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct{ header, payload, want string }{
		"header twice":              {header: `{"alg":"ES256","alg":"ES256"}`},
		"header twice, escaped":     {header: `{"alg":"ES256","\u0061lg":"ES256"}`},
		"header twice, deep":        {header: `{"alg":"ES256","x":{"a":1,"a":1}}`},
		"header kid twice":          {header: `{"alg":"ES256","kid":"key-ES256","kid":"key-ES256"}`},
		"header trailing":           {header: `{"alg":"ES256"}x`},
		"header trailing NUL":       {header: "{\"alg\":\"ES256\"}\x00"},
		"header two objects":        {header: `{"alg":"ES256"}{}`},
		"header null":               {header: `null`},
		"header array":              {header: `["alg","ES256"]`},
		"header string":             {header: `"ES256"`},
		"header invalid UTF-8":      {header: "{\"alg\":\"ES256\",\"x\":\"\xff\"}"},
		"header lone surrogate":     {header: `{"alg":"ES256","x":"\ud800"}`},
		"header byte order mark":    {header: "\ufeff{\"alg\":\"ES256\"}"},
		"header depth 65":           {header: `{"alg":"ES256","x":` + nested(64) + `}`, want: "limit_exceeded"},
		"header depth 64":           {header: `{"alg":"ES256","x":` + nested(63) + `}`, want: "ok"},
		"header over 4 KiB":         {header: `{"alg":"ES256","x":"` + strings.Repeat("x", 4<<10) + `"}`, want: "limit_exceeded"},
		"header of 4 KiB":           {header: `{"alg":"ES256","x":"` + strings.Repeat("x", 4<<10-len(`{"alg":"ES256","x":""}`)) + `"}`, want: "ok"},
		"header empty object":       {header: `{}`},
		"header comment":            {header: `{"alg":"ES256"/**/}`},
		"header single quotes":      {header: `{'alg':'ES256'}`},
		"header trailing comma":     {header: `{"alg":"ES256",}`},
		"payload twice":             {payload: `{"sub":"a","sub":"a"}`},
		"payload twice, escaped":    {payload: `{"sub":"a","s\u0075b":"a"}`},
		"payload twice, deep":       {payload: `{"sub":"a","x":[{"y":{"a":1,"a":2}}]}`},
		"payload trailing":          {payload: `{"sub":"a"} x`},
		"payload two objects":       {payload: `{"sub":"a"}{"sub":"b"}`},
		"payload null":              {payload: `null`, want: "payload_not_claims"},
		"payload array":             {payload: `[]`, want: "payload_not_claims"},
		"payload spaces":            {payload: "  ", want: "payload_not_claims"},
		"payload text":              {payload: `hello`, want: "payload_not_claims"},
		"payload byte order mark":   {payload: "\ufeff{\"sub\":\"a\"}", want: "payload_not_claims"},
		"payload invalid UTF-8":     {payload: "{\"sub\":\"\xc3\x28\"}"},
		"payload overlong UTF-8":    {payload: "{\"sub\":\"\xc0\xaf\"}"},
		"payload lone surrogate":    {payload: `{"sub":"\udc00"}`},
		"payload truncated":         {payload: `{"sub":"a"`},
		"payload control character": {payload: "{\"sub\":\"a\nb\"}"},
		"payload leading zero":      {payload: `{"x":01}`},
		"payload NaN":               {payload: `{"x":NaN}`},
		"payload depth 65":          {payload: `{"x":` + nested(64) + `}`, want: "limit_exceeded"},
		"payload depth 64":          {payload: `{"x":` + nested(63) + `}`, want: "ok"},
		"payload white space":       {payload: " \r\n{ \"sub\" : \"a\" }\t", want: "ok"},
		"token over 64 KiB":         {payload: `{"x":"` + strings.Repeat("x", 64<<10) + `"}`, want: "limit_exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.header == "" {
				c.header = es256Header
			}
			if c.payload == "" {
				c.payload = `{"sub":"a"}`
			}
			if c.want == "" {
				c.want = "token_malformed"
			}
			wantCodes(t, v, es256(t, c.header, c.payload), c.want)
		})
	}
}

func TestS30_LimitsCanBeSet(t *testing.T) {
	v := verifier(t, Policy{Limits: Limits{TokenBytes: 300, HeaderBytes: 40, Depth: 3}}, signingKey(t, keys.ES256))
	for name, c := range map[string]struct{ header, payload, want string }{
		"within":         {es256Header, `{"x":[[1]]}`, "ok"},
		"token too long": {es256Header, `{"x":"` + strings.Repeat("x", 150) + `"}`, "limit_exceeded"},
		"header":         {`{"alg":"ES256","kid":"key-ES256","x":123}`, `{}`, "limit_exceeded"},
		"too deep":       {es256Header, `{"x":[[[1]]]}`, "limit_exceeded"},
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, v, es256(t, c.header, c.payload), c.want) })
	}
}

// TestS30_HugeTokensAreCheap: 8 MiB of any input take less than twice their size and
// little time, even if the limit was raised to allow them.
func TestS30_HugeTokensAreCheap(t *testing.T) {
	const size = 8 << 20
	raised := Limits{TokenBytes: 2 * size, HeaderBytes: 2 * size}
	for name, token := range map[string]string{
		"dots":            strings.Repeat(".", size),
		"a header":        strings.Repeat("A", size),
		"an open array":   b64(strings.Repeat("[", size/2)) + ".e30.AAAA",
		"open objects":    b64(strings.Repeat(`{"a":`, size/8)) + ".e30.AAAA",
		"two large parts": strings.Repeat("A", size/2) + "." + strings.Repeat("A", size/2),
	} {
		for limits, l := range map[string]Limits{"default": {}, "raised": raised} {
			t.Run(name+" "+limits, func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				var err error
				took := testkit.CPU(func() { _, err = Parse(token, l) })
				runtime.ReadMemStats(&after)
				if code := fault.CodeOf(err); code != fault.TokenMalformed && code != fault.LimitExceeded {
					t.Errorf("got %v", err)
				}
				if used := after.TotalAlloc - before.TotalAlloc; used >= 2*size {
					t.Errorf("%d bytes allocated", used)
				}
				if took > time.Second {
					t.Errorf("took %s", took)
				}
			})
		}
	}
}

func TestS31_CritAndB64AreRefused(t *testing.T) {
	v := verifier(t, Policy{}, signingKey(t, keys.ES256))
	for _, extra := range []string{
		`"crit":["x"],"x":1`, `"crit":["x"]`, `"crit":[]`, `"crit":null`, `"crit":"x"`, `"crit":{}`, `"crit":["x","x"],"x":1`,
		`"crit":["alg"]`, `"crit":["kid"]`, `"crit":["exp"],"exp":1`, `"crit":["b64"],"b64":false`, `"crit":["b64"],"b64":true`,
		`"b64":false`, `"b64":null`, `"b64":"true"`, `"b64":1`, `"cr\u0069t":["x"]`,
	} {
		t.Run(extra, func(t *testing.T) {
			wantCodes(t, v, es256(t, `{"alg":"ES256",`+extra+`}`, `{"sub":"a"}`), "token_malformed")
		})
	}
	// Names are exact: these are other members, and unknown members are ignored.
	wantCodes(t, v, es256(t, `{"alg":"ES256","Crit":["x"],"B64":false}`, `{"sub":"a"}`), "ok")
	// The default, as RFC 7797 section 3 has it.
	wantCodes(t, v, es256(t, `{"alg":"ES256","b64":true}`, `{"sub":"a"}`), "ok")
}

func TestS32_TypeOfTheToken(t *testing.T) {
	for name, c := range map[string]struct{ demand, typ, want string }{
		"not required, none":   {"", ``, "ok"},
		"not required, any":    {"", `,"typ":"secevent+jwt"`, "ok"},
		"same":                 {"at+jwt", `,"typ":"at+jwt"`, "ok"},
		"prefix":               {"at+jwt", `,"typ":"application/at+jwt"`, "ok"},
		"required with prefix": {"application/at+jwt", `,"typ":"at+jwt"`, "ok"},
		"case":                 {"at+jwt", `,"typ":"Application/AT+JWT"`, "ok"},
		"JWT":                  {"JWT", `,"typ":"jwt"`, "ok"},
		"other":                {"at+jwt", `,"typ":"JWT"`, "type_not_allowed"},
		"missing":              {"at+jwt", ``, "type_not_allowed"},
		"empty":                {"at+jwt", `,"typ":""`, "type_not_allowed"},
		"other prefix":         {"at+jwt", `,"typ":"text/at+jwt"`, "type_not_allowed"},
		"duplicate prefix":     {"at+jwt", `,"typ":"application/application/at+jwt"`, "type_not_allowed"},
		"with a parameter":     {"at+jwt", `,"typ":"at+jwt; a=b"`, "type_not_allowed"},
		"number":               {"", `,"typ":1`, "token_malformed"},
		"null":                 {"", `,"typ":null`, "token_malformed"},
		"cty JWT":              {"", `,"cty":"JWT"`, "type_not_allowed"},
		"cty jwt":              {"", `,"cty":"application/jwt"`, "type_not_allowed"},
		"cty number":           {"", `,"cty":7`, "token_malformed"},
		"cty other":            {"", `,"cty":"json"`, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, Policy{Type: c.demand}, signingKey(t, keys.ES256))
			wantCodes(t, v, es256(t, `{"alg":"ES256"`+c.typ+`}`, `{"sub":"a"}`), c.want)
		})
	}
}

func TestS41_WhatWasWrittenComesOut(t *testing.T) {
	header := `{ "alg":"ES256", "n":1.0 }`
	payload := "{\"b\":12345678901234567890, \"a\":1.0,\n\"c\":1E+2,\"d\":\"\\u0041\"}"
	got, err := verifier(t, Policy{}, signingKey(t, keys.ES256)).Verify(context.Background(), es256(t, header, payload))
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Token.HeaderJSON()) != header || string(got.Token.PayloadJSON()) != payload {
		t.Errorf("got %s and %s, want %s, %s", got.Token.HeaderJSON(), got.Token.PayloadJSON(), header, payload)
	}
	var text []string
	for _, m := range got.Claims.Members() {
		text = append(text, m.Name+"="+string(m.Value))
	}
	if want := `b=12345678901234567890 a=1.0 c=1E+2 d="\u0041"`; strings.Join(text, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(text, " "), want)
	}
}
