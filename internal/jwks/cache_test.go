package jwks_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestS22_RandomKeyIDs(t *testing.T) {
	i, c := newIssuer(t, has(t, newKey(t, keys.ES256, "a"))), newClock()
	set := remote(t, i.URL, options(c, jwks.Network{}))
	gives(t, set, "a", "a")
	for n := range 30_000 { // over 30 seconds
		c.advance(time.Millisecond)
		gives(t, set, fmt.Sprint("random ", n), "a")
		if n == 9_999 && i.fetches.Load() > 2 {
			t.Fatalf("%d fetches in the first 10 s", i.fetches.Load())
		}
	}
	if got := i.fetches.Load(); got != 2 {
		t.Errorf("%d fetches in 30 s, want the first and one more", got)
	}
}

func TestS22_OneFetchForAThousand(t *testing.T) {
	i, c := newIssuer(t, nil), newClock()
	enter := make(chan struct{})
	good := has(t, newKey(t, keys.ES256, "a"))
	i.does(func(w http.ResponseWriter, r *http.Request) { <-enter; good(w, r) })
	set := remote(t, i.URL, options(c, jwks.Network{}))
	var wait sync.WaitGroup
	ctx := &waitedOn{Context: t.Context()}
	ask := func(kid string) {
		wait.Go(func() {
			if list, err := set.Keys(ctx, kid); err != nil || idsOf(list)[0] != "a" {
				t.Errorf("got %v, %v", list, err)
			}
		})
	}
	for n := range 1000 {
		ask(fmt.Sprint(n % 3))
	}
	testkit.Eventually(t, "the fetch has begun and all wait for it", func() bool { return i.fetches.Load() > 0 && ctx.waits.Load() == 1000 })
	c.advance(time.Minute) // the fetch takes longer than the cooldown
	ask("late")
	testkit.Eventually(t, "the late one waits too", func() bool { return ctx.waits.Load() == 1001 })
	close(enter)
	wait.Wait()
	if got := i.fetches.Load(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

// waitedOn counts the callers that have begun to wait until it is done.
type waitedOn struct {
	context.Context
	waits atomic.Int32
}

func (w *waitedOn) Done() <-chan struct{} {
	w.waits.Add(1)
	return w.Context.Done()
}

func TestS22_SameIDNewMaterial(t *testing.T) {
	before, after := newKey(t, keys.ES256, "a"), newKey(t, keys.ES256, "a")
	i, c := newIssuer(t, has(t, before)), newClock()
	set := remote(t, i.URL, options(c, jwks.Network{}))
	gives(t, set, "a", "a")
	i.does(has(t, after))
	c.advance(jwks.DefaultRefresh)
	list, err := set.Keys(t.Context(), "a")
	if err != nil || len(list) != 1 || !list[0].SameMaterial(after) {
		t.Errorf("got %v, %v: not the new key", list, err)
	}
}

func TestS22_NewKeyAfterCooldown(t *testing.T) {
	a, b := newKey(t, keys.ES256, "a"), newKey(t, keys.ES256, "b")
	i, c := newIssuer(t, has(t, a)), newClock()
	set := remote(t, i.URL, options(c, jwks.Network{}))
	gives(t, set, "a", "a")
	i.does(has(t, a, b))
	c.advance(jwks.Cooldown - 1)
	gives(t, set, "b", "a")
	c.advance(1)
	gives(t, set, "b", "a b")
}

func TestS23_AgeOfKeys(t *testing.T) {
	a, b := newKey(t, keys.ES256, "a"), newKey(t, keys.ES256, "b")
	cached := func(header string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if header != "" {
				w.Header().Set("Cache-Control", header)
			}
			has(t, a)(w, r)
		}
	}
	for name, tc := range map[string]struct {
		header  string
		refresh time.Duration
		fresh   time.Duration
	}{
		"by default":             {"", 0, 5 * time.Minute},
		"from the option":        {"", time.Hour, time.Hour},
		"shorter":                {"public, max-age=60", 0, time.Minute},
		"longer than the option": {"max-age=86400", 0, 5 * time.Minute},
		"no max-age":             {"no-store", 0, jwks.Cooldown},
		"zero":                   {"max-age=0", 0, jwks.Cooldown},
		"shortest of several":    {"max-age=200, max-age=100, s-maxage=1", 0, 100 * time.Second},
		"any case, quoted":       {`MAX-AGE="120"`, 0, 2 * time.Minute},
		"not a number":           {"max-age=-1", 0, 5 * time.Minute},
		"too large a number":     {"max-age=99999999999999999999", 0, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			i, c := newIssuer(t, cached(tc.header)), newClock()
			o := options(c, jwks.Network{})
			o.Refresh = tc.refresh
			set := remote(t, i.URL, o)
			gives(t, set, "", "a")
			if set.Cached() == nil {
				t.Error("new keys are treated as old")
			}
			i.does(has(t, b)) // a is removed
			c.advance(tc.fresh - 1)
			gives(t, set, "a", "a")
			c.advance(1)
			if set.Cached() != nil {
				t.Error("old keys are treated as fresh")
			}
			gives(t, set, "a", "b")
		})
	}
}

