package sign_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestS89_TheKeyIsThatOfTheIssuer: the key is selected by the "iss" that the token will
// have, whatever sets it; if no key is for that issuer, signing is refused.
func TestS89_TheKeyIsThatOfTheIssuer(t *testing.T) {
	const source = `
message Annotated { string tok = 1 [(kalix.field).jwt = {token: true issuer: "B"}]; }
message Field { string tok = 1 [(kalix.field).jwt = {token: true}]; string iss = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message Named { string tok = 1 [(kalix.field).jwt = {token: true}]; string x = 2 [(kalix.field).jwt = {claim: EXTRACT name: "iss"}]; }
message Descended { string tok = 1 [(kalix.field).jwt = {token: true}]; D d = 2 [(kalix.field).jwt = {claim: DESCEND}]; }
message D { string iss = 1 [(kalix.field).jwt = {claim: INCLUDE}]; }
message Raw { string tok = 1 [(kalix.field).jwt = {token: true}]; map<string, string> raw = 2 [(kalix.field).jwt = {claim: RAW}]; }
message Bearer { string tok = 1 [(kalix.field).jwt = {token: true include_bearer_token_claim: "iss"}]; }
message Parent { string tok = 1 [(kalix.field).jwt = {token: true}]; string iss = 2 [(kalix.field).jwt = {claim: INCLUDE}]; Child c = 3 [(kalix.field).jwt = {token: true}]; }
message Child { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; }
message None { string tok = 1 [(kalix.field).jwt = {token: true}]; }
`
	key := func(issuer string) *keys.Key {
		return policytest.Key(t, keys.ES256, keys.Attributes{ID: "k" + issuer, Issuer: issuer})
	}
	a, b, free := key("A"), key("B"), key("")
	tests := map[string]struct{ in, token string }{
		"Annotated": {`{}`, "tok"},
		"Field":     {`{"iss":"B"}`, "tok"},
		"Named":     {`{"x":"B"}`, "tok"},
		"Descended": {`{"d":{"iss":"B"}}`, "tok"},
		"Raw":       {`{"raw":{"iss":"B"}}`, "tok"},
		"Bearer":    {`{}`, "tok"},
		"Parent":    {`{"iss":"B","c":{}}`, "c.tok"},
	}
	rings := []struct {
		list []*keys.Key
		kid  string
		want *keys.Key // nil if refused
	}{
		{list: []*keys.Key{a, free, b}, want: b},
		{list: []*keys.Key{a, free}, want: free},
		{list: []*keys.Key{a}},
		{list: []*keys.Key{a, b, free}, kid: "kA"},
		{list: []*keys.Key{a, b, free}, kid: "k", want: free},
	}
	for name, c := range tests {
		for i, r := range rings {
			w := policytest.New(t, source, policytest.Setup{Keys: r.list, SignKID: r.kid})
			bearer := policytest.New(t, source, policytest.Setup{}).Bearer(`{"iss":"B"}`)
			p, m := w.Message(name, c.in)
			made, err := w.Signer.Message(p, m, bearer)
			if r.want == nil {
				if !fault.Has(err, fault.KeyMissing) || made != nil {
					t.Errorf("%s, ring %d: %v, %v", name, i, made, err)
				}
				continue
			}
			if err != nil || made[0].Path != c.token || made[0].Key != r.want {
				t.Errorf("%s, ring %d: %v, %v", name, i, made, err)
				continue
			}
			if r.kid == "" { // the same ring must accept it
				if _, err := w.Verifier.Message(t.Context(), p, m, bearer); err != nil {
					t.Errorf("%s, ring %d: %v", name, i, err)
				}
			}
		}
	}
	w := policytest.New(t, source, policytest.Setup{Keys: []*keys.Key{a, b}})
	p, m := w.Message("None", `{}`)
	if made, err := w.Signer.Message(p, m, nil); err != nil || made[0].Key != a {
		t.Errorf("without an issuer: %v, %v", made, err)
	}
}
