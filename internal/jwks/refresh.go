package jwks

import (
	"context"
	"errors"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// await waits for the end of flight, a fetch that began long ago.
func (r *Remote) await(ctx context.Context, flight <-chan struct{}, long time.Duration) error {
	var over <-chan time.Time
	if r.options.CallTimeout > 0 {
		timer := time.NewTimer(r.options.CallTimeout - long)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-flight:
		return nil
	case <-ctx.Done():
		return fault.New(fault.KeySetUnavailable, label(r.location), "gave up waiting for it: %w", ctx.Err())
	case <-over:
	}
	select {
	case <-flight: // both are ready
		return nil
	default:
		return fault.New(fault.KeySetUnavailable, label(r.location), "does not answer within %s", r.options.CallTimeout)
	}
}

// Prefetch starts fetching the set if that has not happened yet, so that the first token
// need not wait.
func (r *Remote) Prefetch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inFlight == nil && r.lastFetch.IsZero() {
		r.start(r.options.Now())
	}
}

// mayFetch reports whether a fetch may start at now. r.mu must be held.
func (r *Remote) mayFetch(now time.Time) bool {
	pause := Cooldown
	if r.keys == nil {
		pause = ColdRetry
	}
	return r.inFlight == nil && (r.lastFetch.IsZero() || now.Sub(r.lastFetch) >= pause)
}

// start starts a fetch. It does not use a caller's context, since all callers wait for
// the same fetch. r.mu must be held.
func (r *Remote) start(now time.Time) {
	flight := make(chan struct{})
	r.inFlight, r.lastFetch = flight, now
	go func() {
		loaded, ttl, err := r.fetch()
		r.mu.Lock()
		defer r.mu.Unlock()
		defer close(flight)
		r.inFlight, r.problem = nil, err
		if err != nil {
			r.failed++
			if r.keys != nil { // otherwise those who wait get the error
				r.options.Log.Warn("fetching a key set failed, keeping the last good one", "code", fault.CodeOf(err), "error", err)
			}
			return
		}
		r.succeeded++
		r.keys, r.loaded, r.ttl, r.fetched = loaded.Keys, keys.Loaded{Entries: loaded.Skipped()}, ttl, now
		r.refreshAge = time.Duration(float64(ttl) * (MinRefreshFraction + (MaxRefreshFraction-MinRefreshFraction)*r.options.Random()))
	}()
}

// fetch returns the set and how long it is fresh.
func (r *Remote) fetch() (loaded keys.Loaded, ttl time.Duration, err error) {
	defer func() {
		if v := recover(); v != nil { // a panic in the background would end the program
			err = fault.New(fault.KeySetUnavailable, label(r.location), "reading failed (panic)")
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), r.fetcher.network.Timeout)
	defer cancel()
	address, err := r.locate(ctx)
	if err != nil {
		return keys.Loaded{}, 0, err
	}
	a, err := r.fetcher.get(ctx, address)
	if err != nil {
		return keys.Loaded{}, 0, err
	}
	if loaded, err = r.options.parse(a.body, label(address), true); err != nil {
		return keys.Loaded{}, 0, unavailable(err)
	}
	ttl = r.options.Refresh
	if a.maxAge != nil {
		ttl = min(ttl, max(*a.maxAge, Cooldown))
	}
	return loaded, ttl, nil
}

// unavailable gives err the code that does not blame the token (S24).
func unavailable(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return fault.New(fault.KeySetUnavailable, "", "%w", err)
	}
	return &fault.Error{Code: fault.KeySetUnavailable, What: f.What, Reason: f.Reason, Hint: f.Hint, Remedy: f.Remedy, Cause: err}
}
