package jws

import (
	"context"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestRulesOfAKeyCountLikeAPolicy: the rules of a key and the same requirements in a
// policy give the same result, at each boundary; an absent claim never passes.
func TestRulesOfAKeyCountLikeAPolicy(t *testing.T) {
	audience := keys.Rules{Audiences: []string{"shop", "stock"}}
	typed := keys.Rules{Type: "at+jwt"}
	lifetime := keys.Rules{MaxLifetime: time.Hour}
	age := keys.Rules{MaxAge: time.Minute}
	expiry := keys.Rules{RequireExpiry: true}
	tests := map[string]struct {
		rules  keys.Rules
		typ    string // of the header; "" for none
		claims string
		want   string
	}{
		"one audience of two":          {rules: audience, claims: `{"aud":["x","stock"]}`, want: "ok"},
		"audience as text":             {rules: audience, claims: `{"aud":"shop"}`, want: "ok"},
		"other audience":               {rules: audience, claims: `{"aud":"bank"}`, want: "audience_not_allowed"},
		"audience in another case":     {rules: audience, claims: `{"aud":"Shop"}`, want: "audience_not_allowed"},
		"no audience":                  {rules: audience, claims: `{}`, want: "audience_not_allowed"},
		"empty audience":               {rules: audience, claims: `{"aud":[]}`, want: "audience_not_allowed"},
		"audience of wrong type":       {rules: audience, claims: `{"aud":7}`, want: "invalid_claim"},
		"type":                         {rules: typed, typ: "at+jwt", claims: `{}`, want: "ok"},
		"type as a media type":         {rules: typed, typ: "application/AT+JWT", claims: `{}`, want: "ok"},
		"a logout token":               {rules: typed, typ: "logout+jwt", claims: `{}`, want: "type_not_allowed"},
		"no type":                      {rules: typed, claims: `{}`, want: "type_not_allowed"},
		"longest lifetime":             {rules: lifetime, claims: `{"iat":2000000000,"exp":2000003600}`, want: "ok"},
		"a second longer":              {rules: lifetime, claims: `{"iat":2000000000,"exp":2000003601}`, want: "lifetime_too_long"},
		"lifetime without iat":         {rules: lifetime, claims: `{"exp":2000000001}`, want: "claim_missing"},
		"lifetime without exp":         {rules: lifetime, claims: `{"iat":2000000000}`, want: "claim_missing"},
		"lifetime without exp and iat": {rules: lifetime, claims: `{}`, want: "claim_missing,claim_missing"},
		"oldest":                       {rules: age, claims: `{"iat":1999999940}`, want: "ok"},
		"a second older":               {rules: age, claims: `{"iat":1999999939}`, want: "token_too_old"},
		"age without iat":              {rules: age, claims: `{}`, want: "claim_missing"},
		"expiry":                       {rules: expiry, claims: `{"exp":2000000001}`, want: "ok"},
		"no expiry":                    {rules: expiry, claims: `{}`, want: "claim_missing"},
		"every rule violated":          {rules: keys.Rules{Audiences: []string{"a"}, Type: "t", MaxLifetime: 1, MaxAge: 1, RequireExpiry: true}, claims: `{}`, want: "type_not_allowed,audience_not_allowed,claim_missing,claim_missing"},
		"no rules":                     {claims: `{}`, want: "ok"},
		"expired, no rules":            {rules: audience, claims: `{"aud":"shop","exp":2000000000}`, want: "token_expired"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			header := `{"alg":"ES256","kid":"k"}`
			if tt.typ != "" {
				header = `{"alg":"ES256","kid":"k","typ":"` + tt.typ + `"}`
			}
			token := es256(t, header, tt.claims)
			wantCodes(t, verifier(t, Policy{}, signingKey(t, keys.ES256, keys.Attributes{ID: "k", Rules: tt.rules})), token, tt.want)
			r := tt.rules
			policy := Policy{Audiences: r.Audiences, Type: r.Type, MaxLifetime: r.MaxLifetime, MaxAge: r.MaxAge, RequireExpiry: r.RequireExpiry}
			wantCodes(t, verifier(t, policy, signingKey(t, keys.ES256, keys.Attributes{ID: "k"})), token, tt.want)
		})
	}
}

