package sign_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

const family = `
message D { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; map<string,string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; }
message M {
  string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  string org = 3 [(kalix.field).jwt = {claim: EXTRACT}];
  D d = 4 [(kalix.field).jwt = {claim: DESCEND}];
  D n = 5 [(kalix.field).jwt = {claim: NEST}];
  map<string,string> raw = 6 [(kalix.field).jwt = {claim: RAW}];
  repeated C cs = 7 [(kalix.field).jwt = {token: true}];
  Plain plain = 8 [(kalix.field).jwt = {token: true}];
}
message C {
  string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1 include_parent_claims: true}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  string name = 3 [(kalix.field).jwt = {claim: INCLUDE}];
  map<string,string> raw = 4 [(kalix.field).jwt = {claim: RAW}];
  G g = 5 [(kalix.field).jwt = {token: true}];
  D n = 6 [(kalix.field).jwt = {claim: NEST}];
}
message G { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1 include_parent_claims: true}]; string name = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message Plain { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}]; string name = 2 [(kalix.field).jwt = {claim: INCLUDE}]; G g = 3 [(kalix.field).jwt = {token: true}]; }
message Open { string user = 1 [(kalix.field).jwt = {claim: INCLUDE}]; map<string,string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; repeated C cs = 3 [(kalix.field).jwt = {token: true}]; }
message Holds { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}]; repeated Plain all = 2 [(kalix.field).jwt = {token: true claim: INCLUDE}]; Plain one = 3 [(kalix.field).jwt = {token: true claim: NEST}]; }
`

// TestA52_A64_NestedTokensHaveParentClaims: nested tokens include the claims of parent messages, as seen
// when signing. A52.
func TestA52_A64_NestedTokensHaveParentClaims(t *testing.T) {
	check(t, policytest.New(t, family, policytest.Setup{}), map[string]row{
		"inherited":                      {in: `{"user":"u","org":"o","d":{"x":"1"},"n":{"x":"2"},"cs":[{"name":"a"}]}`, at: "cs.0", claims: `{"user":"u","org":"o","x":"1","n":{"x":"2"},"name":"a"}`},
		"RAW entries not inherited":      {in: `{"user":"u","raw":{"k":"v"},"d":{"raw":{"l":"w"}},"n":{"x":"2","raw":{"m":"w"}},"cs":[{"name":"a"}]}`, at: "cs.0", claims: `{"user":"u","n":{"x":"2"},"name":"a"}`},
		"NEST with only RAW":             {in: `{"n":{"raw":{"m":"w"}},"cs":[{"name":"a"}]}`, at: "cs.0", claims: `{"name":"a"}`},
		"child's claim takes precedence": {in: `{"user":"u","org":"o","cs":[{"user":"v"}]}`, at: "cs.0", claims: `{"user":"v","org":"o"}`},
		"child's empty NEST":             {in: `{"n":{"x":"2"},"cs":[{"n":{}}]}`, at: "cs.0", claims: `{"n":{"x":"2"}}`},
		"child's NEST":                   {in: `{"n":{"x":"2"},"cs":[{"n":{"x":"3"}}]}`, at: "cs.0", claims: `{"n":{"x":"3"}}`},
		"empty claims omitted":           {in: `{"user":"","cs":[{"name":"a"}]}`, at: "cs.0", claims: `{"name":"a"}`},
		"second element":                 {in: `{"user":"u","cs":[{"name":"a"},{"name":"b"}]}`, at: "cs.1", claims: `{"user":"u","name":"b"}`},
		"child without the claim":        {in: `{"user":"u","plain":{"name":"a"}}`, at: "plain", claims: `{"name":"a"}`},
		"parent without claims":          {in: `{"user":"u","plain":{"name":"a","g":{}}}`, at: "plain.g", claims: `{"name":"a"}`},
		"claim of the grandparent":       {in: `{"user":"u","org":"o","cs":[{"name":"a","g":{}}]}`, at: "cs.0.g", claims: `{"user":"u","org":"o","name":"a"}`},
		"nearer parent takes precedence": {in: `{"user":"u","cs":[{"user":"v","name":"a","g":{"name":"b"}}]}`, at: "cs.0.g", claims: `{"user":"v","name":"b"}`},
		"parent without a token":         {of: "Open", in: `{"user":"u","raw":{"k":"v"},"cs":[{"name":"a"}]}`, at: "cs.0", claims: `{"user":"u","name":"a"}`},
		"RAW of the child":               {in: `{"user":"u","cs":[{"raw":{"k":"v"}}]}`, at: "cs.0", claims: `{"user":"u","k":"v"}`},
		"RAW of the child, equal":        {in: `{"user":"u","cs":[{"raw":{"user":"u"}}]}`, at: "cs.0", claims: `{"user":"u"}`},
		"RAW of the child, different":    {in: `{"user":"u","d":{"x":"1"},"cs":[{},{"raw":{"user":"secret"}}]}`, fails: fault.ClaimConflict, path: "cs[1].tok"},
		"RAW against the grandparent":    {in: `{"org":"o","cs":[{"raw":{"org":"secret"}}]}`, fails: fault.ClaimConflict, path: "cs[0].tok"},
		"parent's claims unchanged":      {in: `{"user":"u","cs":[{"name":"a"}]}`, claims: `{"user":"u"}`},
	})
}

