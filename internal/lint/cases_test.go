package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

const (
	checks = "service S { rpc Do(A) returns (Z) { option (kalix.method).jwt = {validate: MESSAGE}; } }\nmessage Z {}\n"
	signs  = "service S { rpc Do(Z) returns (A) { option (kalix.method).jwt = {sign: MESSAGE}; } }\nmessage Z {}\n"
	token  = " string token = 100 [(kalix.field).jwt.token = true]; "
)

// TestCases: cases that the fixtures do not cover.
func TestCases(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string // "rule: part of the message", in order
	}{
		"A49 token option on a wrong type": {
			checks + `message A { repeated string token = 1 [(kalix.field).jwt.token = true]; }`,
			[]string{"message-without-token: t.S/Do", "token-wrong-type: t.A.token"},
		},
		"A49 a list of tokens is enough": {
			checks + `message A { repeated B b = 1 [(kalix.field).jwt.token = true]; } message B {` + token + `}`,
			[]string{"every-token-optional: t.S/Do validates t.A, whose only tokens are in messages that may be absent (b)"},
		},
		"A52 parents that set no claim": {
			signs + `message A {` + token + ` B b = 2 [(kalix.field).jwt.token = true]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; string x = 2 [(kalix.field).jwt.claim = INCLUDE]; }`,
			[]string{"parent-claims-without-parent: no parent of t.B has any"},
		},
		"A52 a claim of a grandparent": {
			signs + `message A { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; B b = 2 [(kalix.field).jwt.token = true]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; C c = 2 [(kalix.field).jwt.token = true]; }
			message C { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; }`,
			nil,
		},
		"A52 a claim of a grandparent that the parent does not include": {
			signs + `message A { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; string token = 3 [(kalix.field).jwt.token = true]; B b = 2 [(kalix.field).jwt.token = true]; }
			message B {` + token + ` C c = 2 [(kalix.field).jwt.token = true]; }
			message C { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; }`,
			[]string{"parent-claims-without-parent: no parent of t.C has any"},
		},
		"empty annotation": {
			signs + `message A {` + token + ` string x = 2 [(kalix.field).jwt = {}]; string y = 3 [(kalix.field).jwt.claim = UNSPECIFIED]; string z = 4 [(kalix.field).jwt.claim = INCLUDE]; }`,
			[]string{"option-without-effect: t.A.x makes it neither a claim nor a token", "option-without-effect: t.A.y makes it neither a claim nor a token"},
		},
		"A49 two messages that nest each other have no token": {
			checks + `message A { B b = 1 [(kalix.field).jwt.token = true]; } message B { A a = 1 [(kalix.field).jwt.token = true]; }`,
			[]string{"message-without-token: t.A", "nested-token-missing: t.A.b", "nested-token-missing: t.B.a"},
		},
		"A40 a nested message may have the bearer token, but signing writes none": {
			`service S { rpc Do(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE sign: MESSAGE}; } }
			message A { B b = 1 [(kalix.field).jwt.token = true]; } message B { option (kalix.message).jwt.validate_bearer_token = true; }`,
			[]string{"message-without-token: signs t.A"},
		},
		"A51 through a nested token, but not through claims": {
			checks + `message A {` + token + ` B b = 1 [(kalix.field).jwt.claim = NEST]; C c = 2 [(kalix.field).jwt.token = true]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true include_bearer_token_claim: "sub"}]; string x = 2 [(kalix.field).jwt.claim = INCLUDE]; }
			message C { string token = 1 [(kalix.field).jwt = {token: true include_bearer_token_claim: "iss"}]; }`,
			[]string{`bearer-claim-not-validated: t.C.token with the claim "iss"`, "unreached-annotation: token t.B.token has no effect"},
		},
		"A61 in a message that others descend into, once": {
			checks + `message A {` + token + ` B b = 1 [(kalix.field).jwt.claim = DESCEND]; }
			message B { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; string y = 2 [(kalix.field).jwt = {claim: INCLUDE name: "x"}]; }`,
			[]string{"duplicate-claim: t.B.x (through t.A.b) and by t.B.y (through t.A.b)"},
		},
		"A61 in a nested object": {
			checks + `message A {` + token + ` B b = 1 [(kalix.field).jwt.claim = NEST]; string x = 2 [(kalix.field).jwt.claim = INCLUDE]; }
			message B { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; string y = 2 [(kalix.field).jwt = {claim: INCLUDE name: "x"}]; }`,
			[]string{`duplicate-claim: "x" of t.B`},
		},
		"A61 members of two oneofs": {
			checks + `message A {` + token + ` oneof a { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; } oneof b { string y = 2 [(kalix.field).jwt = {claim: INCLUDE name: "x"}]; } }`,
			[]string{"duplicate-claim: t.A.y"},
		},
		"A61 a oneof and a field after it": {
			checks + `message A {` + token + ` oneof a { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; string y = 2 [(kalix.field).jwt = {claim: INCLUDE name: "x"}]; }
			string z = 3 [(kalix.field).jwt = {claim: INCLUDE name: "x"}]; }`,
			[]string{"duplicate-claim: t.A.z"},
		},
		"A61 a cycle sets nothing twice": {
			checks + `message A {` + token + ` A a = 1 [(kalix.field).jwt.claim = DESCEND]; string x = 2 [(kalix.field).jwt.claim = INCLUDE]; }`,
			[]string{"claim-cycle: t.A.a (DESCEND) → t.A"},
		},
		"A64 a grandparent's claims are checked through the parent": {
			signs + `message A { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; B b = 2 [(kalix.field).jwt = {token: true claim: NEST}]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; C c = 2 [(kalix.field).jwt.token = true]; }
			message C { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; }`,
			[]string{"parent-claim-contains-token: t.B.token includes the claim t.A.b", "walk-without-claims: NEST in t.A.b"},
		},
		"A64 a token deep within a message that is a claim": {
			signs + `message A { B b = 1 [(kalix.field).jwt.token = true]; map<string, D> d = 2 [(kalix.field).jwt.claim = INCLUDE]; C c = 3 [(kalix.field).jwt.claim = INCLUDE]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; }
			message C { map<string, D> d = 1; } message D {` + token + `}
			service T { rpc Do(D) returns (Z) { option (kalix.method).jwt = {validate: MESSAGE}; } }`,
			[]string{"parent-claim-contains-token: t.A.d", "parent-claim-contains-token: t.A.c"},
		},
		"A49 claims that go to the token of a parent": {
			checks + `message A {` + token + ` B b = 1 [(kalix.field).jwt = {token: true claim: NEST}]; }
			message B { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; C c = 2 [(kalix.field).jwt.token = true]; } message C {` + token + `}`,
			nil,
		},
		"A62 expiry of another token": {
			signs + `message A { string token = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}]; B b = 2 [(kalix.field).jwt.claim = NEST]; }
			message B { int64 exp = 1 [(kalix.field).jwt.claim = INCLUDE]; }`,
			[]string{"token-never-expires: t.A.token"},
		},
		"A62 a token that is only validated": {
			checks + `message A { string token = 1 [(kalix.field).jwt = {token: true expires_seconds: -1}]; }`,
			nil,
		},
		"A73 and A74 of services and methods": {
			`service S {
				option (kalix.service).jwt = {validate: BEARER_TOKEN static_claim: {claim: "a"}};
				rpc Do(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN static_claim: {claim: "a" pattern: "("}}; }
			} message A {}`,
			[]string{`static-claim-invalid: "a" of t.S has`, "pattern-invalid: t.S/Do"},
		},
		"A11 an annotation without effect drops the service's policy": {
			`service S { option (kalix.service).jwt.validate = BEARER_TOKEN; rpc Do(A) returns (A) { option (kalix.method).jwt = {}; } } message A {}`,
			[]string{"method-drops-service-policy: t.S/Do"},
		},
		"A12 annotations of a set without methods may be used elsewhere": {
			`message A {` + token + `}`, nil,
		},
		"A61 options that do not set the claim": {
			checks + `message A { string token = 1 [(kalix.field).jwt = {token: true issuer: "i"}]; string iss = 2 [(kalix.field).jwt.claim = INCLUDE]; }`,
			nil,
		},
		"A64 a token that is a claim of another": {
			`service S { rpc Do(A) returns (Z) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE}; } } message Z {}
			message A { option (kalix.message).jwt.validate_bearer_token = true; string token = 1 [(kalix.field).jwt = {token: true claim: INCLUDE}]; B b = 2 [(kalix.field).jwt.claim = NEST]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true claim: INCLUDE}]; }`,
			[]string{"unreached-annotation: t.A is checked against the bearer token", "unreached-annotation: t.B.token"},
		},
		"A70 a message that is only validated": {
			checks + `message A { string token = 1 [(kalix.field).jwt = {token: true expires_seconds: 60
				static_claim: {claim: "x" value: "a"} static_claim: {claim: "p" pattern: "a"} static_claim: {claim: "i" value: "1"} static_claim: {claim: "e" value: "a"}}];
				bool x = 2 [(kalix.field).jwt.claim = EXTRACT]; bool p = 3 [(kalix.field).jwt.claim = EXTRACT]; bool i = 4 [(kalix.field).jwt.claim = INCLUDE];
				repeated string e = 5 [(kalix.field).jwt.claim = EXTRACT]; int32 exp = 6 [(kalix.field).jwt.claim = EXTRACT]; }`,
			[]string{`extract-wrong-type: "x" of t.A must match the static_claim of token, but t.A.x is bool`},
		},
		"A44 the bearer token's claim types are unknown": {
			`service S { rpc Do(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE sign: MESSAGE}; } }
			message A { option (kalix.message).jwt.validate_bearer_token = true; string token = 1 [(kalix.field).jwt = {token: true static_claim: {claim: "x" value: "a"}}];
				bool x = 2 [(kalix.field).jwt.claim = EXTRACT]; string y = 3 [(kalix.field).jwt.claim = INCLUDE]; B b = 4 [(kalix.field).jwt.token = true]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true include_bearer_token_claim: "y"}]; bool y = 2 [(kalix.field).jwt.claim = EXTRACT]; }`,
			nil,
		},
		"A61 the first issuer is used, and a wrong type is only an error": {
			signs + `message A { string token = 1 [(kalix.field).jwt = {token: true issuer: "i" issuer: "j"}]; string iss = 2 [(kalix.field).jwt.claim = EXTRACT]; B b = 3 [(kalix.field).jwt.token = true]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true issuer: "i"}]; int32 iss = 2 [(kalix.field).jwt.claim = EXTRACT]; }`,
			[]string{"registered-claim-type: t.B.iss"},
		},
		"A52 only from parents that are signed": {
			signs + `service T { rpc Do(C) returns (Z) { option (kalix.method).jwt = {validate: MESSAGE}; } }
			message A {` + token + ` string x = 2 [(kalix.field).jwt.claim = INCLUDE]; B b = 3 [(kalix.field).jwt.token = true]; }
			message B {` + token + ` D d = 3 [(kalix.field).jwt.token = true]; }
			message C {` + token + ` string x = 2 [(kalix.field).jwt.claim = INCLUDE]; D d = 3 [(kalix.field).jwt.token = true]; }
			message D { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; bool x = 2 [(kalix.field).jwt.claim = EXTRACT]; }`,
			nil,
		},
		"A52 a parent nests an object or an array": {
			signs + `message A {` + token + ` Z x = 2 [(kalix.field).jwt.claim = NEST]; repeated Z y = 3 [(kalix.field).jwt.claim = NEST]; B b = 4 [(kalix.field).jwt.token = true]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}];
				map<string, string> x = 2 [(kalix.field).jwt.claim = EXTRACT]; map<string, string> y = 3 [(kalix.field).jwt.claim = EXTRACT]; }`,
			[]string{"walk-without-claims: t.A.x", "walk-without-claims: t.A.y", `extract-wrong-type: "y" of t.B comes from t.A.y`},
		},
		"A65 a parent may supply a claim": {
			signs + `message A { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; B b = 2 [(kalix.field).jwt.token = true]; }
			message B { string token = 1 [(kalix.field).jwt = {token: true include_parent_claims: true static_claim: {claim: "x" pattern: "a"}}]; }`,
			nil,
		},
		"A65 sources of a claim": {
			`service S { rpc Do(Z) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN sign: MESSAGE}; } } message Z {}
			message A { string token = 1 [(kalix.field).jwt = {token: true issuer: "i" include_bearer_token_claim: "sub"
				static_claim: {claim: "sub" pattern: "a"} static_claim: {claim: "iss" pattern: "i"}
				static_claim: {claim: "v" value: "a"} static_claim: {claim: "v" pattern: "a"} static_claim: {claim: "none" pattern: "a"}}]; }`,
			[]string{"iss-static-claim", `pattern-not-signed: "none"`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, check(t, test.text, Options{}), test.want...)
		})
	}
}