// TestRulesOfAKeyAddToThePolicy: if both the policy and the key's rules require
// something, both must be met.
func TestRulesOfAKeyAddToThePolicy(t *testing.T) {
	tests := map[string]struct {
		policy Policy
		rules  keys.Rules
		claims string
		want   string
	}{
		"audiences of both":          {Policy{Audiences: []string{"a"}}, keys.Rules{Audiences: []string{"b"}}, `{"aud":["b","a"]}`, "ok"},
		"only the policy's audience": {Policy{Audiences: []string{"a"}}, keys.Rules{Audiences: []string{"b"}}, `{"aud":["a"]}`, "audience_not_allowed"},
		"only the rules' audience":   {Policy{Audiences: []string{"a"}}, keys.Rules{Audiences: []string{"b"}}, `{"aud":["b"]}`, "audience_not_allowed"},
		"the shorter life":           {Policy{MaxLifetime: time.Hour}, keys.Rules{MaxLifetime: time.Minute}, `{"iat":2000000000,"exp":2000000061}`, "lifetime_too_long"},
		"the policy's shorter life":  {Policy{MaxLifetime: time.Minute}, keys.Rules{MaxLifetime: time.Hour}, `{"iat":2000000000,"exp":2000000061}`, "lifetime_too_long"},
		"the smaller age":            {Policy{MaxAge: time.Hour}, keys.Rules{MaxAge: time.Minute}, `{"iat":1999999900}`, "token_too_old"},
		"leeway":                     {Policy{Leeway: time.Minute}, keys.Rules{MaxAge: time.Minute}, `{"iat":1999999880}`, "ok"},
		"beyond leeway":              {Policy{Leeway: time.Minute}, keys.Rules{MaxAge: time.Minute}, `{"iat":1999999879}`, "token_too_old"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, tt.policy, signingKey(t, keys.ES256, keys.Attributes{ID: "k", Rules: tt.rules}))
			wantCodes(t, v, es256(t, `{"alg":"ES256","kid":"k"}`, tt.claims), tt.want)
		})
	}
}

// TestRulesCannotBeLeftOut: omitting iss or kid, or naming another issuer, does not avoid
// the rules of the key that signed the token.
func TestRulesCannotBeLeftOut(t *testing.T) {
	bound := signingKey(t, keys.ES256, keys.Attributes{ID: "k", Issuer: "shop", Rules: keys.Rules{Audiences: []string{"a"}}})
	for header, claims := range map[string]string{
		`{"alg":"ES256","kid":"k"}`: `{}`,
		`{"alg":"ES256"}`:           `{}`,
	} {
		wantCodes(t, verifier(t, Policy{}, bound), es256(t, header, claims), "audience_not_allowed")
	}
	wantCodes(t, verifier(t, Policy{}, bound), es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":"shop"}`), "audience_not_allowed")
	wantCodes(t, verifier(t, Policy{}, bound), es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":"other"}`), "key_not_found")
	wantCodes(t, verifier(t, Policy{}, bound), es256(t, `{"alg":"ES256","kid":"k"}`, `{"iss":"shop","aud":"a"}`), "ok")

	free := signingKey(t, keys.ES256, keys.Attributes{ID: "free"}) // the same key without rules
	ruled := signingKey(t, keys.ES256, keys.Attributes{ID: "ruled", Rules: keys.Rules{RequireExpiry: true}})
	if _, err := keys.NewRing([]*keys.Key{free, ruled}); codes(err) != "key_ambiguous" {
		t.Errorf("a key with and without rules: %v", err)
	}
}

// TestTokenIsTooOldLater: a token is accepted until it is too old for the rules, and no
// longer. S88.
func TestTokenIsTooOldLater(t *testing.T) {
	now := float64(noon)
	key := signingKey(t, keys.ES256, keys.Attributes{ID: "k", Rules: keys.Rules{MaxAge: time.Minute}})
	v, err := NewVerifier(ringOf(t, key), Policy{Leeway: time.Second}, func() time.Time { return at(now)() })
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		claims string
		until  int64
	}{
		"no exp":        {`{"iat":2000000000}`, noon + 60},
		"exp after":     {`{"iat":2000000000,"exp":2000003600}`, noon + 60},
		"exp before":    {`{"iat":2000000000,"exp":2000000030}`, noon + 30},
		"issued before": {`{"iat":1999999990,"exp":2000003600}`, noon + 50},
	} {
		now = noon
		token, err := v.Verify(context.Background(), es256(t, `{"alg":"ES256","kid":"k"}`, tt.claims))
		if err != nil {
			t.Fatal(name, err)
		}
		if until, err := token.ValidUntil(); err != nil || until.Unix() != tt.until {
			t.Errorf("%s: got valid until %v, %v, want %d", name, until, err, tt.until)
		}
		now = float64(tt.until) + 0.9
		if err := v.CheckTime(token); err != nil {
			t.Errorf("%s: within leeway: %v", name, err)
		}
		now = float64(tt.until) + 1.1
		if err := v.CheckTime(token); err == nil {
			t.Errorf("%s: accepted for ever", name)
		}
	}
}
