package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// TestA61_TokenDecides: the claims that a token's annotation sets, in the order of
// signing.
func TestA61_TokenDecides(t *testing.T) {
	tests := map[string]struct {
		options string
		want    string
	}{
		"only the default time of A62": {``, `exp +3600 unless made`},
		"all options, issuer and time last": {
			`expires_seconds: 60 issuer: "i" issuer: "j" static_claim: {claim: "role" value: "a" value: "b"} include_bearer_token_claim: "sub" include_bearer_token_claim: "org"`,
			`sub from bearer, org from bearer, role = a b, iss = i, exp +60`},
		"bearer claim replaced by a static one": {
			`include_bearer_token_claim: "role" static_claim: {claim: "role" value: "a"} expires_seconds: -1`, `role from bearer, role = a`},
		"A75 entries of one claim combined, each value once": {
			`static_claim: {claim: "r" value: "x"} static_claim: {claim: "s" value: "1"} static_claim: {claim: "r" value: "y" value: "x"} expires_seconds: -1`, `r = x y, s = 1`},
		"a pattern sets nothing":                     {`static_claim: {claim: "r" pattern: "x.*"} expires_seconds: -1`, ``},
		"exp of the bearer token before the default": {`include_bearer_token_claim: "exp"`, `exp from bearer, exp +3600 unless made`},
		"never": {`expires_seconds: -1`, ``},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := one(t, `message M { string t = 1 [(kalix.field).jwt = {token: true `+test.options+`}]; }`).Messages[0].Fields[0]
			var got []string
			for _, d := range f.AnnotationClaims() {
				text := d.Claim
				switch {
				case d.FromBearer:
					text += " from bearer"
				case d.Lifetime > 0:
					text += fmt.Sprintf(" +%d", d.Lifetime)
				default:
					text += " ="
					for _, s := range d.Strings {
						text += " " + s.Value
					}
				}
				if d.Default {
					text += " unless made"
				}
				if !strings.Contains(`include_bearer_token_claim static_claim issuer expires_seconds`, d.Option) || d.Option == "" || d.Pos.Line == 0 {
					t.Errorf("%+v has no option or position", d)
				}
				got = append(got, text)
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %q, want %q", strings.Join(got, ", "), test.want)
			}
		})
	}
}