// TestA81_RegisteredClaims checks the types that the claims of RFC 7519 may have.
func TestA81_RegisteredClaims(t *testing.T) {
	const numbers = "int32 uint32 sint64 fixed64 int64 double float google.protobuf.Int32Value google.protobuf.DoubleValue google.protobuf.Value"
	const strs = "string bytes E google.protobuf.StringValue google.protobuf.Int64Value google.protobuf.Timestamp google.protobuf.Value"
	fine := map[string]string{
		"exp": numbers, "nbf": numbers, "iat": numbers, "iss": strs, "sub": strs, "jti": strs,
		"aud":   strs + " google.protobuf.ListValue",
		"other": numbers + " " + strs + " bool A repeated",
	}
	all := strings.Fields(numbers + " " + strs + " bool A google.protobuf.BoolValue google.protobuf.ListValue google.protobuf.Struct google.protobuf.NullValue")
	var text strings.Builder
	text.WriteString("import \"google/protobuf/wrappers.proto\"; import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/struct.proto\";\nenum E { ZERO = 0; }\n")
	fmt.Fprintf(&text, "message A {%s}\n", token)
	want := map[string]bool{} // full name of field → refused
	for name, types := range fine {
		for i, one := range all {
			message := fmt.Sprintf("%s%d", strings.ToUpper(name), i)
			fmt.Fprintf(&text, "message %s {%s %s x = 1 [(kalix.field).jwt = {claim: INCLUDE name: %q}]; }\n", message, token, one, name)
			want["t."+message+".x"] = name != "other" && !contains(types, one)
			fmt.Fprintf(&text, "message R%s {%s repeated %s x = 1 [(kalix.field).jwt = {claim: EXTRACT name: %q}]; }\n", message, token, one, name)
			want["t.R"+message+".x"] = name != "other" && !(name == "aud" && contains(strs, one))
		}
	}
	got := map[string]bool{}
	for _, f := range of(check(t, text.String(), Options{}), "registered-claim-type") {
		got[f.Subject] = true
	}
	for field, refused := range want {
		if got[field] != refused {
			t.Errorf("%s: refused %v, want %v", field, got[field], refused)
		}
	}
}

