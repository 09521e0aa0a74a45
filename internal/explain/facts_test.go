package explain

import (
	"reflect"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// squeeze replaces all runs of space by one space, so that tests compare words.
func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestExamplesOfTheVendorsDocument: what must be reported of each example of the vendor's
// documentation, and from which annotation.
func TestExamplesOfTheVendorsDocument(t *testing.T) {
	rows := map[string]struct {
		file, name string
		want       []string
		not        []string
	}{
		"bearer token of any issuer": {"bearer.proto", "examples.bearer.Library/ListBooks",
			[]string{"policy its own, (kalix.method).jwt bearer.proto:12:5", "bearer token required bearer.proto:13:7", "keys those of the token's issuer, else those without an issuer"}, []string{"OPEN", "issuer my"}},
		"bearer token of one of two issuers": {"bearer.proto", "examples.bearer.Library/ReturnBook",
			[]string{"issuer my-issuer bearer.proto:27:7 or my-other-issuer bearer.proto:28:7"}, nil},
		"A10 the service's policy": {"service.proto", "examples.service.JwtSpecService/Message",
			[]string{"policy the service's, (kalix.service).jwt service.proto:11:3", "bearer token required service.proto:12:5", "issuer my-issuer service.proto:13:5"}, []string{"my-other-issuer"}},
		"A10 replaced as a whole": {"service.proto", "examples.service.JwtSpecService/MessageWithIssuer",
			[]string{"policy its own, (kalix.method).jwt service.proto:21:5 replaces the service's service.proto:11:3", "issuer my-other-issuer service.proto:23:7"}, []string{"my-issuer", "note"}},
		"A11 replaced by an empty policy": {"mixed.proto", "examples.mixed.Shop/Ping",
			[]string{"OPEN: anyone may call", "note the service requires a bearer token"}, []string{"token required"}},
		"A12 all three": {"message.proto", "examples.message.Orders/Renew",
			[]string{"bearer token required message.proto:25:7", "request examples.message.Order is validated message.proto:26:7", "response examples.message.Order is signed message.proto:27:7"}, []string{"OPEN"}},
		"A40 the bearer token as the message's": {"message.proto", "examples.message.CancelRequest",
			[]string{"token the bearer token message.proto:55:5", "item message.proto:58:5", "used by examples.message.Orders/Cancel (validated) message.proto:34:7"}, []string{"expires"}},
		"A50 issuer of a message's token": {"token.proto", "examples.token.IssuedTicket",
			[]string{"token token, string token.proto:65:5", "issuer my-issuer token.proto:66:5", "signer my-issuer: the first of this issuer that can sign, else the first without an issuer"}, nil},
		"A62 five minutes": {"token.proto", "examples.token.ShortTicket", []string{"expires 300 s after signing token.proto:49:5"}, nil},
		"A62 never":        {"token.proto", "examples.token.EndlessTicket", []string{"expires never, unless a field gives exp token.proto:58:5"}, nil},
		"A62 an hour":      {"token.proto", "examples.token.PersonalTicket", []string{"expires 3600 s after signing, unless a field gives exp"}, nil},
		"A51 bearer claim": {"token.proto", "examples.token.PersonalTicket", []string{"claim sub is the bearer token's token.proto:84:5"}, nil},
		"A70, A72 values": {"static_claim.proto", "examples.staticclaim.Draft",
			[]string{`claim role = "admin" and "editor" static_claim.proto:57:5`, "environment: ENV_CLAIM_VALUE"}, nil},
		"A71 pattern": {"static_claim.proto", "examples.staticclaim.Patterns/Read",
			[]string{"claim role fully matches ^(admin|editor)$ static_claim.proto:36:5", `claim name fully matches ^\S+$ static_claim.proto:44:5`}, nil},
		"A42 INCLUDE, A48 name": {"claim.proto", "examples.claim.Everything",
			[]string{"my_claim_field claim.proto:23:5 INCLUDE string: must equal the field if the field is not empty my-claim ← my_named_field claim.proto:26:5"}, nil},
		"A44 EXTRACT": {"claim.proto", "examples.claim.Everything",
			[]string{"my_extracted_field claim.proto:43:5 EXTRACT string: must equal the field if the field is not empty, else fills it"}, nil},
		"A45 DESCEND": {"claim.proto", "examples.claim.Everything",
			[]string{"colour ← my_flat_message.colour claim.proto:54:43", "through my_flat_message of examples.claim.Everything claim.proto:31:5 (DESCEND)"}, []string{"MESSAGE examples.claim.Flat"}},
		"A46 NEST": {"claim.proto", "examples.claim.Everything",
			[]string{"my_child_message claim.proto:35:5 NEST examples.claim.Nested: must be an object with these claims if the field is set foo ← my_child_message.foo claim.proto:58:40",
				"my-children ← my_child_messages claim.proto:38:5 NEST repeated examples.claim.Nested: must be an array with as many objects"}, nil},
		"A47 RAW": {"claim.proto", "examples.claim.Everything",
			[]string{"* ← my_raw_numbers claim.proto:49:5 RAW map<string, int32>: every claim that fits int32 goes into the map"}, nil},
		"A49 nested tokens": {"nested.proto", "examples.nested.Parcel",
			[]string{"token none of its own", "nested seal: examples.nested.Seal, by its own token, if nested.proto:36:5 set", "nested more_seals: each examples.nested.Seal", "MESSAGE examples.nested.Seal"}, nil},
		"A52 parent claims": {"nested.proto", "examples.nested.Label",
			[]string{"parents their claims are in this token too nested.proto:61:5 examples.nested.Container.labels: number nested.proto:54:5"}, nil},
	}
	t.Chdir(fixtures)
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			v := view(t, protokit.File(t, row.file), Options{}, row.name)
			text := squeeze(textOf(t, v, TextOptions{}))
			for _, want := range row.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			for _, not := range row.not {
				if strings.Contains(text, not) {
					t.Errorf("unwanted %q in\n%s", not, text)
				}
			}
		})
	}
}

