package plan_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

const family = `
message M {
  string tok = 1 [(kalix.field).jwt = {token: true issuer: "me" issuer: "you" expires_seconds: 60 include_bearer_token_claim: "sub" static_claim: {claim: "role" value: "a"} static_claim: {claim: "kind" pattern: "b"}}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE name: "who"}];
  D d = 3 [(kalix.field).jwt = {claim: DESCEND}];
  D n = 4 [(kalix.field).jwt = {claim: NEST}];
  repeated D ns = 5 [(kalix.field).jwt = {claim: NEST}];
  map<string,string> raw = 6 [(kalix.field).jwt = {claim: RAW}];
  repeated M ms = 7 [(kalix.field).jwt = {token: true}];
  string plain = 8;
}
message D { string x = 1 [(kalix.field).jwt = {claim: INCLUDE}]; map<string,string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; E e = 3 [(kalix.field).jwt = {claim: NEST}]; }
message E { string y = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
service S { rpc Get(M) returns (M) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE}; } }
`

// TestA52_OwnNames checks the claims that the fields of a message set. A42, A43, A52.
func TestA52_OwnNames(t *testing.T) {
	w := policytest.New(t, family, policytest.Setup{})
	for in, want := range map[string]string{
		`{}`:                              "",
		`{"user":"u","plain":"p"}`:        "who",
		`{"d":{"x":"1"},"raw":{"k":"v"}}`: "x",
		`{"d":{}}`:                        "",
		`{"n":{}}`:                        "",
		`{"n":{"x":""}}`:                  "",
		`{"n":{"raw":{"k":"v"}}}`:         "",
		`{"n":{"e":{}}}`:                  "",
		`{"n":{"e":{"y":"1"}}}`:           "n",
		`{"n":{"x":"1"}}`:                 "n",
		`{"ns":[{}]}`:                     "ns",
		`{"d":{"e":{"y":"1"}},"ms":[{"user":"u"}]}`: "e",
	} {
		p, m := w.Message("M", in)
		names := map[string]bool{}
		p.AddOwnClaims(m, names)
		if got := strings.Join(slices.Sorted(maps.Keys(names)), " "); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	p, _ := w.Message("M", `{}`)
	names := map[string]bool{}
	p.Token.AddClaims(names)
	if got := strings.Join(slices.Sorted(maps.Keys(names)), " "); got != "exp iss role sub" {
		t.Errorf("A61: got %q, want %q", got, "exp iss role sub")
	}
}

func TestPath(t *testing.T) {
	w := policytest.New(t, family, policytest.Setup{})
	p, _ := w.Message("M", `{}`)
	field := func(name protoreflect.Name) protoreflect.FieldDescriptor { return p.Desc.Fields().ByName(name) }
	var root plan.Path
	list := root.To(field("ms"), 12)
	one, other := list.Clone().To(field("n"), plan.NoIndex), list.Clone().To(field("user"), plan.NoIndex)
	for want, path := range map[string]plan.Path{"": root, "ms[12]": list, "ms[12].n": one, "ms[12].user": other} {
		if got := path.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestUnknownNamesGetSuggestions: a misspelled name gets a suggestion.
func TestUnknownNamesGetSuggestions(t *testing.T) {
	w := policytest.New(t, family, policytest.Setup{})
	for _, name := range []string{"/t.S/Get", "t.S.Get", "S/Get", "t.s/get"} {
		_, err := w.Plan.Method(name)
		if err == nil || !strings.Contains(hint(err), "t.S/Get") {
			t.Errorf("%s: %v (%s), want %q in it", name, err, hint(err), "t.S/Get")
		}
	}
	if _, err := w.Plan.Message("m"); hint(err) != "did you mean t.M?" {
		t.Errorf("%v (%s), want %s", err, hint(err), "did you mean t.M?")
	}
	if _, err := w.Plan.Message("nothing.like.it"); err == nil || hint(err) != "" {
		t.Errorf("%v (%s), want none", err, hint(err))
	}
	if w.Plan.Set() != w.Set {
		t.Error("other set")
	}
}

func hint(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Hint
	}
	return ""
}
