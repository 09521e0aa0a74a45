package sign_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// rulesSchema has a message for each audience and lifetime that an annotation can give.
func rulesSchema() (text string, names []string) {
	var b strings.Builder
	for a, aud := range []string{"", `static_claim: {claim: "aud" value: "shop"}`, `static_claim: {claim: "aud" value: ["bank", "shop"]}`} {
		for e, seconds := range []int{-1, 60, 7200} {
			name := fmt.Sprintf("M%d%d", a, e)
			fmt.Fprintf(&b, `message %s { string tok = 1 [(kalix.field).jwt = {token: true expires_seconds: %d %s}];
  optional int64 iat = 2 [(kalix.field).jwt = {claim: INCLUDE}]; optional int64 exp = 3 [(kalix.field).jwt = {claim: INCLUDE}]; }
`, name, seconds, aud)
			names = append(names, name)
		}
	}
	return b.String(), names
}

// TestSignMeetsRules: a message is signed if, and only if, it then verifies by the same
// keys, whose rules for the tokens of their issuer count on both sides. A65.
func TestSignMeetsRules(t *testing.T) {
	schema, names := rulesSchema()
	p := policytest.Load(t, schema)
	compiled := testkit.Must(policytest.Compile(p, nil))
	free := policytest.Key(t, keys.ES256, keys.Attributes{ID: "k"})
	signed, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		rules := keys.Rules{
			Audiences:     rapid.SampledFrom([][]string{nil, {"shop"}, {"bank", "x"}, {"other"}}).Draw(rt, "audiences"),
			Type:          rapid.SampledFrom([]string{"", "", "JWT", "application/jwt", "at+jwt"}).Draw(rt, "type"),
			MaxAge:        rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(rt, "max age"),
			MaxLifetime:   rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(rt, "max lifetime"),
			RequireExpiry: rapid.Bool().Draw(rt, "require expiry"),
		}
		name := rapid.SampledFrom(names).Draw(rt, "message")
		text := "{}"
		if rapid.Bool().Draw(rt, "has iat") {
			text = fmt.Sprintf(`{"iat": "%d"}`, policytest.Now.Unix()-int64(rapid.IntRange(0, 1800).Draw(rt, "age")))
		}
		loose, strict := world(t, p, compiled, free), world(t, p, compiled, testkit.Must(free.With(keys.Attributes{Rules: rules})))
		unruled, err := loose.Sign(name, text, nil)
		if err != nil {
			rt.Fatal(err)
		}
		_, want := strict.Verify(name, loose.JSON(unruled), nil)
		m, err := strict.Sign(name, text, nil)
		if (err == nil) != (want == nil) {
			rt.Fatalf("rules %v: signing: %v; verifying a message signed without rules: %v", rules.Words(), err, want)
		}
		if err != nil {
			refused++
			testkit.WantCode(t, err, fault.ClaimConflict)
			return
		}
		signed++
		if _, err := strict.Verify(name, strict.JSON(m), nil); err != nil {
			rt.Fatalf("rules %v: signed, but refused: %v", rules.Words(), err)
		}
	})
	if signed == 0 || refused == 0 {
		t.Errorf("%d signed, %d refused", signed, refused)
	}
}

func world(tb testing.TB, p *policy.Policy, compiled *plan.Plan, key *keys.Key) *policytest.World {
	return policytest.Of(tb, p, compiled, policytest.Setup{Keys: []*keys.Key{key}})
}