// TestS46_ReportsUnprotectedMethods: methods and annotations that require nothing, or
// something unknown, are reported as such.
func TestS46_ReportsUnprotectedMethods(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		text, want string
		open       bool
	}{
		"nothing":                 {`service S { rpc M(R) returns (R); } message R {}`, "policy none OPEN", true},
		"empty annotation":        {`service S { rpc M(R) returns (R) { option (kalix.method).jwt = {}; } } message R {}`, "policy its own", true},
		"issuers without a token": {`service S { rpc M(R) returns (R) { option (kalix.method).jwt = {bearer_token_issuer: "i"}; } } message R {}`, "issuer without effect", true},
		"unknown mode":            {`service S { rpc M(R) returns (R) { option (kalix.method).jwt = {validate: 7}; } } message R {}`, "note validate: 7 is unknown; lint reports an error", false},
		"unknown service mode":    {`service S { option (kalix.service).jwt = {validate: 2}; rpc M(R) returns (R); } message R {}`, "validate: MESSAGE is unknown", false},
		"sign of a bearer token":  {`service S { rpc M(R) returns (R) { option (kalix.method).jwt = {sign: BEARER_TOKEN}; } } message R {}`, "sign: BEARER_TOKEN is not valid; lint reports an error", true},
		"no token to validate":    {`service S { rpc M(R) returns (R) { option (kalix.method).jwt = {validate: MESSAGE}; } } message R {}`, "x.R is validated, but there is no token in it", false},
		"no token to sign":        {`service S { rpc M(R) returns (R) { option (kalix.method).jwt = {sign: MESSAGE}; } } message R {}`, "x.R is signed, but no field of it holds a token", true},
		"unchecked bearer token":  {`service S { rpc M(R) returns (R) { option (kalix.method).jwt = {validate: MESSAGE}; } } message R { option (kalix.message).jwt.validate_bearer_token = true; }`, "against the bearer token, which is not validated itself", false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := view(t, source(t, row.text), Options{})
			if text := squeeze(textOf(t, v, TextOptions{Width: 300})); !strings.Contains(text, row.want) || v.Methods[0].Open != row.open || strings.Contains(text, "OPEN") != row.open {
				t.Errorf("open %t, want %t and %q in\n%s", v.Methods[0].Open, row.open, row.want, text)
			}
		})
	}
}

