package verify_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// document holds the annotations of the user's documentation verbatim, tested from
// outside: A10, A32, A33, A70, A71, A72.
const document = `
message MyRequest { string msg = 1; }
message Tokens {
  string my_token_field = 1 [(kalix.field).jwt = {
    token: true
    static_claim: {
      claim: "role"
      value: ["admin", "editor"]
    }
    static_claim: {
      claim: "aud"
      value: "${ENV_CLAIM_VALUE}.kalix.io"
    }
  }];
}
service S {
  option (kalix.service).jwt = {
    validate: BEARER_TOKEN
    bearer_token_issuer: "my-issuer"
  };
  rpc Message(MyRequest) returns (MyRequest);
  rpc MessageWithIssuer(MyRequest) returns (MyRequest) {
    option (kalix.method).jwt = {
      validate: BEARER_TOKEN
      bearer_token_issuer: "my-other-issuer"
    };
  }
  rpc Aud(MyRequest) returns (MyRequest) {
    option (kalix.method).jwt = {
      validate: BEARER_TOKEN
      static_claim: {
        claim: "aud"
        value: "${ENV_CLAIM_VALUE}.kalix.io"
      }
    };
  }
  rpc Patterns(MyRequest) returns (MyRequest) {
    option (kalix.method).jwt = {
      validate: BEARER_TOKEN
      static_claim: {
        claim: "role"
        pattern: "^(admin|editor)$"
      }
      static_claim: {
        claim: "sub"
        pattern: "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
      }
      static_claim: {
        claim: "name"
        pattern: "^\\S+$"
      }
    };
  }
  rpc Subject(MyRequest) returns (MyRequest) {
    option (kalix.method).jwt = {validate: BEARER_TOKEN static_claim: {claim: "sub" pattern: "my-subject-\\d+"}};
  }
}`

func TestExamplesOfTheVendorsDocument(t *testing.T) {
	w := policytest.New(t, document, policytest.Setup{Env: map[string]string{"ENV_CLAIM_VALUE": "my"}})
	const uuid = `"sub":"6b29fc40-ca47-1067-b31d-00dd010662da"`
	for name, c := range map[string]struct {
		method, claims string
		code           fault.Code
	}{
		"issuer of the service":                 {method: "Message", claims: `{"iss":"my-issuer"}`},
		"wrong issuer":                          {method: "Message", claims: `{"iss":"wrong-issuer"}`, code: fault.IssuerNotAllowed},
		"issuer of the method":                  {method: "MessageWithIssuer", claims: `{"iss":"my-other-issuer"}`},
		"issuer of the service is replaced":     {method: "MessageWithIssuer", claims: `{"iss":"my-issuer"}`, code: fault.IssuerNotAllowed},
		"environment":                           {method: "Aud", claims: `{"aud":"my.kalix.io"}`},
		"environment, other":                    {method: "Aud", claims: `{"aud":"your.kalix.io"}`, code: fault.StaticClaimMismatch},
		"environment, not replaced":             {method: "Aud", claims: `{"aud":"${ENV_CLAIM_VALUE}.kalix.io"}`, code: fault.StaticClaimMismatch},
		"all patterns":                          {method: "Patterns", claims: `{"role":"editor",` + uuid + `,"name":"n"}`},
		"unknown role":                          {method: "Patterns", claims: `{"role":"administrator",` + uuid + `,"name":"n"}`, code: fault.StaticClaimMismatch},
		"one of several roles":                  {method: "Patterns", claims: `{"role":["viewer","admin"],` + uuid + `,"name":"n"}`},
		"not a UUID":                            {method: "Patterns", claims: `{"role":"editor","sub":"alice","name":"n"}`, code: fault.StaticClaimMismatch},
		"empty name":                            {method: "Patterns", claims: `{"role":"editor",` + uuid + `,"name":""}`, code: fault.StaticClaimMismatch},
		"pattern without anchors":               {method: "Subject", claims: `{"sub":"my-subject-456"}`},
		"pattern without anchors, longer value": {method: "Subject", claims: `{"sub":"not-my-subject-456"}`, code: fault.StaticClaimMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bearer(t, w, c.method, "Bearer "+w.Token(c.claims))
			if c.code != "" {
				refused(t, err, c.code, verify.BearerPath)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	check(t, w, map[string]row{
		"both roles": {of: "Tokens", in: `{"my_token_field":$({"role":["admin","editor"],"aud":"my.kalix.io"})}`, want: `{"my_token_field":"…"}`},
		"one role":   {of: "Tokens", in: `{"my_token_field":$({"role":["admin"],"aud":"my.kalix.io"})}`, code: fault.StaticClaimMismatch, path: "my_token_field"},
	})
	// Signing adds the static claims.
	m, err := w.Sign("Tokens", `{}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := m.Get(m.Descriptor().Fields().ByName("my_token_field")).String()
	if got, want := policytest.Claims(t, token), `{"role":["admin","editor"],"aud":"my.kalix.io","exp":1769864400}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
