package enforce

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// TestCacheEntriesAreLimited tests single cache entries: which are found, and their limits.
func TestCacheEntriesAreLimited(t *testing.T) {
	t.Parallel()
	w := policytest.New(t, `message M { string x = 1; } service S { rpc A(M) returns (M); }`, policytest.Setup{})
	ring, err := keys.NewRing([]*keys.Key{w.Key})
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Key.With(keys.Attributes{ID: w.Key.ID()}) // the same key, fetched again
	if err != nil {
		t.Fatal(err)
	}
	later, err := keys.NewRing([]*keys.Key{again})
	if err != nil {
		t.Fatal(err)
	}
	now := policytest.Now
	need := &plan.Bearer{}
	a := &Admission{Token: w.Bearer(`{"sub":"x"}`), expires: now.Add(time.Minute)}
	ctx := context.Background()
	c := newTokenCache(10)
	id := identify("token", need)
	c.put(id, a, now, 100)
	c.put(identify("large", need), a, now, maxCachedToken+1)
	tests := map[string]struct {
		id   tokenID
		ring *keys.Ring
		at   time.Time
		hit  bool
	}{
		"at once":            {id, ring, now, true},
		"just before":        {id, ring, now.Add(time.Minute - 1), true},
		"at exp":             {id, ring, now.Add(time.Minute), false},
		"clock set back":     {id, ring, now.Add(-1), false},
		"other requirements": {identify("token", &plan.Bearer{}), ring, now, false},
		"other token":        {identify("token2", need), ring, now, false},
		"other key":          {id, later, now, false},
		"large token":        {identify("large", need), ring, now, false},
	}
	for name, one := range tests {
		if got := c.get(ctx, one.id, one.ring, one.at); (got == a) != one.hit || got != a && got != nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
	for i := range 1000 {
		c.put(identify(fmt.Sprint(i), need), a, now, 100)
		if c.get(ctx, id, ring, now) == nil {
			t.Fatalf("after %d others, the token that is used every time is gone", i)
		}
		if n := len(c.young) + len(c.old); n > 10 {
			t.Fatalf("%d entries", n)
		}
	}
}

// TestCachedTokenIsVerifiedOnce: a token's signature is checked once for each set of requirements.
func TestCachedTokenIsVerifiedOnce(t *testing.T) {
	t.Parallel()
	w := policytest.New(t, `message M { string x = 1; } service S { rpc A(M) returns (M); }`, policytest.Setup{})
	now := func() time.Time { return policytest.Now }
	s, err := New(Policy{Plan: w.Plan, Verifier: w.Verifier}, Options{CachedTokens: 10, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	one, other := &plan.Bearer{}, &plan.Bearer{}
	admit := func(need *plan.Bearer, value string) *Admission {
		a, err := s.admit(context.Background(), need, []string{value})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	value := "Bearer " + w.Token(`{"sub":"x"}`)
	first := admit(one, value)
	if admit(one, value) != first || admit(one, "bearer"+value[6:]) != first {
		t.Error("verdict not cached")
	}
	if admit(other, value) == first {
		t.Error("verdict cached for other requirements")
	}
}

// TestS64_ClientTextsRevealNothing: the client text of each code reveals nothing about the token. A36.
func TestS64_ClientTextsRevealNothing(t *testing.T) {
	t.Parallel()
	for row := range fault.Table {
		for at := InCall; at <= InResponse; at++ {
			s := Refuse(at, fault.New(row.Code, "WHAT", "WHY"))
			if s.Status == 0 || s.Status.String() == "UNKNOWN" || s.Text == "" || strings.Contains(s.Text, "WH") || strings.Contains(s.Text, string(row.Code)) {
				t.Errorf("%s at %d: %v", row.Code, at, s)
			}
			if at == InResponse && s.Status == fault.GRPCInvalidArgument {
				t.Errorf("%s: a response's error blames the client", row.Code)
			}
		}
	}
}

// FuzzA34_ClaimMetadata: for any claims, gRPC can carry each pair of the metadata, and no
// key is duplicated.
func FuzzA34_ClaimMetadata(f *testing.F) {
	for _, seed := range []string{`{"sub":"alice"}`, `{"Sub":1,"sub":2}`, `{"é":"é","x-bin":"y","":[]}`, `{"a":{"b":"\u007f\ud83c\udf89"}}`, `{"a":" "}`, `{"a":"\n","K":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		members, err := strictjson.Object(data, 64)
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, m := range members {
			if name := strings.ToLower(m.Name); names[name] {
				return // such a token is refused
			} else {
				names[name] = true
			}
		}
		list := claimMetadata(members)
		seen := map[string]bool{}
		for _, p := range list {
			name, prefixed := strings.CutPrefix(p.Key, ClaimPrefix)
			if !prefixed || name == "" || seen[p.Key] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "" {
				t.Errorf("%s: key %q", data, p.Key)
			}
			seen[p.Key] = true
			if !strings.HasSuffix(p.Key, "-bin") && !plainText(p.Value) {
				t.Errorf("%s: %q is %q", data, p.Key, p.Value)
			}
		}
	})
}

// TestCallWithoutRulesPassesNothing: a call that was not checked passes only if refusals
// are just reported.
func TestCallWithoutRulesPassesNothing(t *testing.T) {
	c := &Call{Method: &plan.Method{}}
	if c.PassesThrough() {
		t.Error("an unchecked call passes")
	}
	crashed := func() (is bool) {
		defer func() { is = recover() != nil }() // the client gets INTERNAL (S74)
		t.Errorf("%v", c.Request(t.Context(), nil))
		return false
	}
	if !crashed() {
		t.Error("an unchecked request passes")
	}
	c.report = func(*Refusal) {}
	if !c.PassesThrough() {
		t.Error("refused although refusals are only reported")
	}
}
