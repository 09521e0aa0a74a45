package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// fires returns the subjects of a rule's findings.
func fires(w *policytest.World, rule string) map[string]bool {
	subjects := map[string]bool{}
	for _, f := range lint.Check(w.Policy, lint.Options{}) {
		if f.Rule == rule {
			subjects[f.Subject] = true
		}
	}
	return subjects
}

// signedAndVerified signs a message and returns the error of verifying it.
func signedAndVerified(t *testing.T, w *policytest.World, of, json string) error {
	t.Helper()
	m, err := w.Sign(of, json, nil)
	switch {
	case fault.CodeOf(err) == fault.ClaimConflict: // verification would return it too
		return err
	case err != nil:
		t.Fatalf("%s: sign: %v", of, err)
	}
	_, err = w.Verify(of, w.JSON(m), nil)
	return err
}

// TestA41_A65_TokenInOneof: the statement of token-in-oneof is true: with another member
// set, sign refuses and verify finds no token; a claim cannot fill another member either.
func TestA41_A65_TokenInOneof(t *testing.T) {
	const member = `string other = 2 [(kalix.field).jwt = {claim: EXTRACT}];`
	w := policytest.New(t, `
		message In { oneof o { string tok = 1 [(kalix.field).jwt = {token: true}]; `+member+` } }
		message Out { string tok = 1 [(kalix.field).jwt = {token: true}]; oneof o { `+member+` } }
		message Alone { oneof o { string tok = 1 [(kalix.field).jwt = {token: true}]; } `+member+` }`, policytest.Setup{})
	found := fires(w, "token-in-oneof")
	for name, want := range map[string]struct{ sign, verify, fill fault.Code }{
		"In":    {fault.ClaimConflict, fault.TokenMissing, fault.ClaimMismatch},
		"Out":   {"", "", ""},
		"Alone": {"", "", ""},
	} {
		if found["t."+name+".tok"] != (want.sign != "") {
			t.Errorf("%s: got findings %v", name, found)
		}
		if _, err := w.Sign(name, `{"other":"a"}`, nil); fault.CodeOf(err) != want.sign {
			t.Errorf("%s: sign: %v, want %q", name, err, want.sign)
		}
		in := `{"other":"a","tok":$({"other":"a"})}`
		if want.verify != "" { // a oneof cannot hold both
			in = `{"other":"a"}`
		}
		if _, err := w.Verify(name, in, nil); fault.CodeOf(err) != want.verify {
			t.Errorf("%s: verify: %v, want %q", name, err, want.verify)
		}
		if _, err := w.Verify(name, `{"tok":$({"other":"a"})}`, nil); fault.CodeOf(err) != want.fill {
			t.Errorf("%s: fill: %v, want %q", name, err, want.fill)
		}
	}
}

// values are one or more of each type, as ProtoJSON.
var values = map[string][]string{
	"bool": {"true"}, "string": {`"x"`, `"5"`, `"true"`, `"E1"`}, "bytes": {`"eA=="`},
	"int32": {"1"}, "fixed32": {"4000000000"}, "int64": {`"5"`, `"9007199254740993"`}, "uint64": {`"18446744073709551615"`},
	"float": {"1.5", `"NaN"`}, "double": {"1", `"-Infinity"`}, "E": {`"E1"`, "7"}, "X": {`{"v":"a"}`},
	"google.protobuf.NullValue": nil, "google.protobuf.Value": {`"x"`, "1", "true", "[]", "{}", "null"},
	"google.protobuf.ListValue": {`["a"]`}, "google.protobuf.Struct": {`{"a":1}`, "{}"}, "google.protobuf.Empty": {"{}"},
	"google.protobuf.BoolValue": {"true"}, "google.protobuf.Int32Value": {"1"}, "google.protobuf.UInt32Value": {"1"},
	"google.protobuf.Int64Value": {`"1"`}, "google.protobuf.UInt64Value": {`"1"`}, "google.protobuf.FloatValue": {"1", `"NaN"`}, "google.protobuf.DoubleValue": {"1", `"NaN"`},
	"google.protobuf.StringValue": {`"x"`}, "google.protobuf.BytesValue": {`"eA=="`}, "google.protobuf.Timestamp": {`"2026-01-01T00:00:00Z"`},
	"google.protobuf.Duration": {`"1s"`}, "google.protobuf.FieldMask": {`"a"`}, "google.protobuf.Any": {`{"@type":"type.googleapis.com/t.X","v":"a"}`},
	"repeated string": {`["x"]`}, "repeated int32": {"[1]"}, "map<string, string>": {`{"a":"x"}`}, "map<string, bool>": {`{"a":true}`},
}

