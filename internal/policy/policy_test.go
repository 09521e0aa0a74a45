package policy_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

func read(t testing.TB, sources map[string]string) *policy.Policy {
	t.Helper()
	const head = "syntax = \"proto3\"; package t; import \"kalix/annotations.proto\"; import \"google/protobuf/empty.proto\";\n"
	return protokit.Read(t, protokit.Sources(t, t.TempDir(), head, sources))
}

func one(t testing.TB, text string) *policy.Policy {
	t.Helper()
	return read(t, map[string]string{"t.proto": text})
}

const empty = "(google.protobuf.Empty) returns (google.protobuf.Empty)"

// TestA10_MethodReplacesService: a method's annotation replaces its service's as a whole, even if it
// is empty; a method without one inherits it.
func TestA10_MethodReplacesService(t *testing.T) {
	p := one(t, `service S {
  option (kalix.service).jwt = { validate: BEARER_TOKEN bearer_token_issuer: "s" static_claim: {claim: "aud" value: "x"} };
  rpc Inherits`+empty+`;
  rpc Other`+empty+` { option (kalix.method).jwt = { validate: BEARER_TOKEN bearer_token_issuer: "m" }; }
  rpc Signs`+empty+` { option (kalix.method).jwt = { sign: MESSAGE }; }
  rpc Empty`+empty+` { option (kalix.method).jwt = {}; }
}
service Bare { rpc Open`+empty+`; }`)
	tests := map[string]struct {
		inherited, bearer, signs, guarded bool
		issuers, claims                   int
	}{
		"t.S/Inherits": {inherited: true, bearer: true, guarded: true, issuers: 1, claims: 1},
		"t.S/Other":    {bearer: true, guarded: true, issuers: 1},
		"t.S/Signs":    {signs: true}, // A11: open
		"t.S/Empty":    {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := p.Method(name)
			r := m.EffectiveRules()
			if (m.OwnRules == nil) != tt.inherited || r.ValidatesBearer() != tt.bearer || r.SignsMessage() != tt.signs || m.Guarded() != tt.guarded ||
				len(r.Issuers) != tt.issuers || len(r.StaticClaims) != tt.claims {
				t.Errorf("got own %v, effective %+v", m.OwnRules, r)
			}
		})
	}
	if m := p.Method("t.Bare/Open"); m.EffectiveRules() != nil || m.Guarded() {
		t.Errorf("a method without annotation has %+v", m.EffectiveRules())
	}
	for _, name := range []string{"/t.S/Other", "t.S/other", "t.S/Other/", "t.S.Other", "t.S//Other", ""} {
		if p.Method(name) != nil {
			t.Errorf("%q names a method (S60)", name)
		}
	}
}