// TestMessageNotes: what lint refuses is noted rather than ignored.
func TestMessageNotes(t *testing.T) {
	t.Parallel()
	const tok = `string tok = 9 [(kalix.field).jwt = {token: true}]; `
	rows := map[string]struct{ field, want string }{
		"token on a number":        {`int32 a = 1 [(kalix.field).jwt = {token: true}];`, "a: a token on a field of type int32; lint reports an error"},
		"token on a map":           {`map<string, R> a = 1 [(kalix.field).jwt = {token: true}];`, "a: a token on a field of type map<string, x.R>"},
		"second token":             {`string a = 10 [(kalix.field).jwt = {token: true}];`, "note tok: a second token field"},
		"nested without a token":   {`E a = 1 [(kalix.field).jwt = {token: true}];`, "a: there is no token in x.E"},
		"neither claim nor token":  {`string a = 1 [(kalix.field).jwt = {name: "b"}];`, "a: the annotation makes it neither a claim nor a token"},
		"token options on a claim": {`string a = 1 [(kalix.field).jwt = {claim: INCLUDE expires_seconds: 3}];`, "a: the token options have no effect"},
		"unknown action":           {`string a = 1 [(kalix.field).jwt = {claim: 9}];`, "9 string: not valid the action 9 is unknown"},
		"DESCEND on text":          {`string a = 1 [(kalix.field).jwt = {claim: DESCEND}];`, "DESCEND needs a message that is not repeated"},
		"DESCEND on repeated":      {`repeated E a = 1 [(kalix.field).jwt = {claim: DESCEND}];`, "DESCEND needs a message that is not repeated"},
		"DESCEND without claims":   {`E a = 1 [(kalix.field).jwt = {claim: DESCEND}];`, "DESCEND x.E: makes no claims: x.E has none"},
		"NEST on a map":            {`map<string, E> a = 1 [(kalix.field).jwt = {claim: NEST}];`, "NEST needs a message"},
		"RAW on text":              {`string a = 1 [(kalix.field).jwt = {claim: RAW}];`, "RAW needs a map with string keys"},
		"RAW with number keys":     {`map<int32, string> a = 1 [(kalix.field).jwt = {claim: RAW}];`, "RAW needs a map with string keys"},
		"map with number keys":     {`map<int32, string> a = 1 [(kalix.field).jwt = {claim: INCLUDE}];`, "a map needs string keys"},
		"A43 bool":                 {`bool a = 1 [(kalix.field).jwt = {claim: INCLUDE}];`, "if the field is true"},
		"A43 optional bool":        {`optional bool a = 1 [(kalix.field).jwt = {claim: INCLUDE}];`, "if the field is set"},
		"A43 number":               {`int64 a = 1 [(kalix.field).jwt = {claim: INCLUDE}];`, "INCLUDE int64: must equal the field if the field is not 0"},
		"A43 enum":                 {`enum Z {NIL = 0;} Z a = 1 [(kalix.field).jwt = {claim: INCLUDE}];`, "INCLUDE x.R.Z: must equal the field if the field is not NIL"},
		"A43 repeated":             {`repeated int64 a = 1 [(kalix.field).jwt = {claim: EXTRACT}];`, "EXTRACT repeated int64: must equal the field if the field has elements, else fills it"},
		"A62 below -1":             {`string a = 1 [(kalix.field).jwt = {token: true expires_seconds: -2}];`, "expires -2 s is not valid; lint reports an error"},
		"A72 no reference":         {`string a = 1 [(kalix.field).jwt = {token: true issuer: "${}"}];`, `note "${}" is not a reference`},
		"A73 value and pattern":    {`string a = 1 [(kalix.field).jwt = {token: true static_claim: {claim: "c" value: "v" pattern: "p"}}];`, "either values or a pattern"},
		"A74 pattern not RE2":      {`string a = 1 [(kalix.field).jwt = {token: true static_claim: {claim: "c" pattern: "(?=x)"}}];`, "note the pattern: "},
		"A65 no source":            {`string a = 1 [(kalix.field).jwt = {token: true static_claim: {claim: "c" pattern: "p"}}];`, `nothing sets the claim "c" when signing`},
		"extension":                {``, "the annotation of the extension x.ext has no effect"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// tok follows the field: if that is a token too, tok is the second.
			text := row.field + tok
			p := source(t, `import "google/protobuf/descriptor.proto"; extend google.protobuf.FileOptions { string ext = 50000 [(kalix.field).jwt = {claim: INCLUDE}]; }
				service S { rpc M(R) returns (R) { option (kalix.method).jwt = {validate: MESSAGE}; } } message E { int32 n = 1; } message R { `+text+`}`)
			if got := squeeze(textOf(t, view(t, p, Options{}), TextOptions{Width: 300})); !strings.Contains(got, row.want) {
				t.Errorf("no %q in\n%s", row.want, got)
			}
		})
	}
}

