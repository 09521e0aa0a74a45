package sign_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// tok is a token field without exp, so that the token has only the claims under test.
const tok = `string tok = 15 [(kalix.field).jwt = {token: true expires_seconds: -1}];`

// with returns a token field with options in addition to token: true.
func with(options string) string {
	return `string tok = 15 [(kalix.field).jwt = {token: true ` + options + `}];`
}

func TestA60_FieldsBecomeClaims(t *testing.T) {
	w := policytest.New(t, `
message C { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string y = 2 [(kalix.field).jwt = {claim: EXTRACT}]; string plain = 3; D d = 4 [(kalix.field).jwt = {claim: DESCEND}]; map<string,string> raw = 5 [(kalix.field).jwt = {claim: RAW}]; }
message D { string z = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
message P { string s_s = 1; }
message M {
  `+tok+`
  string include = 1 [(kalix.field).jwt = {claim: INCLUDE}];
  string extract = 2 [(kalix.field).jwt = {claim: EXTRACT name: "taken"}];
  C descend = 3 [(kalix.field).jwt = {claim: DESCEND}];
  C nest = 4 [(kalix.field).jwt = {claim: NEST}];
  repeated C list = 5 [(kalix.field).jwt = {claim: NEST name: "all"}];
  map<string,int32> raw = 6 [(kalix.field).jwt = {claim: RAW}];
  P p = 7 [(kalix.field).jwt = {claim: INCLUDE}];
  string plain = 8;
  optional bool b = 9 [(kalix.field).jwt = {claim: INCLUDE}];
}
message Bytes { bytes tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}]; string x = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message None { string x = 1; }
message Bearer { option (kalix.message).jwt = {validate_bearer_token: true}; string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
`, policytest.Setup{})
	check(t, w, map[string]row{
		"nothing":                        {in: `{}`, claims: `{}`, out: `{"tok":"…"}`},
		"INCLUDE and EXTRACT":            {in: `{"include":"a","extract":"b","plain":"p"}`, claims: `{"include":"a","taken":"b"}`, out: `{"tok":"…","include":"a","extract":"b","plain":"p"}`},
		"empty fields":                   {in: `{"include":"","descend":{},"nest":{},"list":[],"raw":{}}`, claims: `{}`, out: `{"tok":"…","descend":{},"nest":{}}`},
		"A43 set is not empty":           {in: `{"b":false,"p":{}}`, claims: `{"p":{},"b":false}`},
		"DESCEND":                        {in: `{"descend":{"x":"1","d":{"z":"2"},"plain":"p"}}`, claims: `{"x":"1","z":"2"}`},
		"NEST":                           {in: `{"nest":{"x":"1","d":{"z":"2"},"plain":"p"}}`, claims: `{"nest":{"x":"1","z":"2"}}`},
		"NEST without claims":            {in: `{"nest":{"plain":"p"}}`, claims: `{}`},
		"NEST, repeated":                 {in: `{"list":[{"x":"1"},{"plain":"p"},{"y":"2"}]}`, claims: `{"all":[{"x":"1"},{},{"y":"2"}]}`},
		"INCLUDE of a message":           {in: `{"p":{"s_s":"1"}}`, claims: `{"p":{"sS":"1"}}`},
		"RAW, sorted":                    {in: `{"raw":{"b":2,"a":1},"include":"x"}`, claims: `{"include":"x","a":1,"b":2}`, out: `{"tok":"…","include":"x"}`},
		"RAW within DESCEND":             {in: `{"descend":{"raw":{"k":"v"}}}`, claims: `{"k":"v"}`, out: `{"tok":"…","descend":{}}`},
		"RAW within NEST":                {in: `{"nest":{"x":"1","raw":{"k":"v"}},"list":[{"raw":{"k":"w"}}]}`, claims: `{"nest":{"x":"1","k":"v"},"all":[{"k":"w"}]}`, out: `{"tok":"…","nest":{"x":"1"},"list":[{}]}`},
		"RAW of zeros":                   {in: `{"raw":{"a":0}}`, claims: `{"a":0}`},
		"old token replaced":             {in: `{"tok":"old","include":"a"}`, claims: `{"include":"a"}`},
		"no token field":                 {of: "None", in: `{"x":"1"}`, fails: fault.PolicyInvalid, path: "t.None"},
		"bearer token cannot be written": {of: "Bearer", in: `{"x":"1"}`, fails: fault.PolicyInvalid, path: "t.Bearer"},
	})
	m, err := w.Sign("Bytes", `{"x":"1"}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	fields := m.Descriptor().Fields()
	if got := policytest.Claims(t, string(m.Get(fields.ByName("tok")).Bytes())); got != `{"x":"1"}` {
		t.Error(got)
	}
}

// TestA75_EntriesOfOneClaim: all entries for a claim are required, so all are signed.
func TestA75_EntriesOfOneClaim(t *testing.T) {
	w := policytest.New(t, `
message Two { `+with(`expires_seconds: -1 static_claim: {claim: "role" value: "a"} static_claim: {claim: "role" value: "b"}`)+` }
message More { `+with(`expires_seconds: -1 static_claim: {claim: "role" value: "a" value: "b"} static_claim: {claim: "role" pattern: "b|c"} static_claim: {claim: "role" value: "b" value: "c"}`)+` }
message Same { `+with(`expires_seconds: -1 static_claim: {claim: "role" value: "a"} static_claim: {claim: "x" value: "y"} static_claim: {claim: "role" value: "a"}`)+` }
`, policytest.Setup{})
	check(t, w, map[string]row{
		"two values":              {of: "Two", in: `{}`, claims: `{"role":["a","b"]}`},
		"values and a pattern":    {of: "More", in: `{}`, claims: `{"role":["a","b","c"]}`},
		"same value, as a string": {of: "Same", in: `{}`, claims: `{"role":"a","x":"y"}`},
	})
}

func TestA61_LaterOnesWin(t *testing.T) {
	w := policytest.New(t, `
message M {
  `+with(`expires_seconds: 60 issuer: "me" issuer: "you" include_bearer_token_claim: "sub" include_bearer_token_claim: "role" static_claim: {claim: "role" value: "admin"} static_claim: {claim: "aud" value: "a" value: "b"} static_claim: {claim: "kind" pattern: "k.*"}`)+`
  string kind = 1 [(kalix.field).jwt = {claim: INCLUDE}];
  string role = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  string sub = 3 [(kalix.field).jwt = {claim: INCLUDE}];
  string iss = 4 [(kalix.field).jwt = {claim: INCLUDE}];
  int64 exp = 5 [(kalix.field).jwt = {claim: INCLUDE}];
  map<string,string> raw = 6 [(kalix.field).jwt = {claim: RAW}];
  map<string,int32> ints = 7 [(kalix.field).jwt = {claim: RAW}];
}
message Free { `+tok+` C c = 1 [(kalix.field).jwt = {claim: DESCEND}]; map<string,string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; map<string,int32> ints = 3 [(kalix.field).jwt = {claim: RAW}]; N n = 4 [(kalix.field).jwt = {claim: NEST}]; }
message C { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
message N { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; map<string,string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; }
message Some { `+with(`expires_seconds: 60 issuer: "me" static_claim: {claim: "role" value: "admin"} static_claim: {claim: "kind" pattern: "k.*"}`)+`
  string kind = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string role = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  string iss = 3 [(kalix.field).jwt = {claim: INCLUDE}]; int64 exp = 4 [(kalix.field).jwt = {claim: INCLUDE}];
}
message Filled { `+with(`expires_seconds: -1 include_bearer_token_claim: "e"`)+` int64 e = 1 [(kalix.field).jwt = {claim: EXTRACT}]; }
message Nested { `+with(`expires_seconds: -1 include_bearer_token_claim: "n"`)+` C n = 2 [(kalix.field).jwt = {claim: NEST}]; }
message One { `+tok+` oneof o { string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string b = 2 [(kalix.field).jwt = {claim: EXTRACT}]; } map<string,string> raw = 3 [(kalix.field).jwt = {claim: RAW}]; }
message Both { option (kalix.message).jwt = {validate_bearer_token: true}; `+with(`expires_seconds: -1 static_claim: {claim: "role" value: "admin"}`)+` string role = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
message OneOf { oneof one { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; } }
`, policytest.Setup{})
	const bearer = `{"sub":"bearer","role":"guest"}`
	const decided = `"role":"admin","aud":["a","b"],"iss":"me","exp":1769860860}`
	check(t, w, map[string]row{
		"claims of the token":           {in: `{"kind":"k1"}`, bearer: `{"sub":"bearer","role":"admin"}`, claims: `{"kind":"k1","sub":"bearer",` + decided},
		"static over bearer":            {in: `{"kind":"k1"}`, bearer: bearer, fails: fault.ClaimConflict, path: "tok"}, // A51 would refuse it
		"bearer over field":             {in: `{"kind":"k1","sub":"field"}`, bearer: `{"sub":"bearer","role":"admin"}`, fails: fault.ClaimConflict, path: "tok"},
		"static over field":             {of: "Some", in: `{"role":"field"}`, fails: fault.ClaimConflict, path: "tok"},
		"issuer over field":             {of: "Some", in: `{"iss":"field"}`, fails: fault.ClaimConflict, path: "tok"},
		"exp over field":                {of: "Some", in: `{"exp":"1"}`, fails: fault.ClaimConflict, path: "tok"},
		"A71 pattern only validates":    {of: "Some", in: `{"kind":"none"}`, claims: `{"kind":"none","role":"admin","iss":"me","exp":1769860860}`, refused: fault.StaticClaimMismatch},
		"bearer over EXTRACT":           {of: "Filled", in: `{"e":"5"}`, bearer: `{"e":"6"}`, fails: fault.ClaimConflict, path: "tok"},
		"bearer of another type":        {of: "Filled", in: `{}`, bearer: `{"e":"six"}`, fails: fault.ClaimConflict, path: "tok"},
		"bearer like EXTRACT":           {of: "Filled", in: `{"e":"5"}`, bearer: `{"e":"5"}`, claims: `{"e":"5"}`}, // A82: 5 and "5" are equal
		"bearer like NEST, and more":    {of: "Nested", in: `{"n":{"x":"1"}}`, bearer: `{"n":{"x":"1","y":2}}`, claims: `{"n":{"x":"1","y":2}}`},
		"bearer over NEST":              {of: "Nested", in: `{"n":{"x":"1"}}`, bearer: `{"n":{"x":"2"}}`, fails: fault.ClaimConflict, path: "tok"},
		"A40 validated by the bearer":   {of: "Both", in: `{"role":"guest"}`, bearer: `{"role":"guest"}`, claims: `{"role":"admin"}`},
		"RAW for a oneof":               {of: "One", in: `{"a":"x","raw":{"b":"y"}}`, fails: fault.ClaimConflict, path: "tok"},
		"RAW for a oneof, unset":        {of: "One", in: `{"raw":{"b":"y"}}`, claims: `{"b":"y"}`},
		"all sources agree":             {in: `{"kind":"k1","iss":"me","role":"admin","exp":"1769860860","sub":"bearer"}`, bearer: `{"sub":"bearer","role":"admin"}`, claims: `{"kind":"k1","role":"admin","sub":"bearer","iss":"me","exp":1769860860,"aud":["a","b"]}`},
		"A65 pattern sets nothing":      {in: `{}`, bearer: `{"sub":"bearer","role":"admin"}`, claims: `{"sub":"bearer","role":"admin","aud":["a","b"],"iss":"me","exp":1769860860}`, refused: fault.StaticClaimMismatch},
		"over RAW":                      {in: `{"raw":{"kind":"k","role":"raw","iss":"raw"}}`, bearer: `{"sub":"s","role":"admin"}`, claims: `{"iss":"me","kind":"k","role":"admin","sub":"s","aud":["a","b"],"exp":1769860860}`},
		"A51 no bearer token":           {in: `{"kind":"k1"}`, fails: fault.TokenMissing, path: "tok"},
		"A51 not in the bearer token":   {in: `{"kind":"k1"}`, bearer: `{"sub":"s"}`, fails: fault.ClaimMissing, path: "tok"},
		"RAW against RAW":               {of: "Free", in: `{"raw":{"a":"1"},"ints":{"a":1}}`, fails: fault.ClaimConflict, path: "ints"},
		"RAW against a field":           {of: "Free", in: `{"raw":{"x":"secret"},"c":{"x":"2"}}`, fails: fault.ClaimConflict, path: "tok"},
		"RAW like the field":            {of: "Free", in: `{"raw":{"x":"2"},"c":{"x":"2"}}`, claims: `{"x":"2"}`, out: `{"tok":"…","c":{"x":"2"}}`},
		"RAW against NEST":              {of: "Free", in: `{"raw":{"n":"1"},"n":{"x":"2"}}`, fails: fault.ClaimConflict, path: "tok"},
		"RAW within NEST":               {of: "Free", in: `{"n":{"x":"2","raw":{"x":"3"}}}`, fails: fault.ClaimConflict, path: "n.raw"},
		"RAW like the field in NEST":    {of: "Free", in: `{"n":{"x":"2","raw":{"x":"2"}}}`, claims: `{"n":{"x":"2"}}`},
		"oneof of the token":            {of: "OneOf", in: `{"user":"a"}`, fails: fault.ClaimConflict, path: "tok"},
		"oneof of the token, old token": {of: "OneOf", in: `{"tok":"old"}`, claims: `{}`},
		"oneof of the token, unset":     {of: "OneOf", in: `{}`, claims: `{}`},
	})
}

// TestA61_ConflictingFieldsAreRefused: two fields that set the same claim must agree. Lint finds them if it
// can, signing if a message is DESCENDed into twice. A61.
func TestA61_ConflictingFieldsAreRefused(t *testing.T) {
	const schema = `message M { ` + tok + ` string a = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string b = 2 [(kalix.field).jwt = {claim: INCLUDE name: "a"}]; }`
	if _, err := policytest.Compile(policytest.Load(t, schema), nil); !fault.Has(err, fault.PolicyInvalid) {
		t.Errorf("two fields for one claim: %v", err)
	}
	if _, err := policytest.Compile(policytest.Load(t, strings.Replace(schema, `name: "a"`, `name: "b"`, 1)), nil); err != nil {
		t.Error(err)
	}
}

// The tests' time is 1769860800.
func TestA62_SetsTheExpiry(t *testing.T) {
	for name, c := range map[string]struct {
		expires, in, claims string
		fails, refused      fault.Code
	}{
		"set":                              {expires: "expires_seconds: 300", in: `{}`, claims: `{"exp":1769861100}`},
		"set, differs from a field":        {expires: "expires_seconds: 300", in: `{"exp":"1769899999"}`, fails: fault.ClaimConflict}, // A65
		"set, equals a field":              {expires: "expires_seconds: 300", in: `{"exp":"1769861100"}`, claims: `{"exp":1769861100}`},
		"unset":                            {in: `{}`, claims: `{"exp":1769864400}`},
		"0":                                {expires: "expires_seconds: 0", in: `{}`, claims: `{"exp":1769864400}`},
		"unset, field":                     {in: `{"exp":"1769899999"}`, claims: `{"exp":1769899999}`},
		"unset, RAW entry":                 {in: `{"raw":{"exp":1769899999}}`, claims: `{"exp":1769899999}`},
		"-1":                               {expires: "expires_seconds: -1", in: `{}`, claims: `{}`},
		"-1, field":                        {expires: "expires_seconds: -1", in: `{"exp":"1769899999"}`, claims: `{"exp":1769899999}`},
		"field in the past":                {in: `{"exp":"1769860800"}`, claims: `{"exp":1769860800}`, refused: fault.TokenExpired},
		"latest time":                      {expires: "expires_seconds: 251632439999", in: `{}`, claims: `{"exp":253402300799}`},
		"further":                          {expires: "expires_seconds: 251632440000", in: `{}`, fails: fault.PolicyInvalid},
		"far beyond the latest time":       {expires: "expires_seconds: 9223372036854775807", in: `{}`, fails: fault.PolicyInvalid},
		"A65 field beyond the latest time": {in: `{"exp":"253402300800"}`, fails: fault.MessageMalformed},
		"A65 field before 1970":            {in: `{"exp":"-1"}`, fails: fault.MessageMalformed},
		"A65 field beyond 2^53":            {in: `{"exp":"9007199254740993"}`, fails: fault.MessageMalformed},
		"A65 nbf in a RAW entry":           {in: `{"raw":{"nbf":-5}}`, fails: fault.MessageMalformed},
		"A65 sub in a RAW entry":           {in: `{"raw":{"sub":5}}`, fails: fault.MessageMalformed},
		"A65 iss in a RAW entry":           {in: `{"raw":{"iss":5}}`, fails: fault.MessageMalformed},
		"A65 iat in a RAW entry":           {in: `{"raw":{"iat":253402300800}}`, fails: fault.MessageMalformed},
		"A65 aud in a RAW entry":           {in: `{"raw":{"aud":5}}`, fails: fault.MessageMalformed},
		"A65 other RAW entries":            {expires: "expires_seconds: -1", in: `{"raw":{"subject":5}}`, claims: `{"subject":5}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := policytest.New(t, `message M { `+with(c.expires)+` int64 exp = 1 [(kalix.field).jwt = {claim: INCLUDE}]; map<string,int64> raw = 2 [(kalix.field).jwt = {claim: RAW}]; }`, policytest.Setup{})
			check(t, w, map[string]row{"-": {in: c.in, claims: c.claims, fails: c.fails, path: "tok", refused: c.refused}})
		})
	}
	if _, err := policytest.Compile(policytest.Load(t, `message M { `+with("expires_seconds: -2")+` }`), nil); !fault.Has(err, fault.PolicyInvalid) {
		t.Errorf("-2: %v", err)
	}
}

