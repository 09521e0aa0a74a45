package verify_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

func TestA40_WhichTokenIsTheMessages(t *testing.T) {
	w := policytest.New(t, `
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message Bytes { bytes tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message Bearer { option (kalix.message).jwt = {validate_bearer_token: true}; string user = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
message Both {
  option (kalix.message).jwt = {validate_bearer_token: true};
  string tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
}
message None { string user = 1; }
`, policytest.Setup{})
	check(t, w, map[string]row{
		"string field":                     {in: `{"tok":$({"user":"a"}),"user":"a"}`, want: `{"tok":"…","user":"a"}`},
		"bearer token does not replace it": {in: `{"user":"a"}`, bearer: `{"user":"a"}`, code: fault.TokenMissing, path: "tok"},
		"bearer token":                     {of: "Bearer", in: `{"user":"a"}`, bearer: `{"user":"a"}`, want: `{"user":"a"}`},
		"bearer token with a wrong claim":  {of: "Bearer", in: `{"user":"a"}`, bearer: `{"user":"b"}`, code: fault.ClaimMismatch, path: "user"},
		"no bearer token":                  {of: "Bearer", in: `{"user":"a"}`, code: fault.TokenMissing, path: verify.BearerPath},
		"bearer token before a field":      {of: "Both", in: `{"user":"a"}`, bearer: `{"user":"a"}`, want: `{"user":"a"}`},
		"token in the field is ignored":    {of: "Both", in: `{"tok":$({"user":"a"}),"user":"a"}`, bearer: `{"user":"b"}`, code: fault.ClaimMismatch, path: "user"},
		"no token option":                  {of: "None", in: `{"user":"a"}`, code: fault.PolicyInvalid, path: "t.None"},
	})
	token := w.Token(`{"user":"a"}`)
	p, m := w.Message("Bytes", `{"user":"a"}`)
	m.Set(p.Token.Field, bytesValue(token))
	if got, err := w.Verifier.Message(context.Background(), p, m, nil); err != nil || len(got) != 1 || got[0].Path != "tok" {
		t.Errorf("bytes field: %v %v", got, err)
	}
	p2, m2 := w.Message("Bearer", `{"user":"a"}`)
	if got, err := w.Verifier.Message(context.Background(), p2, m2, w.Bearer(`{"user":"a"}`)); err != nil || len(got) != 1 || got[0].Path != verify.BearerPath {
		t.Errorf("bearer token: %v %v", got, err)
	}
	m.Set(p.Token.Field, bytesValue(token+"\xff"))
	_, err := w.Verifier.Message(context.Background(), p, m, nil)
	refused(t, err, fault.TokenMalformed, "tok")
}

