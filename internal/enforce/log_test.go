package enforce

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// logged returns the log line of the refusal for err.
func logged(err error) string {
	var out bytes.Buffer
	Refuse(InBearer, err).Log(context.Background(), slog.New(slog.NewTextHandler(&out, nil)), "call refused", "t.S/A", nil)
	return out.String()
}

// TestS64_LogQuotesNoToken: no text that a fault marks as quoted is logged, whatever the
// code of a refusal.
func TestS64_LogQuotesNoToken(t *testing.T) {
	t.Parallel()
	for row := range fault.Table {
		if row.Class != fault.Refused {
			continue
		}
		if line := logged(fault.New(row.Code, "x", "CANARY").Quoting()); strings.Contains(line, "CANARY") || !strings.Contains(line, "code="+string(row.Code)) {
			t.Errorf("%s: got %s", row.Code, line)
		}
	}
}

// TestLogGivesTheReason: the log has the specific reason of a refusal, without a claim
// (S64).
func TestLogGivesTheReason(t *testing.T) {
	t.Parallel()
	w := policytest.New(t, `message M { string x = 1; } service S { rpc A(M) returns (M); }`, policytest.Setup{})
	bearer := func(claims string) string { return "Bearer " + w.Token(claims) }
	for name, row := range map[string]struct {
		authorization string
		typ, kid      string // the required type; the id of the configured key
		want          string
	}{
		"wrong scheme":   {authorization: "canary x", want: "a required token is missing"},
		"no scheme":      {authorization: "canary", want: `has no scheme, want \"Bearer TOKEN\"`},
		"one part":       {authorization: "Bearer canary", want: "has 1 part, want 3 (header.payload.signature)"},
		"duplicate name": {authorization: "Bearer eyJhbGciOiJFUzI1NiIsImNhbmFyeSI6MSwiY2FuYXJ5IjoyfQ.e30.AA", want: "not a valid compact JWS"},
		"another issuer": {authorization: bearer(`{"iss":"canary"}`), kid: "other", want: "no configured key has the token's issuer and key id"},
		"another's kid":  {authorization: bearer(`{"iss":"canary"}`), want: "but a key of another issuer does"},
		"a slash":        {authorization: bearer(`{"iss":"https://canary-me/"}`), want: "no configured key has the token's issuer and key id"},
		"no type":        {authorization: bearer(`{"iss":"https://canary-me","sub":"canary"}`), typ: "at+jwt", want: `\"JWT\" is not \"at+jwt\"`},
		"no exp":         {authorization: bearer(`{"iss":"https://canary-me","sub":"alice","aud":"shop"}`), want: "missing from the token"},
		"expired":        {authorization: bearer(`{"iss":"https://canary-me","sub":"alice","aud":"shop","exp":1769860000}`), want: "expired 13m20s ago"},
		"another aud":    {authorization: bearer(`{"iss":"https://canary-me","sub":"alice","aud":"canary","exp":1769864400}`), want: "aud does not contain an accepted audience"},
		"another sub":    {authorization: bearer(`{"iss":"https://canary-me","sub":"canary","aud":"shop","exp":1769864400}`), want: "sub is not the accepted subject"},
	} {
		compact, err := jws.BearerToken(row.authorization)
		if err == nil {
			key := testkit.Must(w.Key.With(keys.Attributes{ID: cmp.Or(row.kid, "test"), Issuer: "https://canary-me"}))
			ring := testkit.Must(keys.NewRing([]*keys.Key{key}))
			policy := jws.Policy{Audiences: []string{"shop"}, Subjects: []string{"alice"}, Type: row.typ, RequireExpiry: true}
			v := testkit.Must(jws.NewVerifier(ring, policy, func() time.Time { return policytest.Now }))
			_, err = v.Verify(context.Background(), compact)
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		line := logged(err)
		if !strings.Contains(line, row.want) || strings.Contains(line, "canary") {
			t.Errorf("%s: got %s want %s", name, line, row.want)
		}
	}
}
