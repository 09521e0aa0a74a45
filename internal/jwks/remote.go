package jwks

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// How long remote keys are trusted (S22, S23).
const (
	// DefaultRefresh is the longest time between two fetches: a key that its issuer
	// removed stops verifying within this time.
	DefaultRefresh = 5 * time.Minute
	// DefaultMaxStale is how long the last good keys are used while every fetch fails.
	DefaultMaxStale = time.Hour
	// Cooldown is the shortest time between two fetches of a set that has keys, whatever
	// key IDs tokens name and whatever Cache-Control says.
	Cooldown = 30 * time.Second
	// ColdRetry is the same for a set without keys.
	ColdRetry = 5 * time.Second
	// CallTimeout is how long a call waits for a key set that does not respond.
	CallTimeout = 2 * time.Second
)

// Keys in use are fetched again early, after a fraction of Refresh between these two, so
// that replicas that started together do not all fetch at the same time.
const (
	MinRefreshFraction = 0.6
	MaxRefreshFraction = 0.9
)

// RemoteOptions configure which keys a set holds and how long they are trusted.
type RemoteOptions struct {
	// Issuer is the issuer that the keys are bound to, or "" (A20). For a discovered set
	// it is the issuer itself.
	Issuer string
	// Rules are additional requirements for tokens signed by the keys.
	Rules keys.Rules
	// KeyID selects keys of the set, as keys.Pick does; "" means all.
	KeyID string
	// Algorithms limits the algorithms that the keys may be used with; empty means all
	// that fit.
	Algorithms []keys.Algorithm
	// Refresh is the longest time between two fetches; the default is DefaultRefresh. A
	// Cache-Control max-age shortens it, but not below Cooldown.
	Refresh time.Duration
	// MaxStale is how long after its fetch a set is still used if fetching fails; the
	// default is DefaultMaxStale. A fresh set is used in any case.
	MaxStale time.Duration
	Network  Network
	// CallTimeout, if not 0, is how long callers wait for a fetch, from its start. The fetch
	// then continues, and its keys are used when it ends.
	CallTimeout time.Duration
	// Random, if not nil, returns a number in [0, 1) that places the next fetch between
	// MinRefreshFraction and MaxRefreshFraction; by default it is in the middle. It must be safe for
	// concurrent use.
	Random func() float64
	// Now is the clock, and Log gets failed fetches; both are required.
	Now func() time.Time
	Log *slog.Logger
}

// Remote is a key set published elsewhere. It implements keys.Set.
//
// It is fetched when first needed, once for all waiting callers; then again before
// Refresh is over, or after Cooldown for an unknown key ID. If a fetch fails or returns
// no usable key, the last good keys stay in use for MaxStale.
type Remote struct {
	options  RemoteOptions
	location string // the set's URL, or the issuer to discover it from
	locate   func(context.Context) (string, error)
	fetcher  *fetcher

	mu         sync.Mutex
	keys       []*keys.Key // the last good set
	loaded     keys.Loaded // skipped keys of that set
	fetched    time.Time   // when it was fetched
	ttl        time.Duration
	refreshAge time.Duration // the age at which to fetch fresh keys again
	lastFetch  time.Time     // when the last fetch began; zero before the first
	problem    error         // of the last fetch
	inFlight   chan struct{} // closed when the current fetch ends; nil if there is none

	succeeded, failed uint64 // fetches
}

// NewRemote returns the set at address, an http or https URL, without fetching it yet. It
// returns key_set_url_not_allowed for a URL that Network does not permit, and a usage
// error for invalid durations.
func NewRemote(address string, o RemoteOptions) (*Remote, error) {
	r, err := newRemote(address, o)
	if err != nil {
		return nil, err
	}
	r.locate = func(context.Context) (string, error) { return address, nil }
	return r, nil
}

// NewDiscovered returns the set that the OpenID Connect issuer at the URL issuer names in
// its discovery document. The keys are bound to that issuer. Its errors are those of
// NewRemote.
func NewDiscovered(issuer string, o RemoteOptions) (*Remote, error) {
	o.Issuer = issuer
	r, err := newRemote(issuer, o)
	if err != nil {
		return nil, err
	}
	r.locate = func(ctx context.Context) (string, error) { return r.fetcher.discover(ctx, issuer) }
	return r, nil
}

