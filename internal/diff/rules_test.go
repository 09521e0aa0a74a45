package diff

import (
	"slices"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestWithRules: a rule for an issuer's tokens that is dropped or loosened is weaker, one
// that is added or tightened is stronger; the reverse is the mirror.
func TestWithRules(t *testing.T) {
	type rules = keys.Rules
	const loosened, tightened = "issuer-rule-loosened", "issuer-rule-tightened"
	for name, tt := range map[string]struct {
		old, now    rules
		there, back []string // kind and rule of each change
	}{
		"equal":                 {rules{Audiences: []string{"a", "b"}, Type: "t"}, rules{Audiences: []string{"b", "a"}, Type: "t"}, nil, nil},
		"audiences dropped":     {rules{Audiences: []string{"a"}}, rules{}, []string{loosened + " audiences"}, []string{tightened + " audiences"}},
		"additional audience":   {rules{Audiences: []string{"a"}}, rules{Audiences: []string{"a", "b"}}, []string{loosened + " audiences"}, []string{tightened + " audiences"}},
		"other audience":        {rules{Audiences: []string{"a"}}, rules{Audiences: []string{"b"}}, []string{loosened + " audiences", tightened + " audiences"}, []string{loosened + " audiences", tightened + " audiences"}},
		"type dropped":          {rules{Type: "at+jwt"}, rules{}, []string{loosened + " type"}, []string{tightened + " type"}},
		"other type":            {rules{Type: "at+jwt"}, rules{Type: "jwt"}, []string{loosened + " type", tightened + " type"}, []string{loosened + " type", tightened + " type"}},
		"longer age":            {rules{MaxAge: time.Minute}, rules{MaxAge: time.Hour}, []string{loosened + " max_age"}, []string{tightened + " max_age"}},
		"age dropped":           {rules{MaxAge: time.Minute}, rules{}, []string{loosened + " max_age"}, []string{tightened + " max_age"}},
		"longer lifetime":       {rules{MaxLifetime: time.Minute}, rules{MaxLifetime: time.Hour}, []string{loosened + " max_lifetime"}, []string{tightened + " max_lifetime"}},
		"lifetime dropped":      {rules{MaxLifetime: time.Minute}, rules{}, []string{loosened + " max_lifetime"}, []string{tightened + " max_lifetime"}},
		"expiry dropped":        {rules{RequireExpiry: true}, rules{}, []string{loosened + " require_expiry"}, []string{tightened + " require_expiry"}},
		"expiry still required": {rules{RequireExpiry: true}, rules{MaxLifetime: time.Hour}, []string{tightened + " max_lifetime"}, []string{loosened + " max_lifetime"}},
	} {
		at := descset.Position{File: "jwtctl.yaml", Line: 3, Column: 1}
		compare := func(old, now rules) (got []string) {
			entry := func(r rules) []IssuerRules {
				return []IssuerRules{{Name: "an issuer", Pos: at}, {Name: "shop", Rules: r, Pos: at}}
			}
			for _, c := range WithRules(nil, entry(old), entry(now)) {
				got = append(got, c.Kind+" "+c.What)
				if c.Subject != "shop" || (c.Gain == "") != (c.Direction < Unknown) || c.Fails() != (c.Kind == loosened) || c.NewPos != at {
					t.Errorf("%s: got %+v", name, c)
				}
			}
			return got
		}
		if got := compare(tt.old, tt.now); !slices.Equal(got, tt.there) {
			t.Errorf("%s: %q, want %q", name, got, tt.there)
		}
		if got := compare(tt.now, tt.old); !slices.Equal(got, tt.back) {
			t.Errorf("%s, back: %q, want %q", name, got, tt.back)
		}
	}
	if got := WithRules(nil, []IssuerRules{{Name: "a", Rules: rules{Type: "t"}}}, []IssuerRules{{Name: "b"}}); len(got) > 0 {
		t.Errorf("entries of only one version are compared: %+v", got)
	}
}

// TestWithRulesAgreesWithTheRules: the direction is determined by tokens that only one
// version's rules refuse; checked with real tokens.
func TestWithRulesAgreesWithTheRules(t *testing.T) {
	all := []keys.Rules{{}, {Audiences: []string{"a"}}, {Audiences: []string{"a", "b"}}, {Audiences: []string{"b"}}, {Type: "x"}, {Type: "y"}, {MaxAge: 1}, {MaxAge: 2}, {MaxLifetime: 1}, {MaxLifetime: 2}, {RequireExpiry: true}, {RequireExpiry: true, MaxLifetime: 2}}
	type token struct {
		aud, typ  string
		age, life time.Duration // 0 means no iat, no exp
	}
	passes := func(r keys.Rules, k token) bool {
		return (len(r.Audiences) == 0 || slices.Contains(r.Audiences, k.aud)) && (r.Type == "" || r.Type == k.typ) &&
			(r.MaxAge == 0 || k.age > 0 && k.age <= r.MaxAge) && (r.MaxLifetime == 0 || k.age > 0 && k.life > 0 && k.life <= r.MaxLifetime) &&
			(!r.RequireExpiry || k.life > 0)
	}
	for _, old := range all {
		for _, now := range all {
			weaker := false
			for _, aud := range []string{"", "a", "b", "c"} {
				for _, typ := range []string{"", "x", "y"} {
					for age := range time.Duration(4) {
						for life := range time.Duration(4) {
							k := token{aud, typ, age, life}
							weaker = weaker || passes(now, k) && !passes(old, k)
						}
					}
				}
			}
			reported := slices.ContainsFunc(WithRules(nil, []IssuerRules{{Name: "i", Rules: old}}, []IssuerRules{{Name: "i", Rules: now}}), Change.Fails)
			if reported != weaker {
				t.Errorf("from %+v to %+v: weaker %v, reported %v", old, now, weaker, reported)
			}
		}
	}
}
