package verify_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

const callSource = `
message Own { string user = 1 [(kalix.field).jwt = {claim: INCLUDE}]; string tok = 2 [(kalix.field).jwt = {token: true}]; }
service S {
  rpc Open(Own) returns (Own);
  rpc OpenStream(stream Own) returns (Own);
  rpc Bearer(Own) returns (Own) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }
  rpc BearerStream(stream Own) returns (Own) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }
  rpc Message(Own) returns (Own) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc MessageStream(stream Own) returns (Own) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc Both(Own) returns (Own) { option (kalix.method).jwt = {validate: BEARER_TOKEN, validate: MESSAGE}; }
  rpc BothStream(stream Own) returns (Own) { option (kalix.method).jwt = {validate: BEARER_TOKEN, validate: MESSAGE}; }
}`

// TestA37_RequestsOfACall: each kind of method accepts only the number of requests that
// it takes, on any transport. S77.
func TestA37_RequestsOfACall(t *testing.T) {
	w := policytest.New(t, callSource, policytest.Setup{})
	type verdict [3]fault.Code // after a call with no, one or two requests
	one, none := verdict{fault.RequestCount, "", fault.RequestCount}, verdict{fault.TokenMissing, "", fault.RequestCount}
	tests := map[string]verdict{
		"Open": one, "Bearer": one, "Message": none, "Both": none,
		"OpenStream": {}, "BearerStream": {}, "MessageStream": {fault.TokenMissing}, "BothStream": {fault.TokenMissing},
	}
	for name, want := range tests {
		for requests, code := range want {
			if got := fault.CodeOf(callOf(w, name, requests, func(int) {})); got != code {
				t.Errorf("%s with %d requests: got %q, want %q", name, requests, got, code)
			}
		}
	}
}

// TestA30_NoCallWithoutItsBearerToken: a call that needs a bearer token does not begin
// without one.
func TestA30_NoCallWithoutItsBearerToken(t *testing.T) {
	w := policytest.New(t, callSource, policytest.Setup{})
	for _, name := range []string{"Bearer", "Both", "BearerStream", "BothStream"} {
		m, err := w.Plan.Method("t.S/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Verifier.Call(m, nil); !fault.Has(err, fault.TokenMissing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestS88_TokensCountUntilTheyExpire: bearer and message tokens are accepted until their
// exp, checked at each request and, for a single request, when it is delivered.
func TestS88_TokensCountUntilTheyExpire(t *testing.T) {
	tests := map[string]struct {
		requests int
		late     int // the token expires before this request, or the end
		want     fault.Code
	}{
		"Bearer":        {1, 0, fault.TokenExpired},
		"Both":          {1, 0, fault.TokenExpired},
		"BearerStream":  {2, 1, fault.TokenExpired},
		"BothStream":    {1, 0, fault.TokenExpired},
		"Message":       {1, 1, fault.TokenExpired},
		"MessageStream": {1, 1, ""}, // delivered in time
	}
	for name, c := range tests {
		for _, leeway := range []time.Duration{0, time.Minute} {
			for _, early := range []time.Duration{0, 1} {
				now := policytest.Now
				w := policytest.New(t, callSource, policytest.Setup{Verify: verify.Options{Leeway: leeway, Now: func() time.Time { return now }}})
				want := c.want
				if early > 0 {
					want = ""
				}
				got := callOf(w, name, c.requests, func(i int) {
					if i == c.late {
						now = policytest.Now.Add(time.Hour + leeway - early)
					}
				})
				if fault.CodeOf(got) != want {
					t.Errorf("%s, leeway %s, %s early: got %v, want %v", name, leeway, early, got, want)
				}
			}
		}
	}
}

// callOf makes a call with this many requests, with tokens for an hour, and returns the
// first error. before is called before each request and before the end.
func callOf(w *policytest.World, name string, requests int, before func(i int)) error {
	w.TB.Helper()
	m, err := w.Plan.Method("t.S/" + name)
	if err != nil {
		w.TB.Fatal(err)
	}
	var bearer *jws.Verified
	if m.Bearer != nil {
		bearer = w.Bearer(`{"sub":"alice","exp":1769864400}`)
	}
	_, text := w.Message("Own", `{"tok":"`+w.Token(`{"exp":1769864400}`)+`"}`)
	c, err := w.Verifier.Call(m, bearer)
	if err != nil {
		return err
	}
	for i := range requests {
		before(i)
		var in protoreflect.Message
		if m.Request != nil {
			in = text
		}
		if err := c.Request(context.Background(), in); err != nil {
			return err
		}
	}
	before(requests)
	return c.End()
}