// TestA75_RequiredClaims: the terms of a claim in written order, without duplicates; a
// value and a pattern with the same text are different.
func TestA75_RequiredClaims(t *testing.T) {
	f := one(t, `message M { string t = 1 [(kalix.field).jwt = {token: true
  static_claim: {claim: "r" pattern: "x"} static_claim: {claim: "s" value: "1"} static_claim: {claim: "r" value: "x" value: "y"} static_claim: {claim: "r" pattern: "x"}}]; }`).Messages[0].Fields[0]
	var got []string
	for _, r := range policy.RequiredClaims(f.StaticClaims) {
		text := r.Claim + ":"
		for _, term := range r.Terms {
			text += fmt.Sprintf(" %s/%v", term.Value, term.Pattern)
		}
		got = append(got, fmt.Sprintf("%s (%d values, line %d)", text, len(r.Values()), r.Pos.Line))
	}
	if want := []string{"r: x/true x/false y/false (2 values, line 3)", "s: 1/false (1 values, line 3)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestA45_FlatClaims: DESCEND fields include the claims of their messages, once and in
// the order of the file; a NEST field is one claim; cycles end.
func TestA45_FlatClaims(t *testing.T) {
	const c = `message C { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; }`
	tests := map[string]struct {
		text, want string
		left       int
	}{
		"own fields":           {text: `message M { string a = 1 [(kalix.field).jwt = {claim: INCLUDE name: "n"}]; string b = 2 [(kalix.field).jwt.claim = EXTRACT]; string c = 3; }`, want: "n b"},
		"through DESCEND":      {text: `message M { C c = 1 [(kalix.field).jwt.claim = DESCEND]; string a = 2 [(kalix.field).jwt.claim = INCLUDE]; }` + c, want: "x(c) a"},
		"through two messages": {text: `message M { D d = 1 [(kalix.field).jwt.claim = DESCEND]; } message D { C c = 1 [(kalix.field).jwt.claim = DESCEND]; }` + c, want: "x(d)"},
		"NEST is one claim":    {text: `message M { C c = 1 [(kalix.field).jwt.claim = NEST]; }` + c, want: "c"},
		"twice":                {text: `message M { C c = 1 [(kalix.field).jwt.claim = DESCEND]; C d = 2 [(kalix.field).jwt.claim = DESCEND]; }` + c, want: "x(c) twice:d"},
		"RAW may be any":       {text: `message M { map<string, string> r = 1 [(kalix.field).jwt.claim = RAW]; }`, want: "raw"},
		"cycle":                {text: `message M { M m = 1 [(kalix.field).jwt.claim = DESCEND]; string a = 2 [(kalix.field).jwt.claim = INCLUDE]; }`, want: "a"},
		"DESCEND on a field that is not a message": {text: `message M { string s = 1 [(kalix.field).jwt.claim = DESCEND]; }`, want: ""},
		"over the limit": {text: `message M { string a = 1 [(kalix.field).jwt.claim = INCLUDE]; string b = 2 [(kalix.field).jwt.claim = INCLUDE]; }`, left: 1, want: "a short"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fl := policy.Flattener{Budget: 100}
			if test.left > 0 {
				fl.Budget = test.left
			}
			flat := fl.Flatten(one(t, test.text).Message("t.M"))
			var got []string
			for _, c := range flat.List {
				text := c.Name
				if c.Via != nil {
					text += "(" + string(c.Via.Desc.Name()) + ")"
				}
				got = append(got, text)
				if !flat.Sets(c.Name) {
					t.Errorf("missing claim %q", c.Name)
				}
			}
			for _, f := range flat.Repeated {
				got = append(got, "twice:"+string(f.Desc.Name()))
			}
			if flat.Raw {
				got = append(got, "raw")
			}
			if fl.Budget < 0 {
				got = append(got, "short")
			}
			if flat.Sets("no such claim") != flat.Raw {
				t.Errorf("got any claim %v, but has a RAW map %v", !flat.Raw, flat.Raw)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %q, want %q", strings.Join(got, " "), test.want)
			}
		})
	}
}

// TestA49_MethodsReachMessages checks which messages the methods act on.
func TestA49_MethodsReachMessages(t *testing.T) {
	p := one(t, `service S {
  rpc V(A) returns (X) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc G(X) returns (D) { option (kalix.method).jwt = {validate: BEARER_TOKEN sign: MESSAGE}; }
  rpc O(Open) returns (Open);
}
message A { B b = 1 [(kalix.field).jwt.token = true]; C c = 2 [(kalix.field).jwt.claim = NEST]; Open o = 3 [(kalix.field).jwt.claim = INCLUDE]; }
message B { A again = 1 [(kalix.field).jwt.token = true]; }
message C {} message X {} message Open {}
message D { repeated B b = 1 [(kalix.field).jwt.token = true]; }`)
	names := func(set policy.Set) string {
		var list []string
		for m := range set {
			list = append(list, string(m.Desc.Name()))
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	r := p.ReachableMessages()
	for got, want := range map[string]string{"validated " + names(r.Validated): "validated A B", "signed " + names(r.Signed): "signed A B D", "all " + names(r.All): "all A B C D"} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestTypeName: types are named as in .proto files.
func TestTypeName(t *testing.T) {
	fields := one(t, `message M { string a = 1; repeated M b = 2; map<string, M> c = 3; E d = 4; optional int64 e = 5; map<int32, E> f = 6; } enum E { NO = 0; }`).Message("t.M").Desc.Fields()
	want := []string{"string", "repeated t.M", "map<string, t.M>", "t.E", "int64", "map<int32, t.E>"}
	for i := range fields.Len() {
		if got := policy.TypeName(protoreflect.FieldDescriptor(fields.Get(i))); got != want[i] {
			t.Errorf("got %q, want %q", got, want[i])
		}
	}
}

// TestA49_NeedsToken: a message needs a token if it has a token field, or must contain a
// message that needs one.
func TestA49_NeedsToken(t *testing.T) {
	p := one(t, `syntax = "proto2"; package t; import "kalix/annotations.proto";
message Own { optional string t = 1 [(kalix.field).jwt.token = true]; }
message Bearer { option (kalix.message).jwt.validate_bearer_token = true; }
message Must { required Deep d = 1 [(kalix.field).jwt.token = true]; }
message Deep { required Own o = 1 [(kalix.field).jwt.token = true]; }
message May { optional Own o = 1 [(kalix.field).jwt.token = true]; }
message Many { repeated Own o = 1 [(kalix.field).jwt.token = true]; }
message Round { required Round r = 1 [(kalix.field).jwt.token = true]; }
message Walks { required Own o = 1 [(kalix.field).jwt.claim = NEST]; }`)
	needs := p.NeedingToken()
	for name, want := range map[protoreflect.FullName]bool{"t.Own": true, "t.Bearer": true, "t.Must": true, "t.Deep": true, "t.May": false, "t.Many": false, "t.Round": false, "t.Walks": false} {
		if needs[p.Message(name)] != want {
			t.Errorf("%s needs a token: got %v, want %v", name, !want, want)
		}
	}
}

// TestA43_UnsetValue: what a reader sees in a field that is not set, unless it is zero.
func TestA43_UnsetValue(t *testing.T) {
	tests := map[string]string{
		`optional string f = 1`:                          ``,
		`optional string f = 1 [default = ""]`:           ``,
		`optional string f = 1 [default = "a\"b"]`:       `"a\"b"`,
		`optional bytes f = 1 [default = "\001"]`:        `"\x01"`,
		`optional int64 f = 1 [default = -3]`:            `-3`,
		`optional uint32 f = 1 [default = 0]`:            ``,
		`optional double f = 1 [default = nan]`:          `NaN`,
		`optional float f = 1 [default = -0.0]`:          ``,
		`optional bool f = 1 [default = true]`:           `true`,
		`optional bool f = 1 [default = false]`:          ``,
		`optional E f = 1`:                               `TWO`,
		`optional E f = 1 [default = ZERO]`:              ``,
		`optional Z f = 1`:                               ``,
		`optional Z f = 1 [default = ONE]`:               `ONE`,
		`required E f = 1`:                               ``,
		`repeated E f = 1`:                               ``,
		`map<string, Z> f = 1`:                           ``,
		`optional M f = 1`:                               ``,
		`optional group F = 1 { optional int32 x = 1; }`: ``,
		`oneof o { E f = 1; string g = 2; }`:             `TWO`,
	}
	for field, want := range tests {
		p := one(t, "syntax = \"proto2\"; package t; message M { "+strings.TrimSuffix(field, "}")+map[bool]string{true: "}", false: ";"}[strings.HasSuffix(field, "}")]+" } enum E { TWO = 2; ZERO = 0; } enum Z { NONE = 0; ONE = 1; }")
		if got := policy.UnsetValue(p.Message("t.M").Desc.Fields().Get(0)); got != want {
			t.Errorf("%s: got %q, want %q", field, got, want)
		}
	}
	open := one(t, `edition = "2023"; package t; message M { E f = 1; } enum E { ZERO = 0; }`).Message("t.M").Desc.Fields().Get(0)
	if got := policy.UnsetValue(open); got != "" {
		t.Errorf("open enum: got %q, want none", got)
	}
}
