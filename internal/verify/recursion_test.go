package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

const tokenField = `string tok = 15 [(kalix.field).jwt = {token: true}];`

func TestA100_Cycles(t *testing.T) {
	for name, c := range map[string]struct{ schema, chain string }{
		"DESCEND itself":                 {schema: `message M { ` + tokenField + ` M m = 1 [(kalix.field).jwt = {claim: DESCEND}]; }`, chain: "M.m (DESCEND) → M"},
		"through another message":        {schema: `message M { ` + tokenField + ` N n = 1 [(kalix.field).jwt = {claim: DESCEND}]; } message N { M back = 1 [(kalix.field).jwt = {claim: NEST}]; }`, chain: "M.n (DESCEND) → N.back (NEST) → M"},
		"repeated NEST":                  {schema: `message M { ` + tokenField + ` repeated M ms = 1 [(kalix.field).jwt = {claim: NEST}]; }`, chain: "M.ms (NEST) → M"},
		"nests itself":                   {schema: `message M { ` + tokenField + ` M m = 1; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }`},
		"includes itself":                {schema: `message M { ` + tokenField + ` M m = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`},
		"through token":                  {schema: `message M { ` + tokenField + ` repeated M ms = 1 [(kalix.field).jwt = {token: true}]; }`},
		"DESCEND and back through token": {schema: `message M { ` + tokenField + ` N n = 1 [(kalix.field).jwt = {claim: DESCEND}]; } message N { M back = 1 [(kalix.field).jwt = {token: true}]; }`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := policytest.Compile(policytest.Load(t, c.schema), nil)
			if c.chain == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if p != nil || !fault.Has(err, fault.PolicyInvalid) || !strings.Contains(strings.ReplaceAll(err.Error(), "t.", ""), c.chain) {
				t.Errorf("%v, want %s", err, c.chain)
			}
		})
	}
}

// TestA100_RecursiveTokens: recursion through tokens goes as deep as the message does,
// and is filled in.
func TestA100_RecursiveTokens(t *testing.T) {
	w := policytest.New(t, `message M { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; string user = 2 [(kalix.field).jwt = {claim: EXTRACT}]; M m = 3 [(kalix.field).jwt = {token: true}]; }`, policytest.Setup{})
	in, want := "", ""
	for i := range 40 {
		level := fmt.Sprintf(`{"tok":$({"user":"u%d"})`, i)
		wanted := fmt.Sprintf(`{"tok":"…","user":"u%d"`, i)
		if i > 0 {
			level, wanted = level+`,"m":`+in, wanted+`,"m":`+want
		}
		in, want = level+`}`, wanted+`}`
	}
	check(t, w, map[string]row{
		"all valid":         {in: in, want: want},
		"innermost invalid": {in: strings.Replace(in, `"tok":$({"user":"u0"})`, `"user":"u0"`, 1), code: fault.TokenMissing, path: strings.Repeat("m.", 39) + "tok"},
	})
}

