package jwks

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// How long the keys of others are believed (S22, S23).
const (
	// DefaultRefresh is the longest time between two fetches: a key that its
	// issuer removed stops verifying within it.
	DefaultRefresh = 5 * time.Minute
	// DefaultMaxStale is how long the last good keys serve while every fetch fails.
	DefaultMaxStale = time.Hour
	// Cooldown is the shortest time between two fetches of a set that has keys,
	// whatever ids tokens name and whatever Cache-Control says.
	Cooldown = 30 * time.Second
	// ColdRetry is the same for a set that has none.
	ColdRetry = 5 * time.Second
	// CallPatience is how long a call waits for a key set that does not answer.
	CallPatience = 2 * time.Second
)

// Keys in use are fetched again ahead of their end, after a part of Refresh
// between these: replicas that began together do not go on together.
const (
	EarliestAhead = 0.6
	LatestAhead   = 0.9
)

// RemoteOptions say whose keys a set holds and how long they are believed.
type RemoteOptions struct {
	// Issuer is the issuer that the keys are bound to, "" for none (A20). Of a
	// discovered set it is the issuer itself.
	Issuer string
	// Rules are what tokens signed by the keys must have.
	Rules keys.Rules
	// KeyID picks the keys of the set, as keys.Pick does; "" for all.
	KeyID string
	// Algorithms are those that the keys may be used with; none means all that
	// fit.
	Algorithms []keys.Algorithm
	// Refresh is the longest time between two fetches; a Cache-Control max-age
	// makes it shorter, but not below Cooldown. DefaultRefresh by default.
	Refresh time.Duration
	// MaxStale is how long after its fetch a set is still used when newer ones
	// cannot be had; DefaultMaxStale by default. While it is fresh, it is used
	// in any case.
	MaxStale time.Duration
	Network  Network
	// Patience, unless 0, is how long after its beginning a fetch is waited for. It
	// goes on then, and its keys count when it ends.
	Patience time.Duration
	// Random, unless nil, returns a number in [0, 1) that decides when
	// between EarliestAhead and LatestAhead the next fetch is; without it, that is
	// in the middle. It must be safe for concurrent use.
	Random func() float64
	// Now is the clock of the machine, and Log is called for fetches that fail;
	// both are needed.
	Now func() time.Time
	Log *slog.Logger
}

// Remote is a key set that somebody else publishes. It implements keys.Set.
//
// It is fetched when first needed, once for all who wait; then again before
// Refresh is over, or after Cooldown for a key id it does not have. A fetch that
// fails, or brings no usable key, leaves the last good keys for MaxStale.
type Remote struct {
	options RemoteOptions
	where   string // of the set, or the issuer to discover it from
	locate  func(context.Context) (string, error)
	fetcher *fetcher

	mu      sync.Mutex
	held    []*keys.Key // the last good set
	passed  keys.Loaded // what else was in it
	fetched time.Time   // when that was
	ttl     time.Duration
	ahead   time.Duration // the age to fetch newer ones at, while these are fresh
	tried   time.Time     // when the last fetch began, zero before the first
	problem error         // of the last fetch
	flight  chan struct{} // closed when the fetch under way ends; nil if there is none

	succeeded, failed uint64 // fetches
}

// NewRemote returns the set at address, an http or https URL. It fetches
// nothing yet. It returns key_set_url_not_allowed for a URL that Network does
// not permit, and usage for ages that make no sense.
func NewRemote(address string, o RemoteOptions) (*Remote, error) {
	r, err := newRemote(address, o)
	if err != nil {
		return nil, err
	}
	r.locate = func(context.Context) (string, error) { return address, nil }
	return r, nil
}

// NewDiscovered returns the set that the OpenID Connect issuer at the URL
// issuer names in its discovery document, bound to that issuer. Its errors are
// those of NewRemote.
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
		return nil, fault.New(fault.UsageError, "max stale", "%s is negative", o.MaxStale)
	}
	if o.Refresh == 0 {
		o.Refresh = DefaultRefresh
	}
	if o.MaxStale == 0 {
		o.MaxStale = DefaultMaxStale
	}
	if o.Random == nil {
		o.Random = func() float64 { return 0.5 }
	}
	f := newFetcher(o.Network)
	if _, err := f.parseURL(where); err != nil {
		return nil, err
	}
	return &Remote{options: o, where: where, fetcher: f}, nil
}

// Issuer returns the issuer that the keys are bound to, "" for none.
func (r *Remote) Issuer() string { return r.options.Issuer }

// Held returns the keys if they are fresh, without waiting; nil if they must be
// requested with Keys. Keys about to grow old are fetched again meanwhile.
func (r *Remote) Held() []*keys.Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	age := now.Sub(r.fetched)
	if r.held == nil || age >= r.ttl {
		return nil
	}
	if age >= r.ahead && r.mayFetch(now) {
		r.start(now)
	}
	return r.held
}

// Keys returns the keys as fresh as they can be had: it waits for a fetch where
// they are missing, old or without kid, and one may be made; but not for an
// issuer that failed the last time and still has keys to believe.
//
// It returns key_set_unavailable where there are none, or none young enough,
// and where ctx ends first.
func (r *Remote) Keys(ctx context.Context, kid string) ([]*keys.Key, error) {
	r.mu.Lock()
	now := r.options.Now()
	if now.Sub(r.fetched) < r.ttl && r.knows(kid) {
		defer r.mu.Unlock()
		return r.held, nil
	}
	if r.mayFetch(now) {
		r.start(now)
	}
	flight, tried := r.flight, r.tried
	// The last fetch failed: that of now may take its time, the keys are known.
	failing := r.problem != nil && now.Sub(r.fetched) < r.options.MaxStale && r.speaksFor(kid)
	r.mu.Unlock()
	if flight != nil && !failing {
		if err := r.await(ctx, flight, now.Sub(tried)); err != nil {
			return nil, err
		}
	}
	return r.believed(now, kid)
}

// believed returns the keys as they are after all that could be done at now.
// Of an id that they do not have, old keys say nothing, so that their answer is
// an error rather than a refusal (S24).
func (r *Remote) believed(now time.Time, kid string) ([]*keys.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	age := now.Sub(r.fetched)
	switch {
	case r.held == nil:
		return nil, r.problem
	case age < r.ttl, age < r.options.MaxStale && r.knows(kid):
		return r.held, nil
	}
	err := fault.New(fault.KeySetUnavailable, label(r.where), "its keys are %s old, and fetching newer ones failed: %w", age.Truncate(time.Second), r.problem)
	if age < r.options.MaxStale && r.speaksFor(kid) {
		return r.held, err
	}
	return nil, err
}

// PassedOver returns why the key called kid of the last set is not used; nil if
// there is none.
func (r *Remote) PassedOver(kid string) *fault.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed.Problem(kid)
}

// knows reports whether there are keys and, unless kid is empty, one of that id.
// r.mu is held.
func (r *Remote) knows(kid string) bool {
	return r.held != nil && (kid == "" || slices.ContainsFunc(r.held, func(k *keys.Key) bool { return k.ID() == kid }))
}

// speaksFor is knows, but a key whose id no one chose is tried for any (A21), so
// that a set of such keys serves as long as others do. r.mu is held.
func (r *Remote) speaksFor(kid string) bool {
	return r.knows(kid) || slices.ContainsFunc(r.held, func(k *keys.Key) bool { return !k.HasOwnID() })
}
