package sign_test

import (
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

const values = `
enum Color { NONE = 0; RED = 1; BLUE = 2; CRIMSON = 1; option allow_alias = true; }
message P { string s_s = 1; int64 n = 2; bytes b = 3; google.protobuf.Timestamp at = 4; }
message M {
  string tok = 15 [(kalix.field).jwt = {token: true expires_seconds: -1}];
  P p = 1 [(kalix.field).jwt = {claim: INCLUDE}];
  google.protobuf.Timestamp at = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  google.protobuf.Duration d = 3 [(kalix.field).jwt = {claim: INCLUDE}];
  google.protobuf.Struct s = 4 [(kalix.field).jwt = {claim: INCLUDE}];
  google.protobuf.Int64Value w = 5 [(kalix.field).jwt = {claim: INCLUDE}];
  bytes b = 6 [(kalix.field).jwt = {claim: INCLUDE}];
  Color c = 7 [(kalix.field).jwt = {claim: INCLUDE}];
  int64 n = 8 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated uint64 ns = 9 [(kalix.field).jwt = {claim: INCLUDE}];
  map<string,int64> m = 10 [(kalix.field).jwt = {claim: INCLUDE}];
  float f = 11 [(kalix.field).jwt = {claim: INCLUDE}];
  double g = 12 [(kalix.field).jwt = {claim: INCLUDE}];
  google.protobuf.FieldMask mask = 13 [(kalix.field).jwt = {claim: INCLUDE}];
  google.protobuf.Any any = 14 [(kalix.field).jwt = {claim: INCLUDE}];
}`

// TestA80_A81_ValuesBecomeClaims: the claim of each kind of field, and that it verifies. A80, A81.
func TestA80_A81_ValuesBecomeClaims(t *testing.T) {
	w := policytest.New(t, values, policytest.Setup{})
	check(t, w, map[string]row{
		"A80 message":        {in: `{"p":{"s_s":"x","n":"5","b":"AQI","at":"2026-01-01T00:00:00Z"}}`, claims: `{"p":{"sS":"x","n":"5","b":"AQI=","at":"2026-01-01T00:00:00Z"}}`},
		"A80 well-known":     {in: `{"at":"2026-01-01T00:00:00.5Z","d":"1.5s","s":{"k":[1,null,"x"]},"mask":"a,b.c"}`, claims: `{"at":"2026-01-01T00:00:00.500Z","d":"1.500s","s":{"k":[1,null,"x"]},"mask":"a,b.c"}`},
		"A80 bytes":          {in: `{"b":"-_8"}`, claims: `{"b":"+/8="}`},
		"A80 enum":           {in: `{"c":2}`, claims: `{"c":"BLUE"}`},
		"A80 enum, no name":  {in: `{"c":77}`, claims: `{"c":77}`},
		"A80 floats":         {in: `{"f":0.1,"g":"-Infinity"}`, claims: `{"f":0.1,"g":"-Infinity"}`},
		"A80 Any":            {in: `{"any":{"@type":"type.googleapis.com/t.P","n":"5"}}`, claims: `{"any":{"@type":"type.googleapis.com/t.P","n":"5"}}`},
		"A80 unknown in Any": {in: `{"any":{}}`, claims: `{"any":{}}`},
		"A81 number":         {in: `{"n":"9007199254740992"}`, claims: `{"n":9007199254740992}`},
		"A81 string":         {in: `{"n":"9007199254740993"}`, claims: `{"n":"9007199254740993"}`},
		"A81 negative":       {in: `{"n":"-9007199254740993"}`, claims: `{"n":"-9007199254740993"}`},
		"A81 elements":       {in: `{"ns":["1","18446744073709551615"]}`, claims: `{"ns":[1,"18446744073709551615"]}`},
		"A81 entries":        {in: `{"m":{"b":"1","a":"9223372036854775807"}}`, claims: `{"m":{"a":"9223372036854775807","b":1}}`},
		"A81 not wrappers":   {in: `{"w":"5"}`, claims: `{"w":"5"}`},
	})
}

// TestA82_A84_S48_ClaimsAreParsedAsTheFieldType: a claim is parsed as the field's type. A82, A84, S48.
func TestA82_A84_S48_ClaimsAreParsedAsTheFieldType(t *testing.T) {
	w := policytest.New(t, values, policytest.Setup{})
	for name, c := range map[string]struct {
		claims, field string
		code          fault.Code
	}{
		"A82 number for a 64-bit integer":        {claims: `{"n":5}`, field: `"n":"5"`},
		"A82 string for a 64-bit integer":        {claims: `{"n":"5"}`, field: `"n":"5"`},
		"A82 5.0 is 5":                           {claims: `{"n":5.0}`, field: `"n":"5"`},
		"A82 5.5 is not":                         {claims: `{"n":5.5}`, field: `"n":"5"`, code: fault.ClaimMismatch},
		"A82 no float64 rounding":                {claims: `{"n":9007199254740993}`, field: `"n":"9007199254740993"`},
		"A82 next integer":                       {claims: `{"n":9007199254740993}`, field: `"n":"9007199254740992"`, code: fault.ClaimMismatch},
		"A82 boolean for an integer":             {claims: `{"n":true}`, field: `"n":"1"`, code: fault.ClaimMismatch},
		"A82 bytes by content":                   {claims: `{"b":"-_8"}`, field: `"b":"+/8="`},
		"A82 other bytes":                        {claims: `{"b":"-_9"}`, field: `"b":"+/8="`, code: fault.ClaimMismatch},
		"A82 enum by number":                     {claims: `{"c":1}`, field: `"c":"RED"`},
		"A82 enum by an alias":                   {claims: `{"c":"CRIMSON"}`, field: `"c":"RED"`},
		"A82 other enum value":                   {claims: `{"c":"BLUE"}`, field: `"c":"RED"`, code: fault.ClaimMismatch},
		"A82 unknown enum name":                  {claims: `{"c":"red"}`, field: `"c":"RED"`, code: fault.ClaimMismatch},
		"A82 floats by value":                    {claims: `{"f":1.0e-1}`, field: `"f":0.1`},
		"A82 other float":                        {claims: `{"f":0.2}`, field: `"f":0.1`, code: fault.ClaimMismatch},
		"A82 times by value":                     {claims: `{"at":"2026-01-01T01:00:00+01:00"}`, field: `"at":"2026-01-01T00:00:00Z"`},
		"A82 other time":                         {claims: `{"at":"2026-01-01T00:00:01Z"}`, field: `"at":"2026-01-01T00:00:00Z"`, code: fault.ClaimMismatch},
		"A82 messages, both spellings":           {claims: `{"p":{"s_s":"x"}}`, field: `"p":{"sS":"x"}`},
		"A82 messages, additional member":        {claims: `{"p":{"sS":"x","n":1}}`, field: `"p":{"sS":"x"}`, code: fault.ClaimMismatch},
		"A82 messages, unknown member":           {claims: `{"p":{"sS":"x","z":1}}`, field: `"p":{"sS":"x"}`, code: fault.ClaimMismatch},
		"A82 maps without order":                 {claims: `{"m":{"b":2,"a":1}}`, field: `"m":{"a":"1","b":"2"}`},
		"A82 maps, missing entry":                {claims: `{"m":{"a":1}}`, field: `"m":{"a":"1","b":"2"}`, code: fault.ClaimMismatch},
		"A82 lists in order":                     {claims: `{"ns":[2,1]}`, field: `"ns":["1","2"]`, code: fault.ClaimMismatch},
		"A82 does not parse":                     {claims: `{"at":"yesterday"}`, field: `"at":"2026-01-01T00:00:00Z"`, code: fault.ClaimMismatch},
		"A84 duplicate name":                     {claims: `{"n":5,"n":5}`, field: `"n":"5"`, code: fault.TokenMalformed},
		"A84 duplicate name, nested":             {claims: `{"n":5,"x":[{"a":1,"a":1}]}`, field: `"n":"5"`, code: fault.TokenMalformed},
		"A84 duplicate name, different spelling": {claims: `{"n":5,"\u006e":5}`, field: `"n":"5"`, code: fault.TokenMalformed},
		"A84 same name at two levels":            {claims: `{"n":5,"x":{"n":1}}`, field: `"n":"5"`},
	} {
		t.Run(name, func(t *testing.T) {
			token := forged(t, w, c.claims)
			_, err := w.Verify("M", `{"tok":"`+token+`",`+c.field+`}`, nil)
			if fault.CodeOf(err) != c.code {
				t.Errorf("got %v, want %q", err, c.code)
			}
		})
	}
}

func TestA83_MapKeys(t *testing.T) {
	for key, ok := range map[string]bool{"string": true, "int32": false, "bool": false, "fixed64": false} {
		for _, claim := range []string{"INCLUDE", "EXTRACT", "RAW"} {
			_, err := policytest.Compile(policytest.Load(t, `message M { `+tok+` map<`+key+`,string> m = 1 [(kalix.field).jwt = {claim: `+claim+`}]; }`), nil)
			if ok != (err == nil) || !ok && !fault.Has(err, fault.PolicyInvalid) {
				t.Errorf("%s map<%s>: %v", claim, key, err)
			}
		}
	}
}

// TestA80_S49_InvalidUTF8HasNoClaim: text that is not UTF-8, which can arrive in protobuf, has no claim.
// S49.
func TestA80_S49_InvalidUTF8HasNoClaim(t *testing.T) {
	w := policytest.New(t, `message M { `+tok+` string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; N n = 2 [(kalix.field).jwt = {claim: NEST}]; } message N { string y = 1 [(kalix.field).jwt = {claim: EXTRACT}]; map<string,string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; }`, policytest.Setup{})
	for path, set := range map[string]func(m fielder){
		"x":     func(m fielder) { m.set("x", "\xff") },
		"n.y":   func(m fielder) { m.child("n").set("y", "\xff") },
		"n.raw": func(m fielder) { m.child("n").entry("raw", "k", "\xff") },
		"n":     func(m fielder) { m.child("n").entry("raw", "\xff", "v") },
	} {
		p, m := w.Message("M", `{}`)
		set(fielder{m})
		made, err := w.Signer.Message(p, m, nil)
		fails(t, err, fault.MessageMalformed, path)
		if made != nil || strings.Contains(err.Error(), "\xff") {
			t.Errorf("got %v %q", made, err)
		}
	}
}
