package diff

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// strengths is a version with a strength for each method; a missing method cannot be
// called.
type strengths map[string]int

func pastOfStrengths() *History[strengths] {
	return &History[strengths]{
		Compare: func(before, after strengths) (list []Change, err error) {
			for _, name := range slices.Sorted(maps.Keys(before)) {
				if now, has := after[name]; has && now < before[name] {
					list = append(list, Change{Kind: "weaker", Subject: name})
				}
			}
			for _, name := range slices.Sorted(maps.Keys(after)) {
				if _, had := before[name]; !had && after[name] == 0 {
					list = append(list, Change{Kind: "open and new", Subject: name})
				}
			}
			return list, nil
		},
		Lacks: func(before, after strengths) bool {
			for name := range before {
				if _, has := after[name]; !has {
					return true
				}
			}
			return false
		},
		Has: func(v strengths, name string) bool { _, has := v[name]; return has },
	}
}

// TestS79_WhatWasRemovedComesBackAsStrict: in a sequence of reloads that refuses weaker
// ones, no method is ever weaker than it once was, and a reload is refused only if one of
// its methods is, or is open and was never in force.
func TestS79_WhatWasRemovedComesBackAsStrict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.MapOfN(rapid.SampledFrom([]string{"A", "B", "C"}), rapid.IntRange(0, 2), 0, 3)
		past, inUse, ever := pastOfStrengths(), strengths(version.Draw(t, "start")), strengths{}
		maps.Copy(ever, inUse)
		for range rapid.IntRange(0, MaxHistory-1).Draw(t, "reloads") {
			next := strengths(version.Draw(t, "next"))
			var want []string
			for _, name := range slices.Sorted(maps.Keys(next)) {
				was, known := ever[name]
				if next[name] < was || !known && next[name] == 0 {
					want = append(want, name)
				}
			}
			changes, _ := past.Weaker(inUse, next)
			var got []string
			for _, c := range changes {
				got = append(got, c.Subject)
			}
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, want) {
				t.Fatalf("in force %v, at most %v, next %v: got weaker %v, want %v", inUse, ever, next, got, want)
			}
			if len(got) == 0 {
				past.Replace(inUse, next)
				inUse = next
				maps.Copy(ever, next)
			}
		}
	})
}

// TestPastForgetsWhatCameBack: an accepted change is not reported again, and no more than
// MaxHistory versions are kept.
func TestPastForgetsWhatCameBack(t *testing.T) {
	past := pastOfStrengths()
	weaker := func(inUse, next strengths) int {
		changes, _ := past.Weaker(inUse, next)
		past.Replace(inUse, next)
		return len(changes)
	}
	both, one := strengths{"A": 2, "B": 2}, strengths{"B": 2}
	open := strengths{"A": 0, "B": 2}
	for i, step := range []struct {
		next strengths
		want int
	}{{one, 0}, {open, 2}, {one, 0}, {open, 0}, {both, 0}, {one, 0}, {open, 2}} {
		before := both
		if i > 0 {
			before = []strengths{one, open, one, open, both, one}[i-1]
		}
		if got := weaker(before, step.next); got != step.want {
			t.Errorf("step %d: %d changes, want %d", i, got, step.want)
		}
	}
	for i := range 3 * MaxHistory {
		past.Replace(strengths{string(rune('a' + i)): 1}, strengths{})
	}
	if len(past.versions) != MaxHistory {
		t.Errorf("got %d versions kept, want %d", len(past.versions), MaxHistory)
	}
}

// TestLacks: methods count, and issuers with rules.
func TestLacks(t *testing.T) {
	const head = `message M { string token = 1 [(kalix.field).jwt = {token: true}]; } `
	full := head + `service S { rpc A(M) returns (M) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } rpc B(M) returns (M) { option (kalix.method).jwt = {sign: MESSAGE}; } rpc C(M) returns (M); }`
	for name, row := range map[string]struct {
		after string
		want  bool
	}{
		"all":                      {full, false},
		"open method removed":      {head + `service S { rpc A(M) returns (M); rpc B(M) returns (M); }`, true},
		"method made open":         {head + `service S { rpc A(M) returns (M); rpc B(M) returns (M); rpc C(M) returns (M); }`, false},
		"protected method removed": {head + `service S { rpc B(M) returns (M); rpc C(M) returns (M); }`, true},
		"signing method removed":   {head + `service S { rpc A(M) returns (M); rpc C(M) returns (M); }`, true},
		"other service":            {head + `service T { rpc A(M) returns (M); rpc B(M) returns (M); }`, true},
	} {
		if got := Lacks(policytest.Load(t, full), policytest.Load(t, row.after)); got != row.want {
			t.Errorf("%s: got %v, want %v", name, got, row.want)
		}
	}
	strict, none := IssuerRules{Name: "a", Rules: keys.Rules{Type: "at+jwt"}}, IssuerRules{Name: "b"}
	for name, row := range map[string]struct {
		before, after []IssuerRules
		want          bool
	}{
		"equal":             {[]IssuerRules{strict}, []IssuerRules{{Name: "a"}}, false},
		"gone":              {[]IssuerRules{strict}, nil, true},
		"no service at all": {[]IssuerRules{none}, nil, false},
	} {
		if got := LacksRules(row.before, row.after); got != row.want {
			t.Errorf("%s: got %v, want %v", name, got, row.want)
		}
	}
}
