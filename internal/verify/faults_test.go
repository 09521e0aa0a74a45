package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/policytest"
)

// TestA42_EveryFault: each field that differs from the token is reported, in the order of
// the message, with the claim's name if that differs.
func TestA42_EveryFault(t *testing.T) {
	w := policytest.New(t, `message M {
  string tok = 1 [(kalix.field).jwt.token = true];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE name: "sub"}];
  int64 amount = 3 [(kalix.field).jwt.claim = INCLUDE];
  string fine = 4 [(kalix.field).jwt.claim = INCLUDE];
  repeated N n = 5 [(kalix.field).jwt.claim = NEST];
  string gone = 6 [(kalix.field).jwt.claim = INCLUDE];
  repeated string many = 7;
}
message N { string x = 1 [(kalix.field).jwt.claim = INCLUDE]; }`, policytest.Setup{})
	_, err := w.Verify("M", `{"tok":$({"sub":"alice","amount":5,"fine":"yes","n":[{"x":"a"},{"x":"b"},{"x":"c"}]}),
		"user":"bob","amount":"6","fine":"yes","n":[{"x":"z"},{"x":"b"},{"x":"z"}],"gone":"g"}`, nil)
	want := `user: claim "sub": the field does not equal the claim
amount: the field does not equal the claim
n[0].x: the field does not equal the claim
n[2].x: the field does not equal the claim
gone: the token has no claim "gone"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestA42_FaultsAreLimited: the number of reported faults is limited.
func TestA42_FaultsAreLimited(t *testing.T) {
	var fields, values strings.Builder
	for i := range 100 {
		fmt.Fprintf(&fields, "string f%d = %d [(kalix.field).jwt.claim = INCLUDE];\n", i, i+2)
		fmt.Fprintf(&values, `,"f%d":"x"`, i)
	}
	w := policytest.New(t, "message M { string tok = 1 [(kalix.field).jwt.token = true];\n"+fields.String()+"}", policytest.Setup{})
	_, err := w.Verify("M", `{"tok":$({})`+values.String()+`}`, nil)
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 20 {
		t.Errorf("got %d faults, want 20", n)
	}
}