const types = "enum E { E0 = 0; E1 = 1; } message X { string v = 1; }\n"

// TestA44_A61_ExtractWrongType: the rule fires for a type exactly if a message with an
// empty field cannot be signed.
func TestA44_A61_ExtractWrongType(t *testing.T) {
	options := map[string]string{
		"text":  `static_claim: {claim: "x" value: "high"}`,
		"digit": `static_claim: {claim: "x" value: "5"}`,
		"name":  `static_claim: {claim: "x" value: "E1"}`,
		"time":  `static_claim: {claim: "x" value: "2026-01-01T00:00:00Z"}`,
		"array": `static_claim: {claim: "x" value: "a" value: "b"}`,
		"two":   `static_claim: {claim: "x" value: "5"} static_claim: {claim: "x" value: "b"}`,
		"same":  `static_claim: {claim: "x" value: "5"} static_claim: {claim: "x" value: "5"}`,
	}
	var text strings.Builder
	text.WriteString(types)
	names := map[string]string{}
	for option, tok := range options {
		i := 0
		for kind := range values {
			name := fmt.Sprintf("%s%d", option, i)
			i++
			names[name] = option + " into " + kind
			fmt.Fprintf(&text, `service S%[1]s { rpc Do(X) returns (%[1]s) { option (kalix.method).jwt.sign = MESSAGE; } }
				message %[1]s { string tok = 1 [(kalix.field).jwt = {token: true %[2]s}]; %[3]s x = 2 [(kalix.field).jwt.claim = EXTRACT]; }`+"\n", name, tok, kind)
		}
	}
	w := policytest.New(t, text.String(), policytest.Setup{})
	found := fires(w, "extract-wrong-type")
	both := [2]int{}
	for name, what := range names {
		err := signedAndVerified(t, w, name, `{}`)
		refused := fault.Has(err, fault.ClaimMismatch)
		if err != nil && !refused {
			t.Errorf("%s: %v", what, err)
		}
		if found["t."+name+".x"] != refused {
			t.Errorf("%s: got lint warning %v, but verification returns %v", what, !refused, err)
		}
		if refused {
			both[0]++
		} else {
			both[1]++
		}
	}
	if both[0] < 50 || both[1] < 20 {
		t.Errorf("%v refused and accepted", both)
	}
}

