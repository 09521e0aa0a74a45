package bearer_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/bearer"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestClaimsPass: a method accepts a token with the claims made for it, for every form of
// static claim. A32, A70, A71, A75.
func TestClaimsPass(t *testing.T) {
	for name, rule := range map[string]string{
		"nothing":                        ``,
		"issuer":                         `bearer_token_issuer: ["a", "b"]`,
		"single value":                   `static_claim: {claim: "role", value: "r"}`,
		"values":                         `static_claim: {claim: "role", value: ["r", "s"]}`,
		"values in two entries":          `static_claim: {claim: "role", value: "r"}, static_claim: {claim: "role", value: "s"}`,
		"pattern":                        `static_claim: {claim: "sub", pattern: "my-subject-\\d+"}`,
		"pattern with alternatives":      `static_claim: {claim: "sub", pattern: "(admin|user)(-[a-f0-9]{4})?"}`,
		"pattern and value":              `static_claim: {claim: "role", value: "r"}, static_claim: {claim: "role", pattern: "x+"}`,
		"pattern that matches the value": `static_claim: {claim: "role", value: "r1"}, static_claim: {claim: "role", pattern: "r.*"}`,
	} {
		w := policytest.New(t, `message M { string x = 1; } service S { rpc A(M) returns (M) { option (kalix.method).jwt = {validate: BEARER_TOKEN, `+rule+`}; } }`, policytest.Setup{})
		m, err := w.Plan.Method("t.S/A")
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := bearer.Claims(m.Bearer, func(string) bool { return false })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var parts []string
		for _, c := range list {
			parts = append(parts, `"`+c.Name+`":`+string(c.Value))
		}
		if _, err := w.Verifier.BearerToken(t.Context(), m.Bearer, w.Token("{"+strings.Join(parts, ",")+"}")); err != nil {
			t.Errorf("%s: {%s}: %v", name, strings.Join(parts, ","), err)
		}
	}
}

// TestUnknownExample: the error names the claim for which a value must be given.
func TestUnknownExample(t *testing.T) {
	w := policytest.New(t, `message M { string x = 1; } service S { rpc A(M) returns (M) { option (kalix.method).jwt = {validate: BEARER_TOKEN, static_claim: {claim: "s", pattern: "a\\bb"}}; } }`, policytest.Setup{})
	m, err := w.Plan.Method("t.S/A")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := bearer.Claims(m.Bearer, func(string) bool { return false }); fault.CodeOf(err) != fault.UsageError || !strings.Contains(err.Error(), `"s"`) {
		t.Error(err)
	}
	if list, _, err := bearer.Claims(m.Bearer, func(name string) bool { return name == "s" }); err != nil || len(list) != 0 {
		t.Errorf("got %v %v", list, err)
	}
	if text, ok := bearer.Example(regexp.MustCompile(`^(?:[^x]+)$`)); !ok || text == "" {
		t.Error(text)
	}
}
