package diff_test

import (
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/diff"
)

// TestWithChecks compares settings for all tokens and messages. S79.
func TestWithChecks(t *testing.T) {
	strict, loose := diff.Checks{Leeway: time.Second, RefuseUnknown: true}, diff.Checks{Leeway: time.Minute}
	for name, test := range map[string]struct {
		before, after diff.Checks
		want          []string
	}{
		"the same":    {strict, strict, nil},
		"looser":      {strict, loose, []string{"check-loosened leeway 1s 1m0s", "check-loosened refuse_unknown_fields true false"}},
		"stricter":    {loose, strict, []string{"check-tightened leeway 1m0s 1s", "check-tightened refuse_unknown_fields false true"}},
		"only leeway": {loose, diff.Checks{Leeway: time.Minute + 1}, []string{"check-loosened leeway 1m0s 1m0.000000001s"}},
		"both ways at once": {diff.Checks{Leeway: time.Second}, diff.Checks{Leeway: time.Hour, RefuseUnknown: true},
			[]string{"check-loosened leeway 1s 1h0m0s", "check-tightened refuse_unknown_fields false true"}},
	} {
		var got []string
		for _, c := range diff.WithChecks(nil, test.before, test.after) {
			got = append(got, c.Kind+" "+c.What+" "+c.Old+" "+c.New)
			if c.Fails() != (c.Kind == "check-loosened") {
				t.Errorf("%s: got %+v", name, c)
			}
		}
		if !equalSets(got, test.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func equalSets(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	seen := map[string]int{}
	for i := range a {
		seen[a[i]]++
		seen[b[i]]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}