// TestA12_ModesValidateAndSign checks what is validated and signed, in all combinations.
func TestA12_ModesValidateAndSign(t *testing.T) {
	p := one(t, `service S {
  rpc All`+empty+` { option (kalix.method).jwt = { validate: [BEARER_TOKEN, MESSAGE] sign: MESSAGE }; }
  rpc Message`+empty+` { option (kalix.method).jwt = { validate: MESSAGE }; }
  rpc Wrong`+empty+` { option (kalix.method).jwt = { sign: BEARER_TOKEN }; }
}`)
	tests := map[string]struct{ bearer, message, signs bool }{
		"t.S/All":     {true, true, true},
		"t.S/Message": {false, true, false},
		"t.S/Wrong":   {false, false, false},
	}
	for name, tt := range tests {
		r := p.Method(name).EffectiveRules()
		if r.ValidatesBearer() != tt.bearer || r.ValidatesMessage() != tt.message || r.SignsMessage() != tt.signs {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

// TestS46_UnknownNumbers: a mode or action without a name is kept in the model, for lint
// to refuse.
func TestS46_UnknownNumbers(t *testing.T) {
	for _, mode := range []policy.Mode{-1, 3, 1 << 30} {
		if mode.Known() || mode.String() != fmt.Sprint(int32(mode)) {
			t.Errorf("mode %d has the name %s", int32(mode), mode)
		}
	}
	for _, action := range []policy.Action{-1, 6} {
		if action.Known() || action.String() != fmt.Sprint(int32(action)) {
			t.Errorf("action %d has the name %s", int32(action), action)
		}
	}
}

// TestReadsEveryOptionOfAField: every option of a field is read, with its own position.
func TestReadsEveryOptionOfAField(t *testing.T) {
	p := one(t, `message M {
  string tok = 1 [(kalix.field).jwt = {
    token: true
    include_parent_claims: true
    include_bearer_token_claim: "sub"
    include_bearer_token_claim: "role"
    issuer: "${ISS}"
    expires_seconds: 300
    static_claim: {
      claim: "role"
      value: ["admin", "editor"]
    }
    static_claim: {
      claim: "sub"
      pattern: "a+"
    }
  }];
  Child child = 2 [(kalix.field).jwt = { claim: NEST name: "kid" }];
  int64 plain = 3;
  map<string, Child> raw_claims = 4 [(kalix.field).jwt.claim = RAW];
  repeated Child list = 5 [(kalix.field).jwt.token = true];
}
message Child {
  option (kalix.message).jwt = {
    validate_bearer_token: true
  };
}`)
	m := p.Message("t.M")
	if len(m.Fields) != 4 || !p.Message("t.Child").BearerToken || p.Message("t.Child").BearerTokenPos.Line != 26 {
		t.Fatalf("got %d fields in M, Child %+v", len(m.Fields), p.Message("t.Child"))
	}
	tok := m.Fields[0]
	if !tok.HoldsToken() || tok.NestsTokens() || tok.IsClaim() || m.TokenField() != tok || !tok.IncludeParentClaims || tok.ExpiresSeconds != 300 || tok.ClaimName() != "tok" {
		t.Errorf("tok: %+v", tok)
	}
	if len(tok.BearerClaims) != 2 || tok.BearerClaims[1].Value != "role" || len(tok.Issuers) != 1 || len(tok.StaticClaims) != 2 ||
		tok.StaticClaims[0].Values[1].Value != "editor" || tok.StaticClaims[1].Pattern.Value != "a+" {
		t.Errorf("tok: %+v", tok)
	}
	for what, got := range map[string]struct {
		at   descset.Position
		line int
	}{
		"annotation": {tok.Pos, 3}, "token": {tok.TokenPos, 4}, "parent": {tok.IncludeParentClaimsPos, 5}, "second bearer claim": {tok.BearerClaims[1].Pos, 7},
		"issuer": {tok.Issuers[0].Pos, 8}, "expires": {tok.ExpiresSecondsPos, 9}, "first static": {tok.StaticClaims[0].Pos, 10},
		"claim of the first static": {tok.StaticClaims[0].Claim.Pos, 11}, "value of the first static": {tok.StaticClaims[0].Values[0].Pos, 12}, "pattern": {tok.StaticClaims[1].Pattern.Pos, 16},
		"claim of tok, not set": {tok.ClaimPos, 3}, "claim": {m.Fields[1].ClaimPos, 19}, "name": {m.Fields[1].Name.Pos, 19},
	} {
		if got.at.Line != got.line || filepath.Base(got.at.File) != "t.proto" {
			t.Errorf("%s: got position %v, want line %d", what, got.at, got.line)
		}
	}
	child, raw, list := m.Fields[1], m.Fields[2], m.Fields[3]
	if child.Claim != policy.Nest || child.ClaimName() != "kid" || child.Child != p.Message("t.Child") || !child.Recurses() || child.Token {
		t.Errorf("child: %+v", child)
	}
	if raw.Claim != policy.Raw || raw.Child != nil || raw.Recurses() {
		t.Errorf("raw: %+v", raw)
	}
	if !list.NestsTokens() || list.HoldsToken() || list.IsClaim() || list.Child == nil {
		t.Errorf("list: %+v", list)
	}
}

// TestA48_ClaimName: the name is the option, or the field's name in the file.
func TestA48_ClaimName(t *testing.T) {
	p := one(t, `message M {
  string my_field = 1 [(kalix.field).jwt.claim = INCLUDE, json_name = "other"];
  string my_other = 2 [(kalix.field).jwt = { claim: INCLUDE name: "my-claim" }];
}`)
	fields := p.Message("t.M").Fields
	if fields[0].ClaimName() != "my_field" || fields[1].ClaimName() != "my-claim" {
		t.Errorf("got %s and %s, want %s, %s", fields[0].ClaimName(), fields[1].ClaimName(), "my_field", "my-claim")
	}
}

// TestA49_TokenPlaces checks which fields can hold a token, and which hold messages with
// tokens.
func TestA49_TokenPlaces(t *testing.T) {
	tests := map[string]struct {
		field        string
		holds, nests bool
	}{
		"string":           {"string f = 1", true, false},
		"bytes":            {"bytes f = 1", true, false},
		"optional string":  {"optional string f = 1", true, false},
		"number":           {"int32 f = 1", false, false},
		"repeated string":  {"repeated string f = 1", false, false},
		"map":              {"map<string, string> f = 1", false, false},
		"map of messages":  {"map<string, M> f = 1", false, false},
		"message":          {"M f = 1", false, true},
		"repeated message": {"repeated M f = 1", false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := one(t, "message M { "+tt.field+" [(kalix.field).jwt.token = true]; }").Message("t.M")
			if f := m.Fields[0]; f.HoldsToken() != tt.holds || f.NestsTokens() != tt.nests || m.HasTokens() != (tt.holds || tt.nests) {
				t.Errorf("got holds %v, nests %v, has %v, want %v, %v, %v",
					f.HoldsToken(), f.NestsTokens(), m.HasTokens(), tt.holds, tt.nests, tt.holds || tt.nests)
			}
		})
	}
}

// TestReadsImportsAsFarAsNeeded: imported elements are in the model as far as a method or field of the
// input leads to them; recursive types end.
func TestReadsImportsAsFarAsNeeded(t *testing.T) {
	p := read(t, map[string]string{"a.proto": `message A {
  A again = 1 [(kalix.field).jwt.token = true];
  B other = 2 [(kalix.field).jwt.claim = NEST];
}
message B { A back = 1 [(kalix.field).jwt.claim = NEST]; extensions_are_for_proto2 x = 2; }
message extensions_are_for_proto2 {}
service S { rpc M` + empty + `; }`})
	var names []string
	for _, m := range p.Messages {
		names = append(names, fmt.Sprint(m.Desc.FullName(), " ", m.Imported))
	}
	want := []string{"t.A false", "t.B false", "t.extensions_are_for_proto2 false", "google.protobuf.Empty true"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if p.Message("google.protobuf.Timestamp") != nil {
		t.Error("an unreachable message is in the model")
	}
}

func TestReadExtensions(t *testing.T) {
	p := read(t, map[string]string{"x.proto": `syntax = "proto2"; package t; import "kalix/annotations.proto";
message Open { extensions 100 to 200; message In { extend Open { optional string inner = 101 [(kalix.field).jwt.claim = INCLUDE]; } } }
extend Open { optional string outer = 100 [(kalix.field).jwt.claim = INCLUDE]; optional string bare = 102; }`})
	if len(p.Extensions) != 2 || p.Extensions[0].Desc.Name() != "outer" || p.Extensions[1].Desc.Name() != "inner" || len(p.Message("t.Open").Fields) != 0 {
		t.Errorf("got %v", p.Extensions)
	}
}
