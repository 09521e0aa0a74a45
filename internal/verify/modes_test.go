package verify_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// levels is the service of the user's documentation, "Configuring JWT at gRPC service
// level", with methods of each kind added.
const levels = `
message M { string tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
service S {
  option (kalix.service).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "my-issuer" static_claim: {claim: "role" value: "admin"}};
  rpc Inherits(M) returns (M);
  rpc Replaces(M) returns (M) { option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "my-other-issuer"}; }
  rpc Signs(M) returns (M) { option (kalix.method).jwt = {sign: MESSAGE}; }
  rpc Empty(M) returns (M) { option (kalix.method).jwt = {}; }
  rpc Message(M) returns (M) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc All(M) returns (M) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE sign: MESSAGE static_claim: {claim: "role" value: "user"}}; }
}
service T {
  rpc Nothing(M) returns (M);
  rpc Claims(M) returns (M) { option (kalix.method).jwt = {validate: MESSAGE static_claim: {claim: "role" value: "admin"}}; }
}`

func TestA10_A13_MethodReplacesService(t *testing.T) {
	w := policytest.New(t, levels, policytest.Setup{})
	token := func(claims string) string { return "Bearer " + w.Token(claims) }
	const mine, others = `{"iss":"my-issuer","role":"admin"}`, `{"iss":"my-other-issuer"}`
	for name, c := range map[string]struct {
		method, claims string
		code           fault.Code
	}{
		"A10 inherits":                            {method: "Inherits", claims: mine},
		"A10 inherits the issuer":                 {method: "Inherits", claims: `{"iss":"my-other-issuer","role":"admin"}`, code: fault.IssuerNotAllowed},
		"A13 static claim of the service":         {method: "Inherits", claims: `{"iss":"my-issuer"}`, code: fault.StaticClaimMismatch},
		"A10 replaces":                            {method: "Replaces", claims: others},
		"A10 issuer of the service is dropped":    {method: "Replaces", claims: mine, code: fault.IssuerNotAllowed},
		"A13 static claim of the method":          {method: "All", claims: `{"role":"user"}`},
		"A13 static claim of the method, missing": {method: "All", claims: mine, code: fault.StaticClaimMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bearer(t, w, c.method, token(c.claims))
			if c.code != "" {
				refused(t, err, c.code, verify.BearerPath)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestA11_A12_WhatEachModeProtects: a method whose own annotation requires nothing is open (A11), and
// what each mode protects (A12).
func TestA11_A12_WhatEachModeProtects(t *testing.T) {
	w := policytest.New(t, levels, policytest.Setup{})
	for method, want := range map[string]struct{ bearer, request, response bool }{
		"t.S/Inherits": {bearer: true},
		"t.S/Replaces": {bearer: true},
		"t.S/Signs":    {response: true},
		"t.S/Empty":    {},
		"t.S/Message":  {request: true},
		"t.S/All":      {bearer: true, request: true, response: true},
		"t.T/Nothing":  {},
		"t.T/Claims":   {request: true},
	} {
		m, err := w.Plan.Method(method)
		if err != nil {
			t.Fatal(err)
		}
		if (m.Bearer != nil) != want.bearer || (m.Request != nil) != want.request || (m.Response != nil) != want.response {
			t.Errorf("%s: got bearer %v, request %v, response %v, want %v", method, m.Bearer != nil, m.Request != nil, m.Response != nil, want)
		}
	}
	two, err := policytest.Compile(policytest.Load(t, `message I { string tok = 1 [(kalix.field).jwt = {token: true}]; } message O { string tok = 1 [(kalix.field).jwt = {token: true}]; }
		service S { rpc A(I) returns (O) { option (kalix.method).jwt = {validate: MESSAGE sign: MESSAGE}; } }`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := two.Method("t.S/A"); err != nil || m.Request.Desc.Name() != "I" || m.Response.Desc.Name() != "O" {
		t.Errorf("A12: request and response: %v", err)
	}
	_, err = policytest.Compile(policytest.Load(t, `message M { string tok = 1 [(kalix.field).jwt = {token: true}]; } service S { rpc A(M) returns (M) { option (kalix.method).jwt = {sign: BEARER_TOKEN}; } }`), nil)
	if !fault.Has(err, fault.PolicyInvalid) {
		t.Errorf("A12 sign: BEARER_TOKEN: %v", err)
	}
}

// TestS60_OnlyExactMethodNames: a method is found only by its exact name. S60.
func TestS60_OnlyExactMethodNames(t *testing.T) {
	w := policytest.New(t, levels, policytest.Setup{})
	if _, err := w.Plan.Method("t.S/Inherits"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"/t.S/Inherits", "t.S.Inherits", "t.S/inherits", "S/Inherits", "t.S/Inherits/", "t.S//Inherits", "", "t.S/Inherit"} {
		if m, err := w.Plan.Method(name); m != nil || !fault.Has(err, fault.UsageError) {
			t.Errorf("%q: got %v %v", name, m, err)
		}
	}
	if m, err := w.Plan.Message("M"); m != nil || !fault.Has(err, fault.UsageError) {
		t.Errorf("message M: %v %v", m, err)
	}
}