func contains(list, word string) bool {
	return strings.Contains(" "+list+" ", " "+word+" ")
}

// TestOptions: without keys, there are no findings about them.
func TestOptions(t *testing.T) {
	const text = `service S {
		option (kalix.service).jwt = {validate: BEARER_TOKEN};
		rpc Do(A) returns (A);
		rpc Pinned(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "one"}; }
		rpc Env(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "${X}"}; }
	}
	service T { rpc Open(A) returns (A); }
	message A {}`
	const note = "environment-variable"
	tests := map[string]struct {
		o    Options
		want []string
	}{
		"nothing":              {Options{}, []string{note}},
		"no keys":              {Options{Issuers: []string{"one", "two"}}, []string{note}},
		"keys without issuers": {Options{HaveKeys: true}, []string{`issuer-without-key: "one"`, note}},
		"duplicate issuer":     {Options{HaveKeys: true, Issuers: []string{"one", "one"}}, []string{note}},
		"others":               {Options{HaveKeys: true, Issuers: []string{"two", "three"}}, []string{"token-without-issuer: t.S ", `issuer-without-key: "one"`, note}},
		"every method":         {Options{RequireAll: true}, []string{note, "unannotated-method: t.T/Open"}},
	}
	p := protokit.Read(t, sources(t, map[string]string{"t.proto": text}))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { wants(t, Check(p, test.o), test.want...) })
	}
	const pinned = `service S { option (kalix.service).jwt = {validate: BEARER_TOKEN static_claim: {claim: "iss" value: "one"}}; rpc Do(A) returns (A); }
	message A { option (kalix.message).jwt.validate_bearer_token = true; string token = 1 [(kalix.field).jwt.token = true]; }
	message B { string token = 1 [(kalix.field).jwt = {token: true static_claim: {claim: "iss" value: "one"}}]; }`
	if found := of(check(t, pinned, Options{HaveKeys: true, Issuers: []string{"one", "two"}}), "token-without-issuer"); len(found) > 0 {
		t.Errorf("pinned by other means:\n%s", textOf(t, found))
	}
	if found := Errors(p); len(found) > 0 {
		t.Errorf("errors without options:\n%s", textOf(t, found))
	}
}