func TestA41_A50_ChecksTheMessagesToken(t *testing.T) {
	w := policytest.New(t, `
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: EXTRACT}]; }
message Optional { optional string tok = 1 [(kalix.field).jwt = {token: true}]; }
message Issuer { string tok = 1 [(kalix.field).jwt = {token: true issuer: "me" issuer: "you"}]; }
message Static { string tok = 1 [(kalix.field).jwt = {token: true static_claim: {claim: "role" value: "admin"}}]; }
message Outer { string tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: EXTRACT}]; M inner = 3 [(kalix.field).jwt = {token: true}]; }
`, policytest.Setup{})
	check(t, w, map[string]row{
		"A41 valid":                    {in: `{"tok":$({"user":"a"})}`, want: `{"tok":"…","user":"a"}`},
		"A41 absent":                   {in: `{"user":"a"}`, code: fault.TokenMissing, path: "tok"},
		"A41 empty":                    {in: `{"tok":""}`, code: fault.TokenMissing, path: "tok"},
		"A41 null":                     {in: `{"tok":null}`, code: fault.TokenMissing, path: "tok"},
		"A41 optional, empty":          {of: "Optional", in: `{"tok":""}`, code: fault.TokenMissing, path: "tok"},
		"A41 optional":                 {of: "Optional", in: `{"tok":$({})}`, want: `{"tok":"…"}`},
		"A41 malformed":                {in: `{"tok":"eyJhbGciOiJFUzI1NiJ9.e30"}`, code: fault.TokenMalformed, path: "tok"},
		"A41 with white space":         {in: `{"tok":" ` + w.Token(`{}`) + `"}`, code: fault.TokenMalformed, path: "tok"},
		"A41 with a scheme":            {in: `{"tok":"Bearer ` + w.Token(`{}`) + `"}`, code: fault.TokenMalformed, path: "tok"},
		"A41 expired":                  {in: `{"tok":$({"exp":` + past + `})}`, code: fault.TokenExpired, path: "tok"},
		"A41 not expired":              {in: `{"tok":$({"exp":` + future + `})}`, want: `{"tok":"…"}`},
		"A41 not yet valid":            {in: `{"tok":$({"nbf":` + future + `})}`, code: fault.TokenNotYetValid, path: "tok"},
		"A41 signature":                {in: inField(tampered(w.Token(`{"user":"a"}`))), code: fault.SignatureInvalid, path: "tok"},
		"A41 nested token missing":     {of: "Outer", in: `{"tok":$({"user":"a"}),"inner":{"tok":$({"exp":` + past + `})}}`, code: fault.TokenExpired, path: "inner.tok"},
		"A50 first issuer":             {of: "Issuer", in: `{"tok":$({"iss":"me"})}`, want: `{"tok":"…"}`},
		"A50 second issuer":            {of: "Issuer", in: `{"tok":$({"iss":"you"})}`, want: `{"tok":"…"}`},
		"A50 unknown issuer":           {of: "Issuer", in: `{"tok":$({"iss":"them"})}`, code: fault.IssuerNotAllowed, path: "tok"},
		"A50 no issuer":                {of: "Issuer", in: `{"tok":$({"sub":"me"})}`, code: fault.IssuerNotAllowed, path: "tok"},
		"A75 value in the token":       {of: "Static", in: `{"tok":$({"role":"admin"})}`, want: `{"tok":"…"}`},
		"A75 wrong value in the token": {of: "Static", in: `{"tok":$({"role":"secret"})}`, code: fault.StaticClaimMismatch, path: "tok"},
	})
	// The path names the token and the part of it at fault.
	if _, err := w.Verify("M", inField(tampered(w.Token(`{}`))), nil); err == nil || !strings.HasPrefix(err.Error(), "tok: signature: ") {
		t.Error(err)
	}
}

// TestA44_PathsOfWhatIsFilled: an error has the path of the message that was being
// filled, not of the last one visited (A44).
func TestA44_PathsOfWhatIsFilled(t *testing.T) {
	w := policytest.New(t, `message M { string tok = 1 [(kalix.field).jwt = {token: true}]; int64 n = 2 [(kalix.field).jwt = {claim: EXTRACT}]; repeated M ms = 3 [(kalix.field).jwt = {token: true}]; }`, policytest.Setup{})
	m := func(n ...string) string {
		return `{"tok":$({}),"ms":[{"tok":$({"n":` + strings.Join(n, `})},{"tok":$({"n":`) + `})}]}`
	}
	check(t, w, map[string]row{
		"first element":  {in: m(`"x"`, `1`, `2`), code: fault.ClaimMismatch, path: "ms[0].n"},
		"second element": {in: m(`1`, `"x"`, `2`), code: fault.ClaimMismatch, path: "ms[1].n"},
		"deeper":         {in: `{"tok":$({}),"ms":[` + m(`1`, `"x"`, `3`) + `,{"tok":$({})}]}`, code: fault.ClaimMismatch, path: "ms[0].ms[1].n"},
		"none":           {in: m(`1`, `2`), want: `{"tok":"…","ms":[{"tok":"…","n":"1"},{"tok":"…","n":"2"}]}`},
	})
}