// TestA101_NoPlanWithErrors: no policy with a lint error compiles, and a warning does not
// prevent it. A101.
func TestA101_NoPlanWithErrors(t *testing.T) {
	for name, c := range map[string]struct{ schema, rule string }{
		"two token fields":                   {schema: `message M { string a = 1 [(kalix.field).jwt = {token: true}]; string b = 2 [(kalix.field).jwt = {token: true}]; }`, rule: "several-token-fields"},
		"A40 bearer not validated":           {schema: `message M { option (kalix.message).jwt = {validate_bearer_token: true}; } service S { rpc A(M) returns (M) { option (kalix.method).jwt = {validate: MESSAGE}; } }`, rule: "bearer-token-not-validated"},
		"A45 DESCEND, repeated":              {schema: `message M { ` + tokenField + ` repeated N n = 1 [(kalix.field).jwt = {claim: DESCEND}]; } message N { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`, rule: "descend-not-message"},
		"A47 RAW, not a map":                 {schema: `message M { ` + tokenField + ` string n = 1 [(kalix.field).jwt = {claim: RAW}]; }`, rule: "raw-not-string-map"},
		"A49 token on a map":                 {schema: `message M { map<string, N> n = 1 [(kalix.field).jwt = {token: true}]; } message N { ` + tokenField + ` }`, rule: "token-wrong-type"},
		"A49 nested message without a token": {schema: `message M { N n = 1 [(kalix.field).jwt = {token: true}]; } message N { string x = 1; }`, rule: "nested-token-missing"},
		"A51 no bearer token":                {schema: `message M { string tok = 1 [(kalix.field).jwt = {token: true include_bearer_token_claim: "sub"}]; } service S { rpc A(M) returns (M) { option (kalix.method).jwt = {validate: MESSAGE}; } }`, rule: "bearer-claim-not-validated"},
		"A61 two fields":                     {schema: `message M { ` + tokenField + ` string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string b = 2 [(kalix.field).jwt = {claim: INCLUDE name: "a"}]; }`, rule: "duplicate-claim"},
		"A62 below -1":                       {schema: `message M { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -2}]; }`, rule: "expires-seconds-invalid"},
		"A64 parent's claim is a token":      {schema: `message M { ` + tokenField + ` C c = 1 [(kalix.field).jwt = {token: true claim: INCLUDE}]; } message C { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; }`, rule: "parent-claim-contains-token"},
		"A83 map keys":                       {schema: `message M { ` + tokenField + ` map<int32,string> m = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`, rule: "map-key-not-string"},
		"S46 unknown mode":                   {schema: `message M { ` + tokenField + ` string n = 1 [(kalix.field).jwt = {claim: INCLUDE}]; } service S { rpc A(M) returns (M) { option (kalix.method).jwt = {sign: BEARER_TOKEN}; } }`, rule: "sign-bearer-token"},
		"A11 warning":                        {schema: `message M { ` + tokenField + ` } service S { option (kalix.service).jwt = {validate: BEARER_TOKEN}; rpc A(M) returns (M) { option (kalix.method).jwt = {sign: MESSAGE}; } }`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := policytest.Compile(policytest.Load(t, c.schema), nil)
			if c.rule == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if p != nil || fault.ClassOf(err) != fault.Undecided || !fault.Has(err, fault.PolicyInvalid) || !strings.Contains(err.Error(), "("+c.rule+")") {
				t.Errorf("%v, want %s", err, c.rule)
			}
		})
	}
}

func TestA102_S50_Limits(t *testing.T) {
	const schema = `message M { ` + tokenField + ` google.protobuf.Value v = 1 [(kalix.field).jwt = {claim: EXTRACT}]; repeated M ms = 2; }`
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	padded := func(n int) string { return `{"x":"` + strings.Repeat("x", n) + `"}` }
	w := policytest.New(t, schema, policytest.Setup{})
	small := policytest.New(t, schema, policytest.Setup{Keys: []*keys.Key{w.Key}, Verify: verify.Options{Limits: jws.Limits{TokenBytes: 1 << 10, Depth: 5}}})
	for name, c := range map[string]struct {
		world  *policytest.World
		claims string
		code   fault.Code
	}{
		"token below 64 KiB":       {world: w, claims: padded(48000)},
		"token above 64 KiB":       {world: w, claims: padded(49200), code: fault.LimitExceeded},
		"claims 64 deep":           {world: w, claims: `{"v":` + nested(63) + `}`},
		"configured: below":        {world: small, claims: padded(500)},
		"configured: above":        {world: small, claims: padded(1000), code: fault.LimitExceeded},
		"configured: depth, below": {world: small, claims: `{"v":` + nested(4) + `}`},
		"configured: depth, above": {world: small, claims: `{"v":` + nested(5) + `}`, code: fault.LimitExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.world.Verify("M", inField(w.Token(c.claims)), nil)
			if c.code != "" {
				refused(t, err, c.code, "tok")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	p, _ := w.Message("M", `{}`)
	for name, in := range map[string]string{
		"message above 4 MiB": `{"tok":"` + strings.Repeat("x", message.MaxBytes) + `"}`,
		"message too deep":    strings.Repeat(`{"ms":[`, 51) + strings.Repeat(`]}`, 51),
	} {
		if m, err := w.Codec.Read([]byte(in), p.Desc); m != nil || !fault.Has(err, fault.LimitExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Codec.Read([]byte(strings.Repeat(`{"ms":[`, 50)+strings.Repeat(`]}`, 50)), p.Desc); err != nil {
		t.Error(err)
	}
}