// TestA44_A70_ExtractWrongTypeOfStatic: for messages that are only validated, the rule
// fires for a type exactly if no token is accepted.
func TestA44_A70_ExtractWrongTypeOfStatic(t *testing.T) {
	options := map[string]struct {
		option string
		tokens []string // all that match the static claims, as far as types matter
	}{
		"text":  {`static_claim: {claim: "x" value: "high"}`, []string{`"high"`, `["high"]`, `["high","low"]`, `["high",1]`, `["high",true]`}},
		"digit": {`static_claim: {claim: "x" value: "5"}`, []string{`"5"`, `["5"]`, `["5",5]`}},
		"name":  {`static_claim: {claim: "x" value: "E1"}`, []string{`"E1"`, `["E1"]`}},
		"time":  {`static_claim: {claim: "x" value: "2026-01-01T00:00:00Z"}`, []string{`"2026-01-01T00:00:00Z"`, `["2026-01-01T00:00:00Z"]`}},
		"two":   {`static_claim: {claim: "x" value: "5" value: "a"}`, []string{`["5","a"]`, `["a","5",{}]`}},
		"apart": {`static_claim: {claim: "x" value: "5"} static_claim: {claim: "x" value: "6"}`, []string{`["5","6"]`}},
		"same":  {`static_claim: {claim: "x" value: "5"} static_claim: {claim: "x" value: "5"}`, []string{`"5"`, `["5"]`}},
	}
	var text strings.Builder
	text.WriteString(types)
	type row struct{ option, kind string }
	rows := map[string]row{}
	for option, o := range options {
		for kind := range values {
			name := fmt.Sprintf("%s%d", option, len(rows))
			rows[name] = row{option, kind}
			fmt.Fprintf(&text, `service S%[1]s { rpc Do(%[1]s) returns (X) { option (kalix.method).jwt.validate = MESSAGE; } }
				message %[1]s { string tok = 1 [(kalix.field).jwt = {token: true %[2]s}]; %[3]s x = 2 [(kalix.field).jwt.claim = EXTRACT]; }`+"\n", name, o.option, kind)
		}
	}
	w := policytest.New(t, text.String(), policytest.Setup{})
	found := fires(w, "extract-wrong-type")
	fired := 0
	for name, r := range rows {
		passes := false
		for _, x := range options[r.option].tokens {
			_, err := w.Verify(name, `{"tok":$({"x":`+x+`})}`, nil)
			if err != nil && !fault.Has(err, fault.ClaimMismatch) {
				t.Errorf("%s into %s: %v", x, r.kind, err)
			}
			passes = passes || err == nil
		}
		if found["t."+name+".x"] == passes {
			t.Errorf("%s into %s: got lint warning %v, but a token passes: %v", r.option, r.kind, !passes, passes)
		}
		if !passes {
			fired++
		}
	}
	if fired < 100 || fired > len(rows)-20 {
		t.Errorf("%d of %d are refused", fired, len(rows))
	}
}

// TestA52_ExtractWrongTypeOfParents: if the rule fires for two types, no value of the one
// that is set can be filled into the other.
func TestA52_ExtractWrongTypeOfParents(t *testing.T) {
	var text strings.Builder
	text.WriteString(types)
	type pair struct{ outer, inner string }
	pairs := map[string]pair{}
	inners := []string{"bool", "string", "int32", "double", "E", "X", "google.protobuf.Value", "google.protobuf.ListValue", "google.protobuf.Int64Value", "google.protobuf.Duration", "repeated int32", "map<string, string>"}
	for outer := range values {
		for _, inner := range inners {
			name := fmt.Sprintf("M%d", len(pairs))
			pairs[name] = pair{outer, inner}
			fmt.Fprintf(&text, `service S%[1]s { rpc Do(X) returns (%[1]s) { option (kalix.method).jwt.sign = MESSAGE; } }
				message %[1]s { string tok = 1 [(kalix.field).jwt.token = true]; %[2]s x = 2 [(kalix.field).jwt.claim = INCLUDE]; C%[1]s c = 3 [(kalix.field).jwt.token = true]; }
				message C%[1]s { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; %[3]s x = 2 [(kalix.field).jwt.claim = EXTRACT]; }`+"\n", name, outer, inner)
		}
	}
	w := policytest.New(t, text.String(), policytest.Setup{})
	found := fires(w, "extract-wrong-type")
	for name, p := range pairs {
		for _, v := range values[p.outer] {
			err := signedAndVerified(t, w, name, `{"x":`+v+`,"c":{}}`)
			switch {
			case found["t.C"+name+".x"] && !fault.Has(err, fault.ClaimMismatch):
				t.Errorf("%s of %s into %s: lint warns, but verification returns %v", v, p.outer, p.inner, err)
			case p.outer == p.inner && err != nil:
				t.Errorf("%s of %s: %v", v, p.outer, err)
			}
		}
	}
	if len(found) < len(pairs)/2 {
		t.Errorf("only %d of %d pairs", len(found), len(pairs))
	}
}