// TestA52_FaultOfTheParent: an error in an inherited claim is reported for the parent.
// A52.
func TestA52_FaultOfTheParent(t *testing.T) {
	w := policytest.New(t, family, policytest.Setup{})
	p, m := w.Message("M", `{"cs":[{"g":{}},{"g":{}}]}`)
	cs := m.Get(p.Desc.Fields().ByName("cs")).List()
	fielder{cs.Get(1).Message()}.set("name", "\xff")
	_, err := w.Signer.Message(p, m, nil)
	fails(t, err, fault.MessageMalformed, "cs[1].name")
}

// TestA64_InnermostFirst: nested tokens are signed first, so that the parent's claims
// contain the final tokens. A64.
func TestA64_InnermostFirst(t *testing.T) {
	w := policytest.New(t, family, policytest.Setup{})
	p, m := w.Message("Holds", `{"all":[{"name":"a"},{"name":"b","g":{"name":"c"}}],"one":{"name":"d"}}`)
	made, err := w.Signer.Message(p, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, one := range made {
		paths = append(paths, one.Path)
	}
	if got := strings.Join(paths, " "); got != "all[0].tok all[1].g.tok all[1].tok one.tok tok" {
		t.Error(got)
	}
	claims := policytest.Claims(t, tokenAt(m, ""))
	if !strings.Contains(claims, tokenAt(m, "all.1.g")) || !strings.Contains(claims, `"one":{"name":"d"}`) {
		t.Error(claims)
	}
	if _, err := w.Verify("Holds", w.JSON(m), nil); err != nil {
		t.Error(err)
	}
	for _, claim := range []string{"INCLUDE", "NEST", "DESCEND"} { // inherited, they would not contain tokens yet
		_, err = policytest.Compile(policytest.Load(t, `message M { string tok = 1 [(kalix.field).jwt = {token: true}]; C c = 2 [(kalix.field).jwt = {token: true claim: `+claim+`}]; }
			message C { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; X x = 2 [(kalix.field).jwt = {token: true claim: INCLUDE}]; } message X { string tok = 1 [(kalix.field).jwt = {token: true}]; }`), nil)
		if !fault.Has(err, fault.PolicyInvalid) || !strings.Contains(err.Error(), "parent-claim-contains-token") {
			t.Errorf("%s: got %v, want %q in it", claim, err, "parent-claim-contains-token")
		}
	}
}

// TestA65_NothingElseChanges: only tokens and RAW fields change, and a message that could
// not be signed is unchanged. A65.
func TestA65_NothingElseChanges(t *testing.T) {
	w := policytest.New(t, family, policytest.Setup{})
	const in = `{"user":"u","org":"o","d":{"x":"1"},"n":{"x":"2"},"cs":[{"name":"a","g":{"name":"b"}},{}],"plain":{"name":"c"}}`
	p, m := w.Message("M", in)
	_, before := w.Message("M", in)
	if _, err := w.Signer.Message(p, m, nil); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"", "cs.0", "cs.0.g", "cs.1", "plain"} {
		if tokenAt(m, at) == "" {
			t.Errorf("want a token at %q", at)
		}
	}
	// Verification fills the RAW fields again; everything else is unchanged.
	after := w.JSON(m)
	for _, piece := range strings.Split(after, `"tok":"`)[1:] {
		token, _, _ := strings.Cut(piece, `"`)
		after = strings.ReplaceAll(strings.ReplaceAll(after, `"tok":"`+token+`",`, ""), `"tok":"`+token+`"`, "")
	}
	_, cleaned := w.Message("M", after)
	if !proto.Equal(cleaned, before) {
		t.Errorf("got %[2]s\nwant %[1]s", in, after)
	}
}

