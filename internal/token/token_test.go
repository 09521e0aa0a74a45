package token_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/temporal"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/token"
)

// noon is the time of all tests, half a second after 2033-05-18T03:33:20Z.
var noon = time.Unix(2000000000, 500_000_000)

func text(tb testing.TB, name, value string) token.Claim {
	tb.Helper()
	c, err := token.TextClaim(name, value)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func value(tb testing.TB, name, value string) token.Claim {
	tb.Helper()
	c, err := token.ParseClaim(name, value)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// TestS43_ClaimsByteForByte: the claims are exactly the requested ones, byte for byte.
func TestS43_ClaimsByteForByte(t *testing.T) {
	minute := func(r token.Request) token.Request { r.TTL, r.Now = time.Minute, noon; return r }
	for name, c := range map[string]struct {
		request token.Request
		want    string
	}{
		"least":                          {minute(token.Request{}), `{"exp":2000000060}`},
		"all":                            {minute(token.Request{Subject: "s", Issuer: "i", Audience: []string{"a", "b"}, Permissions: []string{"ns:read"}, IssuedAt: true}), `{"iss":"i","sub":"s","aud":["a","b"],"permissions":["ns:read"],"iat":2000000000,"exp":2000000060}`},
		"one audience":                   {minute(token.Request{Audience: []string{"a"}}), `{"aud":"a","exp":2000000060}`},
		"a,b is one audience":            {minute(token.Request{Audience: []string{"a,b"}}), `{"aud":"a,b","exp":2000000060}`},
		"no permissions":                 {minute(token.Request{Permissions: []string{}}), `{"permissions":[],"exp":2000000060}`},
		"no expiry":                      {token.Request{Subject: "s", NoExpiry: true, Now: noon}, `{"sub":"s"}`},
		"no claims":                      {token.Request{NoExpiry: true}, `{}`},
		"one second":                     {token.Request{TTL: time.Second, Now: noon}, `{"exp":2000000001}`},
		"fractions":                      {token.Request{TTL: 1400 * time.Millisecond, Now: noon}, `{"exp":2000000001}`},
		"one day":                        {token.Request{TTL: 24 * time.Hour, Now: noon}, `{"exp":2000086400}`},
		"more than the default, allowed": {token.Request{TTL: 25 * time.Hour, MaxTTL: 25 * time.Hour, Now: noon}, `{"exp":2000090000}`},
		"extra, in order":                {minute(token.Request{Extra: []token.Claim{text(t, "z", "1"), value(t, "a", "1"), value(t, "o", `{"b":[1,{}]}`)}}), `{"exp":2000000060,"z":"1","a":1,"o":{"b":[1,{}]}}`},
		"numbers as given":               {minute(token.Request{Extra: []token.Claim{value(t, "n", "[12345678901234567890,1.0,1e400,-0]")}}), `{"exp":2000000060,"n":[12345678901234567890,1.0,1e400,-0]}`},
		"nbf and jti generated":          {minute(token.Request{ID: "x", NotBefore: noon.Add(59 * time.Second), IssuedAt: true}), `{"nbf":2000000059,"iat":2000000000,"exp":2000000060,"jti":"x"}`},
		"base claims":                    {minute(token.Request{Subject: "s", Base: []token.Claim{value(t, "a", "1.0"), value(t, "exp", "1"), value(t, "b", "[]")}, Extra: []token.Claim{text(t, "c", "")}}), `{"a":1.0,"exp":2000000060,"b":[],"sub":"s","c":""}`},
		"exp of the base":                {token.Request{Now: noon, Base: []token.Claim{value(t, "exp", "2000000100"), value(t, "iat", "1")}}, `{"exp":2000000100,"iat":1}`},
		"new times":                      {minute(token.Request{IssuedAt: true, NotBefore: noon, Base: []token.Claim{value(t, "iat", "1"), value(t, "exp", "1"), value(t, "nbf", "1")}}), `{"iat":2000000000,"exp":2000000060,"nbf":2000000000}`},
		"any claims":                     {token.Request{Now: noon, AnyExtra: true, Extra: []token.Claim{value(t, "exp", "1"), text(t, "sub", "s"), value(t, "permissions", "[]")}}, `{"exp":1,"sub":"s","permissions":[]}`},
		"never, chosen":                  {token.Request{Now: noon, AnyExtra: true, Extra: []token.Claim{value(t, "exp", "2000000060"), value(t, "nbf", "2000000060")}}, `{"exp":2000000060,"nbf":2000000060}`},
		"times of the base replaced":     {token.Request{Now: noon, TimesExtra: true, Extra: []token.Claim{value(t, "exp", "1"), value(t, "iat", "2")}}, `{"exp":1,"iat":2}`},
		"nbf and jti":                    {minute(token.Request{Extra: []token.Claim{value(t, "nbf", "2000000000"), text(t, "jti", "x")}}), `{"exp":2000000060,"nbf":2000000000,"jti":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := token.Claims(c.request)
			if err != nil || string(got) != c.want {
				t.Errorf("got %s %v, want %s", got, err, c.want)
			}
		})
	}
}

// TestS43_NamesStayNames: a name stays one name, whatever characters it has.
func TestS43_NamesStayNames(t *testing.T) {
	for _, name := range []string{`"`, `a":1,"exp`, `{}`, `}`, `\`, `\u0022`, "\x00", "\n", "é", "\u202e", "😀", " ", "a=b", "exp ", "https://x.example/claim"} {
		claims, err := token.Claims(token.Request{TTL: time.Minute, Now: noon, Extra: []token.Claim{text(t, name, name)}})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		members, err := strictjson.Object(claims, jws.MaxDepth)
		if err != nil || len(members) != 2 || members[1].Name != name {
			t.Errorf("%q: got %s (%v)", name, claims, err)
			continue
		}
		if got, ok := strictjson.String(members[1].Value); !ok || got != name {
			t.Errorf("value %q: got %s", name, members[1].Value)
		}
	}
}

// TestS43_RefusesInvalidAndDuplicateClaims: invalid claims, and claims set twice, are refused.
func TestS43_RefusesInvalidAndDuplicateClaims(t *testing.T) {
	hour := token.Request{TTL: time.Hour, Now: noon}
	extra := func(list ...token.Claim) token.Request { r := hour; r.Extra = list; return r }
	with := func(change func(*token.Request)) token.Request { r := hour; change(&r); return r }
	for name, r := range map[string]token.Request{
		"no lifetime":                    with(func(r *token.Request) { r.TTL = 0 }),
		"less than a second":             with(func(r *token.Request) { r.TTL = time.Second - 1 }),
		"nbf after exp":                  with(func(r *token.Request) { r.TTL = -time.Hour }),
		"over the default cap":           with(func(r *token.Request) { r.TTL = token.MaxLifetime + 1 }),
		"over a given cap":               with(func(r *token.Request) { r.MaxTTL = time.Hour - 1 }),
		"negative cap":                   with(func(r *token.Request) { r.MaxTTL = -1 }),
		"lifetime and no expiry":         with(func(r *token.Request) { r.NoExpiry = true }),
		"empty audience":                 with(func(r *token.Request) { r.Audience = []string{"a", ""} }),
		"twice":                          extra(text(t, "a", "1"), text(t, "a", "1")),
		"twice, apart":                   extra(text(t, "a", "1"), text(t, "b", "1"), value(t, "a", "2")),
		"in two cases":                   extra(text(t, "role", "1"), text(t, "Role", "1")),
		"sub":                            extra(text(t, "sub", "x")),
		"sub in the base":                {TTL: time.Hour, Now: noon, Subject: "s", Base: []token.Claim{text(t, "sub", "x")}},
		"Sub in the base":                {TTL: time.Hour, Now: noon, Subject: "s", Base: []token.Claim{text(t, "Sub", "x")}},
		"base and extra claim":           {TTL: time.Hour, Now: noon, AnyExtra: true, Base: []token.Claim{text(t, "x", "x")}, Extra: []token.Claim{text(t, "x", "x")}},
		"any, made too":                  {TTL: time.Hour, Now: noon, Subject: "s", AnyExtra: true, Extra: []token.Claim{text(t, "sub", "x")}},
		"any exp, and a life":            {TTL: time.Hour, Now: noon, AnyExtra: true, Extra: []token.Claim{value(t, "exp", "2000000001")}},
		"any exp, too far":               {Now: noon, AnyExtra: true, Extra: []token.Claim{value(t, "exp", "2000086402")}},
		"any exp, not a number":          {Now: noon, AnyExtra: true, Extra: []token.Claim{text(t, "exp", "2000000001")}},
		"times: not sub":                 {TTL: time.Hour, Now: noon, TimesExtra: true, Extra: []token.Claim{text(t, "sub", "x")}},
		"times: not Exp":                 {TTL: time.Hour, Now: noon, TimesExtra: true, Extra: []token.Claim{value(t, "Exp", "2000000001")}},
		"expired base":                   {Now: noon, Base: []token.Claim{value(t, "exp", "2000000000")}},
		"base without exp":               {Now: noon, Base: []token.Claim{value(t, "iat", "1")}},
		"base with other members":        {TTL: time.Hour, Now: noon, Base: []token.Claim{value(t, "aud", "[1]")}},
		"never valid":                    with(func(r *token.Request) { r.NotBefore = r.Now.Add(time.Hour) }),
		"a base, never valid":            {TTL: time.Hour, Now: noon, Base: []token.Claim{value(t, "nbf", "2000003600")}},
		"a base's own times":             {Now: noon, Base: []token.Claim{value(t, "nbf", "2000000070"), value(t, "exp", "2000000060")}},
		"no expiry, but exp in the base": {NoExpiry: true, Now: noon, Base: []token.Claim{value(t, "exp", "2000000001")}},
		"iss":                            extra(text(t, "iss", "x")),
		"aud":                            extra(text(t, "aud", "x")),
		"exp":                            extra(value(t, "exp", "1")),
		"iat":                            extra(value(t, "iat", "1")),
		"permissions":                    extra(value(t, "permissions", "[]")),
		"Permissions":                    extra(value(t, "Permissions", "[]")),
		"EXP":                            extra(value(t, "EXP", "9999999999")),
		"ſub":                            extra(text(t, "ſub", "x")), // folds to sub
		"nbf as a string":                extra(text(t, "nbf", "2000000000")),
		"nbf as null":                    extra(value(t, "nbf", "null")),
		"jti as a number":                extra(value(t, "jti", "1")),
		"no value":                       extra(token.Claim{Name: "a"}),
		"truncated value":                extra(token.Claim{Name: "a", Value: []byte("{")}),
		"two values":                     extra(token.Claim{Name: "a", Value: []byte("1 2")}),
		"name not UTF-8":                 extra(token.Claim{Name: "a\xff", Value: []byte("1")}),
		"subject not UTF-8":              with(func(r *token.Request) { r.Subject = "\xff" }),
		"audience not UTF-8":             with(func(r *token.Request) { r.Audience = []string{"a", "\xff"} }),
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := token.Claims(r)
			testkit.WantCode(t, err, fault.UsageError)
			if claims != nil {
				t.Errorf("got %s", claims)
			}
			if said := err != nil && strings.Contains(err.Error(), `the claim "a" is given twice`); said != strings.HasPrefix(name, "twice") {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// TestS43_ParseClaimIsStrict: values are parsed as strictly as tokens.
func TestS43_ParseClaimIsStrict(t *testing.T) {
	deep := strings.Repeat("[", jws.MaxDepth-1) + strings.Repeat("]", jws.MaxDepth-1)
	for _, good := range []string{`1`, `"x"`, `null`, `true`, ` [1] `, `{"a":{"a":1}}`, `""`, "\n1\t", deep} {
		if c, err := token.ParseClaim("n", good); err != nil || c.Name != "n" || string(c.Value) != strings.TrimSpace(good) {
			t.Errorf("%s: got %v %v", good, c, err)
		}
	}
	for _, bad := range []string{
		``, ` `, `x`, `'x'`, `"x`, `1 2`, `1,2`, `1}`, `1},"y":{"z":1`, `1,"value":2`, `1,"y":2`, `{"a":1,"a":2}`, `{"a":1,}`, `[`, `NaN`, `01`,
		`"\ud800"`, "\"\xff\"", "[" + deep + "]", `1}{"value":1`, `//`, `null}//`, "\ufeff1", "1\x00", "\u00a01",
	} {
		_, err := token.ParseClaim("n\x1b", bad)
		testkit.WantCode(t, err, fault.UsageError)
		if f, ok := err.(*fault.Error); ok && strings.Contains(f.Error()+f.Hint, "\x1b") {
			t.Errorf("%s: escape sequence in the error: %q", bad, f)
		}
	}
	_, err := token.TextClaim("n", "\xff")
	testkit.WantCode(t, err, fault.UsageError)
}

// TestS44_TokensSuitTemporal: a token for a Temporal server has a string kid, typ, a subject,
// permissions that the server can parse, and one of the two algorithms that it accepts.
func TestS44_TokensSuitTemporal(t *testing.T) {
	for _, alg := range keys.Algorithms() {
		if err := temporal.CheckAlgorithm(alg); (err == nil) != (alg == keys.RS256 || alg == keys.ES256) {
			t.Errorf("%s: %v", alg, err)
		}
	}
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256} {
		key, err := keygen.Generate(keygen.Request{Algorithm: alg})
		if err != nil {
			t.Fatal(err)
		}
		granted := []string{"temporal-system:admin", "default:read", "default:write"}
		claims, err := token.Claims(token.Request{Subject: "jwtctl", Permissions: granted, TTL: time.Hour, Now: noon})
		if err != nil {
			t.Fatal(err)
		}
		compact, err := jws.SignChecked(key, claims)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jws.Parse(compact, jws.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		h := parsed.Header()
		if h.Algorithm != string(alg) || h.KeyID == nil || *h.KeyID != key.ID() || h.Type == nil || *h.Type != "JWT" {
			t.Errorf("header %+v", h)
		}
		var got struct {
			Sub         string
			Permissions []string
			Exp         int64
		}
		if err := json.Unmarshal(parsed.PayloadJSON(), &got); err != nil || got.Sub == "" || got.Exp != noon.Unix()+3600 || !slices.Equal(got.Permissions, granted) {
			t.Errorf("%s: %v", parsed.PayloadJSON(), err)
		}
		for _, p := range got.Permissions {
			if read, err := temporal.ParsePermission(p); err != nil || read.String() != p {
				t.Errorf("%s: got %v (%v)", p, read, err)
			}
		}
	}
}
