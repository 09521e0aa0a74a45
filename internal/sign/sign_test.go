package sign_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/policytest"
)

func TestSmoke(t *testing.T) {
	w := policytest.New(t, `
message M {
  string tok = 1 [(kalix.field).jwt = {token: true issuer: "me" expires_seconds: 300}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  repeated C kids = 3 [(kalix.field).jwt = {token: true}];
  N n = 4 [(kalix.field).jwt = {claim: NEST}];
  map<string,string> raw = 5 [(kalix.field).jwt = {claim: RAW}];
}
message N { string x = 1 [(kalix.field).jwt = {claim: EXTRACT}]; int64 y = 2 [(kalix.field).jwt = {claim: INCLUDE}];}
message C { string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}]; string name = 2 [(kalix.field).jwt = {claim: INCLUDE}];}
`, policytest.Setup{})
	m, err := w.Sign("M", `{"user":"alice","kids":[{"name":"a"},{"name":"b"}],"n":{"x":"1","y":"5"},"raw":{"k":"v"}}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(w.JSON(m))
	t.Log(policytest.Claims(t, m.Get(m.Descriptor().Fields().ByName("tok")).String()))
	kid := m.Get(m.Descriptor().Fields().ByName("kids")).List().Get(0).Message()
	t.Log(policytest.Claims(t, kid.Get(kid.Descriptor().Fields().ByName("tok")).String()))
	out, err := w.Verify("M", w.JSON(m), nil)
	t.Log(out, err)
}