// TestS23_RefreshedAhead: a removed key stops verifying within the time to live even
// under constant use, and until then no call waits for the fetch.
func TestS23_RefreshedAhead(t *testing.T) {
	i, c := newIssuer(t, has(t, newKey(t, keys.ES256, "a"))), newClock()
	set := remote(t, i.URL, options(c, jwks.Network{}))
	gives(t, set, "", "a")
	c.advance(jwks.DefaultRefresh*3/4 - 1)
	set.Cached()
	if got := i.fetches.Load(); got != 1 || set.Fetching() {
		t.Errorf("%d fetches of fresh keys, another in progress: %v", got, set.Fetching())
	}
	enter := make(chan struct{})
	next := has(t, newKey(t, keys.ES256, "b"))
	i.does(func(w http.ResponseWriter, r *http.Request) { <-enter; next(w, r) })
	c.advance(1)
	if got := idsOf(set.Cached()); len(got) != 1 || got[0] != "a" {
		t.Fatalf("got keys %v", got)
	}
	testkit.Eventually(t, "it is fetched meanwhile", func() bool { return i.fetches.Load() == 2 })
	close(enter)
	testkit.Eventually(t, "the new set is there", func() bool { return idsOf(set.Cached())[0] == "b" })
}

func TestS23_LastGoodSetUntilMaxStale(t *testing.T) {
	a := newKey(t, keys.ES256, "a")
	i, c := newIssuer(t, has(t, a)), newClock()
	o := options(c, jwks.Network{})
	o.MaxStale = 20 * time.Minute
	set := remote(t, i.URL, o)
	gives(t, set, "", "a")
	i.does(says(`{"keys":[]}`))
	for c.advance(5 * time.Minute); c.now().Before(newClock().at.Add(o.MaxStale)); c.advance(time.Minute) {
		gives(t, set, "a", "a")
		gives(t, set, "", "a")
		// Old keys are not enough to refuse a token (S24).
		gives(t, set, "unknown", string(fault.KeySetUnavailable))
	}
	gives(t, set, "a", string(fault.KeySetUnavailable))
	_, err := set.Keys(t.Context(), "a")
	if !fault.Has(err, fault.KeySetEmpty) {
		t.Errorf("%v does not describe the fault of the newer set", err)
	}
	i.does(has(t, a))
	c.advance(time.Minute)
	gives(t, set, "a", "a")
}

// TestS23_StaleKeysDoNotWait: when an issuer stops responding, one caller waits, and the
// following ones do not.
func TestS23_StaleKeysDoNotWait(t *testing.T) {
	i, c := newIssuer(t, has(t, newKey(t, keys.ES256, "a"))), newClock()
	set := remote(t, i.URL, options(c, jwks.Network{}))
	gives(t, set, "", "a")
	set.Limit(soon)
	i.does(i.hangs)
	c.advance(jwks.DefaultRefresh)
	gives(t, set, "a", "a")
	c.advance(jwks.Cooldown)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the result must not depend on waiting
	if list, err := set.Keys(ctx, "a"); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
	// A fetch may give up before it has reached the issuer.
	testkit.Eventually(t, "it is tried again meanwhile", func() bool { return set.Status().Failed == 2 })
}

// TestS23_NewKeyAfterFailure: callers wait for an unknown key ID, even if the last fetch
// from the issuer failed.
func TestS23_NewKeyAfterFailure(t *testing.T) {
	a, b := newKey(t, keys.ES256, "a"), newKey(t, keys.ES256, "b")
	i, c := newIssuer(t, has(t, a)), newClock()
	set := remote(t, i.URL, options(c, jwks.Network{}))
	gives(t, set, "", "a")
	i.does(http.NotFound)
	c.advance(jwks.Cooldown)
	gives(t, set, "b", "a")
	i.does(has(t, a, b))
	c.advance(jwks.Cooldown)
	gives(t, set, "b", "a b")
}

func TestS24_ColdSetIsUnavailable(t *testing.T) {
	i, c := newIssuer(t, http.NotFound), newClock()
	set := remote(t, i.URL, options(c, jwks.Network{}))
	ring, err := keys.NewRing([]*keys.Key{newKey(t, keys.ES256, "mine")}, set)
	if err != nil {
		t.Fatal(err)
	}
	find := func(kid string) fault.Code {
		_, err := ring.Find(t.Context(), keys.Query{KeyID: &kid, Algorithm: keys.ES256})
		return fault.CodeOf(err)
	}
	if got := find("theirs"); got != fault.KeySetUnavailable {
		t.Errorf("got %q, want %q", got, fault.KeySetUnavailable)
	}
	if got := find("mine"); got != "" {
		t.Errorf("a static key: got %q, want none", got)
	}
	for range 100 {
		find("theirs")
	}
	if got := i.fetches.Load(); got != 1 {
		t.Errorf("an unavailable set was fetched %d times at once, want 1", got)
	}
	i.does(has(t, newKey(t, keys.ES256, "theirs")))
	c.advance(jwks.ColdRetry)
	if got := find("theirs"); got != "" {
		t.Errorf("once available: got %q, want none", got)
	}
}

// TestPrefetchFetchesOnce: Prefetch fetches a set once, before a token needs it.
func TestPrefetchFetchesOnce(t *testing.T) {
	i, c := newIssuer(t, has(t, newKey(t, keys.ES256, "a"))), newClock()
	set := remote(t, i.URL, options(c, jwks.Network{}))
	set.Prefetch()
	set.Prefetch()
	testkit.Eventually(t, "the keys are there", func() bool { return set.Cached() != nil })
	set.Prefetch()
	gives(t, set, "a", "a")
	if got := i.fetches.Load(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}