func newRemote(where string, o RemoteOptions) (*Remote, error) {
	switch {
	case o.Refresh < 0 || o.Refresh > 0 && o.Refresh < Cooldown:
		return nil, fault.New(fault.UsageError, "refresh interval", "%s; at least %s", o.Refresh, Cooldown)
	case o.MaxStale < 0:
		return nil, fault.New(fault.UsageError, "max stale", "must not be negative (got %s)", quote.Duration(o.MaxStale))
	}
	o.Refresh = cmp.Or(o.Refresh, DefaultRefresh)
	o.MaxStale = cmp.Or(o.MaxStale, DefaultMaxStale)
	if o.Random == nil {
		o.Random = func() float64 { return 0.5 }
	}
	f := newFetcher(o.Network)
	if _, err := f.parseURL(where); err != nil {
		return nil, err
	}
	return &Remote{options: o, location: where, fetcher: f}, nil
}

// Issuer returns the issuer that the keys are bound to, or "".
func (r *Remote) Issuer() string { return r.options.Issuer }

// Cached returns the keys if they are fresh, without waiting, and nil if Keys must be
// called. If the keys are about to expire, it starts a fetch in the background.
func (r *Remote) Cached() []*keys.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	age := now.Sub(r.fetched)
	if r.keys == nil || age >= r.ttl {
		return nil
	}
	if age >= r.refreshAge && r.mayFetch(now) {
		r.start(now)
	}
	return r.keys
}

// Keys returns the freshest available keys. It waits for a fetch, if one is permitted,
// when keys are missing, old or do not include kid. It does not wait if the last fetch
// from the issuer failed and there are keys to use.
//
// It returns key_set_unavailable if there are no keys, if they are too old, or if ctx
// ends first.
func (r *Remote) Keys(ctx context.Context, kid string) ([]*keys.Key, error) {
	r.mu.Lock()
	now := r.options.Now()
	if now.Sub(r.fetched) < r.ttl && r.has(kid) {
		defer r.mu.Unlock()
		return r.keys, nil
	}
	if r.mayFetch(now) {
		r.start(now)
	}
	flight, tried := r.inFlight, r.lastFetch
	// The last fetch failed: this one may take its time, since the keys are known.
	failing := r.problem != nil && now.Sub(r.fetched) < r.options.MaxStale && r.mayHave(kid)
	r.mu.Unlock()
	if flight != nil && !failing {
		if err := r.await(ctx, flight, now.Sub(tried)); err != nil {
			return nil, err
		}
	}
	return r.fallback(now, kid)
}

// fallback returns the keys after everything that was possible at now. If old keys do not
// include the wanted ID, the result is an error rather than a refusal, since the key may
// be new (S24).
func (r *Remote) fallback(now time.Time, kid string) ([]*keys.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	age := now.Sub(r.fetched)
	switch {
	case r.keys == nil:
		return nil, r.problem
	case age < r.ttl, age < r.options.MaxStale && r.has(kid):
		return r.keys, nil
	}
	err := fault.New(fault.KeySetUnavailable, label(r.location), "its keys are %s old, and fetching new ones failed: %w", age.Truncate(time.Second), r.problem)
	if age < r.options.MaxStale && r.mayHave(kid) {
		return r.keys, err
	}
	return nil, err
}

// SkipReason returns why the key called kid of the last set is not used, or nil.
func (r *Remote) SkipReason(kid string) *fault.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded.Problem(kid)
}

// has reports whether there are keys and, unless kid is empty, one with that ID. r.mu
// must be held.
func (r *Remote) has(kid string) bool {
	return r.keys != nil && (kid == "" || slices.ContainsFunc(r.keys, func(k *keys.Key) bool { return k.ID() == kid }))
}

// mayHave is like has, but a key without an ID of its own matches any ID, as it is
// tried for any (A21): a set of such keys is used as long as others are. r.mu must be
// held.
func (r *Remote) mayHave(kid string) bool {
	return r.has(kid) || slices.ContainsFunc(r.keys, func(k *keys.Key) bool { return !k.HasExplicitID() })
}
