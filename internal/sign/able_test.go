package sign_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestAbleToSign: a missing signing key is detected before there is a message to sign.
// A23.
func TestAbleToSign(t *testing.T) {
	const schema = `
message Any { ` + tok + ` }
message A { string tok = 1 [(kalix.field).jwt = {token: true issuer: "A" issuer: "B"}]; }
message In { string x = 1; repeated A as = 2 [(kalix.field).jwt.token = true]; }
message Loop { ` + tok + ` Loop loop = 2 [(kalix.field).jwt.token = true]; }
message None { string x = 1; }`
	secret := policytest.Key(t, keys.ES256, keys.Attributes{ID: "free"})
	ofB := policytest.Key(t, keys.ES256, keys.Attributes{ID: "b", Issuer: "B"})
	typed := testkit.Must(secret.With(keys.Attributes{Rules: keys.Rules{Type: "at+jwt"}}))
	public, err := secret.Public()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"Any", "A", "In", "Loop"}
	for name, c := range map[string]struct {
		keys []*keys.Key
		kid  string
		able []string
	}{
		"one key":               {[]*keys.Key{secret}, "", all},
		"public":                {[]*keys.Key{public}, "", nil},
		"key of another issuer": {[]*keys.Key{ofB, public}, "", []string{"Any", "Loop"}},
		"key selected by ID":    {[]*keys.Key{ofB, secret}, "free", all},
		"for another typ":       {[]*keys.Key{typed}, "", nil}, // than JWT (A63)
		"unknown ID":            {[]*keys.Key{secret}, "other", nil},
	} {
		w := policytest.New(t, schema, policytest.Setup{Keys: c.keys, SignKID: c.kid})
		able := map[string]bool{"None": true}
		for _, message := range c.able {
			able[message] = true
		}
		for _, message := range append(all, "None") {
			p, err := w.Plan.Message("t." + message)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Signer.CheckSignable(p); (err == nil) != able[message] {
				t.Errorf("%s, %s: %v", name, message, err)
			}
		}
	}
}