// TestA65_TimesOutOfRange: times in fields that no verifier would accept are refused.
// A65.
func TestA65_TimesOutOfRange(t *testing.T) {
	w := policytest.New(t, `message M { `+tok+` int64 nbf = 1 [(kalix.field).jwt = {claim: INCLUDE}]; int64 iat = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }`, policytest.Setup{})
	check(t, w, map[string]row{
		"good":       {in: `{"nbf":"1769860800","iat":"1"}`, claims: `{"nbf":1769860800,"iat":1}`},
		"nbf, below": {in: `{"nbf":"-1"}`, fails: fault.MessageMalformed, path: "tok"},
		"iat, above": {in: `{"iat":"253402300800"}`, fails: fault.MessageMalformed, path: "tok"},
	})
}

func TestA63_SetsTheHeader(t *testing.T) {
	schema := `message M { ` + with("") + ` }`
	for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA, keys.HS256} {
		w := policytest.New(t, schema, policytest.Setup{Keys: []*keys.Key{policytest.Key(t, alg, keys.Attributes{ID: "the \"key\""})}})
		m, err := w.Sign("M", `{}`, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jws.Parse(tokenAt(m, ""), jws.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(token.HeaderJSON()), `{"alg":"`+string(alg)+`","kid":"the \"key\"","typ":"JWT"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := string(token.PayloadJSON()); strings.Contains(got, "iat") {
			t.Errorf("iat in %s", got)
		}
	}
	// Without a signing key, the message stays unchanged.
	public, err := policytest.Key(t, keys.ES256, keys.Attributes{ID: "k"}).Public()
	if err != nil {
		t.Fatal(err)
	}
	w := policytest.New(t, schema, policytest.Setup{Keys: []*keys.Key{public}})
	_, err = w.Sign("M", `{}`, nil)
	fails(t, err, fault.KeyNotPrivate, "tok")
	if !strings.Contains(err.Error(), "the new key") { // the key's source
		t.Errorf("the error does not name the key: %v", err)
	}
}

// TestA61_PrecedenceWithManyClaims: precedence does not depend on the number of claims. A61.
func TestA61_PrecedenceWithManyClaims(t *testing.T) {
	for _, n := range []int{14, 15, 16, 17, 18, 40} {
		var text, in, want strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "string f%d = %d [(kalix.field).jwt = {claim: INCLUDE}];\n", i, 20+i)
			fmt.Fprintf(&in, `"f%d":"m%d",`, i, i)
			fmt.Fprintf(&want, `"f%d":"m%d",`, i, i)
		}
		w := policytest.New(t, "message M { "+with(`expires_seconds: 1 static_claim: {claim: "z" value: "static"} static_claim: {claim: "f0" value: "m0"}`)+text.String()+
			"map<string,string> raw = 1 [(kalix.field).jwt = {claim: RAW}]; }", policytest.Setup{})
		check(t, w, map[string]row{
			fmt.Sprint(n):              {in: "{" + in.String() + `"raw":{"z":"raw","f1":"m1"}}`, claims: "{" + want.String() + `"z":"static","exp":1769860801}`},
			fmt.Sprint(n, " conflict"): {in: "{" + in.String() + `"raw":{"f2":"raw"}}`, fails: fault.ClaimConflict, path: "tok"},
		})
	}
}