// TestIgnore: a comment with a reason silences one rule for the element below it and
// everything in it, but never an error.
func TestIgnore(t *testing.T) {
	const guarded = ` rpc G(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } } message A {}`
	tests := map[string]struct {
		text string
		want []string
	}{
		"method":                               {"service S {\n// jwtctl:ignore unguarded-method why\nrpc Do(A) returns (A);" + guarded, nil},
		"service":                              {"// Text.\n//\n// jwtctl:ignore unguarded-method why\n\n// More.\nservice S { rpc Do(A) returns (A);" + guarded, nil},
		"block":                                {"service S {\n/*\n * Text.\n * jwtctl:ignore unguarded-method why\n */\nrpc Do(A) returns (A);" + guarded, nil},
		"other rule":                           {"service S {\n// jwtctl:ignore unreached-annotation why\nrpc Do(A) returns (A);" + guarded, []string{"unguarded-method"}},
		"within a sentence":                    {"service S {\n// Here jwtctl:ignore unguarded-method would do.\nrpc Do(A) returns (A);" + guarded, []string{"unguarded-method"}},
		"next element":                         {"service S {\n// jwtctl:ignore unguarded-method why\nrpc Do(A) returns (A);\nrpc Too(A) returns (A);" + guarded, []string{"unguarded-method: t.S/Too"}},
		"no reason":                            {"service S {\n// jwtctl:ignore unguarded-method\nrpc Do(A) returns (A);" + guarded, []string{"ignore-invalid: no reason", "unguarded-method"}},
		"wrong sign":                           {"service S {\n// jwtctl:ignore: unguarded-method why\nrpc Do(A) returns (A);" + guarded, []string{`ignore-invalid: ":"`, "unguarded-method"}},
		"inside a method":                      {"service S { rpc Do(A) returns (A) {\n// jwtctl:ignore bearer-options-unused why\noption (kalix.method).jwt = {bearer_token_issuer: \"x\"}; } } message A {}", nil},
		"message, for a field of a nested one": {"// jwtctl:ignore environment-variable why\nmessage A { message B {\nstring token = 1 [(kalix.field).jwt = {token: true issuer: \"${X}\"}]; } }", nil},
		"field":                                {"message A {\n// jwtctl:ignore environment-variable why\nstring token = 1 [(kalix.field).jwt = {token: true issuer: \"${X}\"}]; }", nil},
		"an error":                             {"message A {\n// jwtctl:ignore nest-not-message why\nstring x = 1 [(kalix.field).jwt.claim = NEST]; }", []string{"nest-not-message"}},
		"on an import":                         {"// jwtctl:ignore nest-not-message why\nimport \"google/protobuf/empty.proto\";", []string{"ignore-invalid: not above anything that it could silence"}},
		"on a oneof":                           {"message A {\n// jwtctl:ignore nest-not-message why\noneof o { string x = 1; } }", []string{"ignore-invalid: not above anything that it could silence"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { wants(t, check(t, test.text, Options{}), test.want...) })
	}
}

// TestImported: warnings in imported files are not reported, since users cannot fix them,
// but errors there are.
func TestImported(t *testing.T) {
	src := sources(t, map[string]string{
		"a.proto": `import "b.proto"; service S { rpc Do(B) returns (B) { option (kalix.method).jwt.validate = MESSAGE; } }`,
		"b.proto": `// jwtctl:ignore no-such-rule why
			message B { string token = 1 [(kalix.field).jwt = {token: true issuer: "${X}" expires_seconds: -2}]; string x = 2 [(kalix.field).jwt.name = "y"]; }
			message Unused { string token = 1 [(kalix.field).jwt.token = true]; }`,
	})
	wants(t, Check(protokit.Read(t, src), Options{}), "ignore-invalid", "token-without-claims", "environment-variable", "expires-seconds-invalid", "option-without-effect", "unreached-annotation")
	src.Protos = []string{src.ImportPaths[0] + "/a.proto"}
	found := Check(protokit.Read(t, src), Options{})
	wants(t, found, "expires-seconds-invalid")
	if !strings.HasSuffix(found[0].Pos.File, "b.proto") || found[0].Severity != finding.Error {
		t.Errorf("got %+v", found[0])
	}
}