// TestA65_A102_TooLargeToRead: a token that verifiers would refuse for its size is not
// made. A65.
func TestA65_A102_TooLargeToRead(t *testing.T) {
	w := policytest.New(t, `message M { `+tok+` string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; google.protobuf.Value v = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }`, policytest.Setup{})
	deep := func(n int) string { return strings.Repeat("[", n) + "1" + strings.Repeat("]", n) }
	long := strings.Repeat("x", 48<<10-200)
	check(t, w, map[string]row{
		"below 64 KiB": {in: `{"x":"` + long + `"}`, claims: `{"x":"` + long + `"}`},
		"above 64 KiB": {in: `{"x":"` + long + strings.Repeat("y", 200) + `"}`, fails: fault.LimitExceeded, path: "tok"},
		"64 deep":      {in: `{"v":` + deep(63) + `}`, claims: `{"v":` + deep(63) + `}`},
		"65 deep":      {in: `{"v":` + deep(64) + `}`, fails: fault.LimitExceeded, path: "tok"},
	})
}

// TestA52_WhatWillBeFilledIsHandedDown: fields of surrounding messages that validation
// will fill in are included when signing, so that the nested token matches. A52, A65.
func TestA52_WhatWillBeFilledIsHandedDown(t *testing.T) {
	w := policytest.New(t, `
message M {
  string tok = 1 [(kalix.field).jwt = {token: true issuer: "me" include_bearer_token_claim: "org" include_bearer_token_claim: "n" include_bearer_token_claim: "deep" static_claim: {claim: "role" value: "r"}}];
  string org = 2 [(kalix.field).jwt = {claim: EXTRACT}];
  string role = 3 [(kalix.field).jwt = {claim: EXTRACT}];
  string iss = 4 [(kalix.field).jwt = {claim: EXTRACT}];
  int64 exp = 5 [(kalix.field).jwt = {claim: EXTRACT}];
  string entry = 6 [(kalix.field).jwt = {claim: EXTRACT}];
  N n = 7 [(kalix.field).jwt = {claim: NEST}];
  N d = 8 [(kalix.field).jwt = {claim: DESCEND}];
  map<string, string> raw = 9 [(kalix.field).jwt = {claim: RAW}];
  C c = 10 [(kalix.field).jwt = {token: true}];
}
message N { string deep = 1 [(kalix.field).jwt = {claim: EXTRACT}]; }
message C { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; string own = 2 [(kalix.field).jwt = {claim: EXTRACT}]; C c = 3 [(kalix.field).jwt = {token: true}]; }
message Mine { option (kalix.message).jwt = {validate_bearer_token: true}; string org = 1 [(kalix.field).jwt = {claim: EXTRACT}]; C c = 2 [(kalix.field).jwt = {token: true}]; }
`, policytest.Setup{})
	bearer := w.Bearer(`{"org":"o","n":{"deep":"x"},"deep":"y"}`)
	for name, in := range map[string]string{
		"M":    `{"raw":{"entry":"e"},"c":{"own":"1","c":{"c":{}}}}`,
		"Mine": `{"c":{"c":{}}}`,
	} {
		p, m := w.Message(name, in)
		if _, err := w.Signer.Message(p, m, bearer); err != nil {
			t.Fatal(name, err)
		}
		for range 2 { // as signed, and as printed
			if _, err := w.Verifier.Message(t.Context(), p, m, bearer); err != nil {
				t.Fatal(name, err)
			}
		}
	}
}