// TestA65_PatternClaimsAreSupplied: there is no note if the claim of a pattern comes from
// another source.
func TestA65_PatternClaimsAreSupplied(t *testing.T) {
	t.Parallel()
	rows := map[string]string{
		"a field":              `message R { string tok = 1 [(kalix.field).jwt = {token: true PATTERN}]; string c = 2 [(kalix.field).jwt = {claim: EXTRACT}]; }`,
		"a field of a child":   `message R { string tok = 1 [(kalix.field).jwt = {token: true PATTERN}]; D d = 2 [(kalix.field).jwt = {claim: DESCEND}]; } message D { int32 c = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }`,
		"RAW":                  `message R { string tok = 1 [(kalix.field).jwt = {token: true PATTERN}]; map<string, string> r = 2 [(kalix.field).jwt = {claim: RAW}]; }`,
		"the bearer token":     `message R { string tok = 1 [(kalix.field).jwt = {token: true PATTERN include_bearer_token_claim: "c"}]; }`,
		"another static claim": `message R { string tok = 1 [(kalix.field).jwt = {token: true PATTERN static_claim: {claim: "c" value: "p"}}]; }`,
		"grandparent":          `message R { string c = 1 [(kalix.field).jwt = {claim: INCLUDE}]; D d = 2 [(kalix.field).jwt = {token: true}]; } message D { string t = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; E e = 2 [(kalix.field).jwt = {token: true}]; } message E { string t = 1 [(kalix.field).jwt = {token: true include_parent_claims: true PATTERN}]; }`,
		"the issuer, for iss":  `message R { string tok = 1 [(kalix.field).jwt = {token: true issuer: "p" static_claim: {claim: "iss" pattern: "p"}}]; }`,
	}
	for name, text := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := source(t, strings.ReplaceAll(text, "PATTERN", `static_claim: {claim: "c" pattern: "p"}`))
			if got := textOf(t, view(t, p, Options{}), TextOptions{}); strings.Contains(got, "nothing supplies") {
				t.Error(got)
			}
		})
	}
}

// TestA52_EachParentIsNamedOnce: each parent is listed once, with each of its claims once,
// even with cycles.
func TestA52_EachParentIsNamedOnce(t *testing.T) {
	t.Parallel()
	p := source(t, `message P {
		string t = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}];
		P flat = 2 [(kalix.field).jwt = {claim: DESCEND}];
		C both = 3 [(kalix.field).jwt = {token: true claim: NEST}];
		string x = 4 [(kalix.field).jwt = {claim: INCLUDE}];
		map<string, string> r = 5 [(kalix.field).jwt = {claim: RAW}];
	}
	message C { string t = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; P up = 2 [(kalix.field).jwt = {token: true}]; }`)
	got := view(t, p, Options{}, "x.C").Messages[1].Token.ParentClaims.Parents
	want := []Parent{{"x.P", "both", []string{"both", "x"}, ""}, {"x.C", "up", nil, ""}}
	for i := range got {
		got[i].From = ""
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
