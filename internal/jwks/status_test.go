package jwks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS22_RefreshIsSpread: sets that were fetched at the same time are refreshed at
// different times, all before their keys expire.
func TestS22_RefreshIsSpread(t *testing.T) {
	for name, tc := range map[string]struct {
		random float64
		at     time.Duration // as a fraction of DefaultRefresh
	}{
		"first":  {0, 180 * time.Second},
		"middle": {0.5, 225 * time.Second},
		"last":   {0.999, 270 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			i, c := newIssuer(t, has(t, newKey(t, keys.ES256, "a"))), newClock()
			o := options(c, jwks.Network{})
			o.Random = func() float64 { return tc.random }
			set := remote(t, i.URL, o)
			gives(t, set, "", "a")
			c.advance(tc.at - time.Second)
			set.Cached()
			if got := i.fetches.Load(); got != 1 || set.Fetching() {
				t.Errorf("%d fetches a second early, another in progress: %v", got, set.Fetching())
			}
			c.advance(time.Second)
			set.Cached()
			testkit.Eventually(t, "it is fetched again", func() bool { return i.fetches.Load() == 2 })
		})
	}
}

// TestStatusCountsFetches: Status counts fetches and has the time of the last successful
// one.
func TestStatusCountsFetches(t *testing.T) {
	i, c := newIssuer(t, http.NotFound), newClock()
	o := options(c, jwks.Network{})
	o.Issuer = "me"
	set := remote(t, i.URL+"/keys?secret=x", o)
	want := jwks.Status{Location: i.URL + "/keys", Issuer: "me"}
	is := func(when string) {
		t.Helper()
		if got := set.Status(); got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	is("before the first fetch")
	_, _ = set.Keys(t.Context(), "")
	want.Failed = 1
	is("after a fetch that failed")
	i.does(has(t, newKey(t, keys.ES256, "a")))
	c.advance(jwks.ColdRetry)
	_, _ = set.Keys(t.Context(), "")
	want.Succeeded, want.FetchedAt = 1, c.now()
	is("after a good one")
	i.does(http.NotFound)
	c.advance(jwks.DefaultRefresh)
	_, _ = set.Keys(t.Context(), "")
	want.Failed = 2
	is("after one more that failed")
}