// TestA41_S49_MessageMalformed: JSON that is not a message of the type is refused before
// any token is checked (S49).
func TestA41_S49_MessageMalformed(t *testing.T) {
	w := policytest.New(t, `message M { string my_tok = 1 [(kalix.field).jwt = {token: true}]; int64 n = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }`, policytest.Setup{})
	p, _ := w.Message("M", `{"my_tok":"x"}`)
	token := `"` + w.Token(`{"n":5}`) + `"`
	for name, in := range map[string]string{
		"both spellings": `{"my_tok":` + token + `,"myTok":` + token + `,"n":5}`,
		"twice":          `{"my_tok":` + token + `,"my_tok":` + token + `,"n":5}`,
		"unknown field":  `{"my_tok":` + token + `,"n":5,"x":1}`,
		"trailing data":  `{"my_tok":` + token + `,"n":5}{}`,
		"wrong type":     `{"my_tok":` + token + `,"n":"five"}`,
		"not UTF-8":      "{\"my_tok\":\"\xff\"}",
		"not an object":  `[]`,
		"not JSON":       `my_tok: "x"`,
	} {
		m, err := w.Codec.Read([]byte(in), p.Desc)
		if !fault.Has(err, fault.MessageMalformed) || m != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, in := range []string{`{"my_tok":` + token + `,"n":5}`, `{"myTok":` + token + `,"n":"5"}`} {
		if _, err := w.Verify("M", in, nil); err != nil {
			t.Error(err)
		}
	}
}

const fields = `
enum Color { NONE = 0; RED = 1; BLUE = 2; }
message Plain { string s = 1; }
message M {
  string tok = 1 [(kalix.field).jwt = {token: true}];
  string s = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  bool b = 3 [(kalix.field).jwt = {claim: INCLUDE}];
  optional bool ob = 4 [(kalix.field).jwt = {claim: INCLUDE}];
  optional string os = 5 [(kalix.field).jwt = {claim: INCLUDE}];
  int64 n = 6 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated string list = 7 [(kalix.field).jwt = {claim: INCLUDE}];
  map<string,int32> map = 8 [(kalix.field).jwt = {claim: INCLUDE}];
  Plain msg = 9 [(kalix.field).jwt = {claim: INCLUDE}];
  Color color = 10 [(kalix.field).jwt = {claim: INCLUDE}];
  oneof choice { string left = 11 [(kalix.field).jwt = {claim: INCLUDE}]; int32 right = 12 [(kalix.field).jwt = {claim: INCLUDE}]; }
  string not_a_claim = 13;
  string named = 14 [(kalix.field).jwt = {claim: INCLUDE name: "other.Name"}];
  string snake_case = 15 [(kalix.field).jwt = {claim: INCLUDE}];
}`

func TestA42_A43_A53_IncludedFieldsMustMatch(t *testing.T) {
	w := policytest.New(t, fields, policytest.Setup{})
	check(t, w, map[string]row{
		"A42 equal":                        {in: `{"tok":$({"s":"a"}),"s":"a"}`, want: `{"tok":"…","s":"a"}`},
		"A42 empty, claim present":         {in: `{"tok":$({"s":"a"})}`, want: `{"tok":"…"}`},
		"A42 other value":                  {in: `{"tok":$({"s":"secret"}),"s":"b"}`, code: fault.ClaimMismatch, path: "s"},
		"A42 no claim":                     {in: `{"tok":$({}),"s":"b"}`, code: fault.ClaimMissing, path: "s"},
		"A42 null":                         {in: `{"tok":$({"s":null}),"s":"b"}`, code: fault.ClaimMismatch, path: "s"},
		"A43 false is empty":               {in: `{"tok":$({"b":true}),"b":false}`, want: `{"tok":"…"}`},
		"A43 true is not":                  {in: `{"tok":$({"b":false}),"b":true}`, code: fault.ClaimMismatch, path: "b"},
		"A43 optional false is not":        {in: `{"tok":$({"ob":true}),"ob":false}`, code: fault.ClaimMismatch, path: "ob"},
		"A43 optional false, no claim":     {in: `{"tok":$({}),"ob":false}`, code: fault.ClaimMissing, path: "ob"},
		"A43 optional false, equal":        {in: `{"tok":$({"ob":false}),"ob":false}`, want: `{"tok":"…","ob":false}`},
		"A43 optional, not set":            {in: `{"tok":$({"ob":true})}`, want: `{"tok":"…"}`},
		"A43 optional, empty text":         {in: `{"tok":$({"os":"x"}),"os":""}`, code: fault.ClaimMismatch, path: "os"},
		"A43 zero is empty":                {in: `{"tok":$({"n":7}),"n":0}`, want: `{"tok":"…"}`},
		"A43 no elements":                  {in: `{"tok":$({"list":["x"],"map":{"x":1}}),"list":[],"map":{}}`, want: `{"tok":"…"}`},
		"A43 an element":                   {in: `{"tok":$({"list":["x","y"]}),"list":["x"]}`, code: fault.ClaimMismatch, path: "list"},
		"A43 an entry":                     {in: `{"tok":$({"map":{"x":1}}),"map":{"x":2}}`, code: fault.ClaimMismatch, path: "map"},
		"A43 an entry, equal":              {in: `{"tok":$({"map":{"x":1}}),"map":{"x":1}}`, want: `{"tok":"…","map":{"x":1}}`},
		"A43 message not set":              {in: `{"tok":$({"msg":{"s":"x"}})}`, want: `{"tok":"…"}`},
		"A43 message set, empty":           {in: `{"tok":$({"msg":{"s":"x"}}),"msg":{}}`, code: fault.ClaimMismatch, path: "msg"},
		"A43 message set, equal":           {in: `{"tok":$({"msg":{}}),"msg":{}}`, want: `{"tok":"…","msg":{}}`},
		"A43 first enum value":             {in: `{"tok":$({"color":"RED"}),"color":"NONE"}`, want: `{"tok":"…"}`},
		"A43 oneof, zero is not":           {in: `{"tok":$({"right":1}),"right":0}`, code: fault.ClaimMismatch, path: "right"},
		"A43 oneof, zero, equal":           {in: `{"tok":$({"right":0}),"right":0}`, want: `{"tok":"…","right":0}`},
		"A43 oneof, other member":          {in: `{"tok":$({"left":"a"}),"right":4}`, code: fault.ClaimMissing, path: "right"},
		"A48 name":                         {in: `{"tok":$({"other.Name":"a","named":"b"}),"named":"a"}`, want: `{"tok":"…","named":"a"}`},
		"A48 field name":                   {in: `{"tok":$({"named":"a"}),"named":"a"}`, code: fault.ClaimMissing, path: "named"},
		"A48 as in the file":               {in: `{"tok":$({"snake_case":"a"}),"snakeCase":"a"}`, want: `{"tok":"…","snake_case":"a"}`},
		"A48 not camelCase":                {in: `{"tok":$({"snakeCase":"a"}),"snakeCase":"a"}`, code: fault.ClaimMissing, path: "snake_case"},
		"A48 not upper case":               {in: `{"tok":$({"S":"a"}),"s":"a"}`, code: fault.ClaimMissing, path: "s"},
		"A53 claims without an annotation": {in: `{"tok":$({"x":1,"not_a_claim":"b"}),"not_a_claim":"a"}`, want: `{"tok":"…","not_a_claim":"a"}`},
		"A53 claims of other fields":       {in: `{"tok":$({"x":1,"s":"b"}),"s":"a"}`, code: fault.ClaimMismatch, path: "s"},
	})
}

// TestA43_ExplicitPresence: A43 for syntaxes where all fields have explicit presence:
// proto2 and editions.
func TestA43_ExplicitPresence(t *testing.T) {
	for syntax, label := range map[string]string{`syntax = "proto2";`: "optional", `edition = "2023";`: ""} {
		w := policytest.New(t, syntax+` package t; import "kalix/annotations.proto";
message M { `+label+` string tok = 1 [(kalix.field).jwt = {token: true}]; `+label+` bool b = 2 [(kalix.field).jwt = {claim: INCLUDE}]; `+label+` string s = 3 [(kalix.field).jwt = {claim: EXTRACT}]; }`, policytest.Setup{})
		check(t, w, map[string]row{
			syntax + " false":   {in: `{"tok":$({"b":true}),"b":false}`, code: fault.ClaimMismatch, path: "b"},
			syntax + " not set": {in: `{"tok":$({"b":true,"s":"x"})}`, want: `{"tok":"…","s":"x"}`},
			syntax + " empty":   {in: `{"tok":$({"s":"x"}),"s":""}`, code: fault.ClaimMismatch, path: "s"},
		})
	}
}

// TestMessageWithoutRequiredFieldsIsNotFilledIn: a message that a token creates has all
// its required fields, or is not created. A45.
func TestMessageWithoutRequiredFieldsIsNotFilledIn(t *testing.T) {
	w := policytest.New(t, `syntax = "proto2"; package t; import "kalix/annotations.proto";
message C {
  required int32 n = 1 [(kalix.field).jwt = {claim: EXTRACT}];
  optional string s = 2 [(kalix.field).jwt = {claim: EXTRACT}];
  map<string,string> raw = 3 [(kalix.field).jwt = {claim: RAW}];
}
message M {
  optional string tok = 1 [(kalix.field).jwt = {token: true}];
  optional C one = 2 [(kalix.field).jwt = {claim: NEST}];
  repeated C many = 3 [(kalix.field).jwt = {claim: NEST}];
}`, policytest.Setup{})
	check(t, w, map[string]row{
		"all present":           {in: `{"tok":$({"one":{"n":1}})}`, want: `{"tok":"…","one":{"n":1}}`},
		"one missing":           {in: `{"tok":$({"one":{"s":"x"}})}`, code: fault.ClaimMismatch, path: "one"},
		"one, only RAW":         {in: `{"tok":$({"one":{"x":"x"}})}`, want: `{"tok":"…"}`},
		"missing in an element": {in: `{"tok":$({"many":[{"n":1},{"s":"x"}]})}`, code: fault.ClaimMismatch, path: "many[1]"},
		"an element, RAW only":  {in: `{"tok":$({"many":[{"n":1},{"x":"x"}]})}`, code: fault.ClaimMismatch, path: "many[1]"},
		"all, only RAW":         {in: `{"tok":$({"many":[{"x":"x"},{"x":"y"}]})}`, want: `{"tok":"…"}`},
	})
}

func TestA44_S48_ExtractFillsEmptyFields(t *testing.T) {
	w := policytest.New(t, `
message P { string s = 1; }
message M {
  string tok = 1 [(kalix.field).jwt = {token: true}];
  string user = 2 [(kalix.field).jwt = {claim: EXTRACT name: "who"}];
  int64 n = 3 [(kalix.field).jwt = {claim: EXTRACT}];
  repeated string roles = 4 [(kalix.field).jwt = {claim: EXTRACT}];
  P p = 5 [(kalix.field).jwt = {claim: EXTRACT}];
  google.protobuf.Timestamp at = 6 [(kalix.field).jwt = {claim: EXTRACT}];
  oneof choice { string left = 7 [(kalix.field).jwt = {claim: EXTRACT}]; string right = 8; }
  map<string,bool> flags = 9 [(kalix.field).jwt = {claim: EXTRACT}];
}`, policytest.Setup{})
	check(t, w, map[string]row{
		"written":                   {in: `{"tok":$({"who":"alice","n":5,"roles":["a","b"],"p":{"s":"x"},"at":"2026-01-01T00:00:00Z","flags":{"x":true}})}`, want: `{"tok":"…","user":"alice","n":"5","roles":["a","b"],"p":{"s":"x"},"at":"2026-01-01T00:00:00Z","flags":{"x":true}}`},
		"equal":                     {in: `{"tok":$({"who":"alice"}),"user":"alice"}`, want: `{"tok":"…","user":"alice"}`},
		"S48 body alice, token bob": {in: `{"tok":$({"who":"bob"}),"user":"alice"}`, code: fault.ClaimMismatch, path: "user"},
		"body alice, no claim":      {in: `{"tok":$({}),"user":"alice"}`, code: fault.ClaimMissing, path: "user"},
		"no claim":                  {in: `{"tok":$({})}`, want: `{"tok":"…"}`},
		"S48 number for a string":   {in: `{"tok":$({"who":1})}`, code: fault.ClaimMismatch, path: "user"},
		"S48 null":                  {in: `{"tok":$({"who":null})}`, code: fault.ClaimMismatch, path: "user"},
		"S48 string for a number":   {in: `{"tok":$({"n":"5x"})}`, code: fault.ClaimMismatch, path: "n"},
		"S48 value for a list":      {in: `{"tok":$({"roles":"a"})}`, code: fault.ClaimMismatch, path: "roles"},
		"S48 list for a value":      {in: `{"tok":$({"who":["alice"]})}`, code: fault.ClaimMismatch, path: "user"},
		"unknown member":            {in: `{"tok":$({"p":{"x":1}})}`, code: fault.ClaimMismatch, path: "p"},
		"over a set oneof":          {in: `{"tok":$({"left":"a"}),"right":"b"}`, code: fault.ClaimMismatch, path: "left"},
		"oneof":                     {in: `{"tok":$({"left":"a"})}`, want: `{"tok":"…","left":"a"}`},
		"oneof, empty is set":       {in: `{"tok":$({"left":"a"}),"left":""}`, code: fault.ClaimMismatch, path: "left"},
		"empty claim":               {in: `{"tok":$({"who":"","n":0})}`, want: `{"tok":"…"}`},
	})
}
