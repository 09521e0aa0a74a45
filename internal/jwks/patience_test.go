package jwks_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestS24_OneSlowIssuerDelaysNoOther(t *testing.T) {
	c := newClock()
	slow := newIssuer(t, nil)
	slow.does(slow.hangs)
	quick := newIssuer(t, has(t, newKey(t, keys.ES256, "b")))
	var sets []keys.Set
	for range 20 {
		set := remote(t, slow.URL, options(c, jwks.Network{}))
		set.Limit(time.Hour)
		sets = append(sets, set)
	}
	sets = append(sets, remote(t, quick.URL, options(c, jwks.Network{})))
	ring, err := keys.NewRing(nil, sets...)
	if err != nil {
		t.Fatal(err)
	}
	kid := "b"
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	for range 3 {
		if _, err := ring.Find(ctx, keys.Query{KeyID: &kid, Algorithm: keys.ES256}); err != nil {
			t.Error(err)
		}
	}
	if ctx.Err() != nil {
		t.Error("Find waited for the slow sets")
	}
}

func TestS24_CallerMayGiveUp(t *testing.T) {
	i, c := newIssuer(t, nil), newClock()
	i.does(i.hangs)
	set := remote(t, i.URL, options(c, jwks.Network{}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := set.Keys(ctx, "")
	if !errors.Is(err, context.DeadlineExceeded) || fault.CodeOf(err) != fault.KeySetUnavailable || !set.Fetching() {
		t.Errorf("got %v, fetch in progress %v", err, set.Fetching())
	}
}

// TestPatienceEndsTheWait: once patience is over, callers get an error that the set is
// unavailable. The fetch goes on and its result is used; the next caller does not wait
// again.
func TestPatienceEndsTheWait(t *testing.T) {
	i, c := newIssuer(t, nil), newClock()
	enter := make(chan struct{})
	good := has(t, newKey(t, keys.ES256, "a"))
	i.does(func(w http.ResponseWriter, r *http.Request) { <-enter; good(w, r) })
	o := options(c, jwks.Network{})
	o.CallTimeout = 50 * time.Millisecond
	set := remote(t, i.URL, o)
	asks := func(what string) {
		t.Helper()
		if _, err := set.Keys(t.Context(), "a"); fault.CodeOf(err) != fault.KeySetUnavailable {
			t.Errorf("%s: got %v, want %v", what, err, fault.KeySetUnavailable)
		}
	}
	asks("the first")
	c.advance(o.CallTimeout)
	asks("the next")
	close(enter)
	testkit.Eventually(t, "the keys are there", func() bool { return set.Cached() != nil })
	gives(t, set, "a", "a")
	if got := i.fetches.Load(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}
