package keys

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Set is a group of keys that may change at run time, such as a JWKS at a URL. It is safe
// for concurrent use.
type Set interface {
	// Issuer returns the issuer of all of its keys, or "".
	Issuer() string
	// Cached returns the keys that may be used now, without blocking. It returns nil if
	// only Keys can answer, which may take time.
	Cached() []*Key
	// Keys returns the current keys. kid, if not empty, is the ID wanted: a set without
	// it may fetch newer keys. An error means that the set cannot decide
	// (key_set_unavailable): keys returned along with it may verify a token, but not
	// refuse one.
	Keys(ctx context.Context, kid string) ([]*Key, error)
}

// Skipper is a Set that knows which of its keys are not used.
type Skipper interface {
	// SkipReason returns why the key called kid is not used, or nil.
	SkipReason(kid string) *fault.Error
}

// Ring holds the keys of a configuration, in order. It is immutable and safe for
// concurrent use.
type Ring struct {
	entries []entry
	// bound has the keys of each issuer, free those without an issuer (A20).
	bound map[string][]entry
	free  []entry
}

// entry is a key or a set of keys.
type entry struct {
	key *Key
	set Set
}

func (e entry) issuer() string {
	if e.set != nil {
		return e.set.Issuer()
	}
	return e.key.issuer
}

// NewRing returns the ring of list and sets, keys first. A duplicate key, for the same
// algorithms and able to sign if the first is, is included once. It returns key_ambiguous
// if two different keys of one issuer have the same ID.
func NewRing(list []*Key, sets ...Set) (*Ring, error) {
	r := &Ring{}
next:
	for _, k := range list {
		for _, e := range r.entries {
			if e.key.issuer == k.issuer && !e.key.rules.Equal(k.rules) && e.key.SameMaterial(k) {
				return nil, fault.New(fault.KeyAmbiguous, k.source, "the same key is also configured with different rules (%s)", e.key.source).
					WithHint("the issuer of a token could choose which rules apply")
			}
			if e.key.id != k.id || e.key.issuer != k.issuer {
				continue
			}
			if !e.key.SameMaterial(k) {
				return nil, fault.New(fault.KeyAmbiguous, k.source, "id %q is also the id of another key (%s)", quote.Shorten(k.id), e.key.source).
					WithHint("give each key its own id, or bind them to different issuers")
			}
			if slices.Equal(e.key.algs, k.algs) && (e.key.CanSign() || !k.CanSign()) && (e.key.CanVerify() || !k.CanVerify()) {
				continue next
			}
		}
		r.entries = append(r.entries, entry{key: k})
	}
	for _, s := range sets {
		r.entries = append(r.entries, entry{set: s})
	}
	r.bound = map[string][]entry{}
	for _, e := range r.entries {
		if iss := e.issuer(); iss != "" {
			r.bound[iss] = append(r.bound[iss], e)
		} else {
			r.free = append(r.free, e)
		}
	}
	return r, nil
}

// Keys returns the ring's own keys in order, without those of its sets.
func (r *Ring) Keys() []*Key {
	var list []*Key
	for _, e := range r.entries {
		if e.key != nil {
			list = append(list, e.key)
		}
	}
	return list
}

// Loaded returns the ring's keys and those that its sets hold now, in order.
func (r *Ring) Loaded() []*Key {
	var list []*Key
	for _, e := range r.entries {
		if e.set != nil {
			list = append(list, e.set.Cached()...)
		} else {
			list = append(list, e.key)
		}
	}
	return list
}

// Query holds what a token says about its key. Issuer and KeyID are nil if the token has
// none.
type Query struct {
	Issuer    *string
	KeyID     *string
	Algorithm Algorithm
	// Token is used to try keys without an ID of their own, since only the signature
	// shows whether such a key is the one that the token names (A21).
	Token SignatureChecker
}

// SignatureChecker is a token whose signature can be checked.
type SignatureChecker interface {
	// SignedBy reports whether k made the signature.
	SignedBy(k *Key) bool
}

// MaxTried is the maximum number of keys without an ID of their own that are tried for a
// token that names a key (A21).
const MaxTried = 8

// Find returns the key to verify a token's signature with. It selects by issuer (A20),
// then by key ID or, without one, the first key for the algorithm (A21); the key must
// allow the algorithm (A22). If no key has the ID, keys without an ID of their own are
// tried in order, at most MaxTried, and the first that made the signature is returned.
//
// Find first looks at the keys that the ring and its sets hold. Only if none matches does
// it ask the sets for newer keys, all at once, so that a slow set does not delay a token
// whose key is available elsewhere (S24).
//
// It returns key_not_found, algorithm_not_allowed, signature_invalid if keys were tried
// without success or, if a set that had to be asked did not answer, its error.
func (r *Ring) Find(ctx context.Context, q Query) (*Key, error) {
	entries := r.candidates(q.Issuer)
	if k := first(entries, q); k != nil {
		return k, nil
	}
	s := search{query: q, entries: entries, answers: make([]result, len(entries))}
	for i, e := range entries {
		s.answers[i] = e.cached()
	}
	if k := s.match(); k != nil {
		return k, nil
	}
	if k := s.querySets(ctx); k != nil {
		return k, nil
	}
	return nil, r.explain(q, s.failure())
}

// Development returns the ring's development key for a token whose signature is not
// checked, whatever its key ID and algorithm (A91). The issuer is still checked (A92): it
// returns key_not_found if no key may vouch for it.
func (r *Ring) Development(q Query) (*Key, error) {
	for _, e := range r.entries {
		if e.key != nil && e.key.Allows(None) && len(r.candidates(q.Issuer)) > 0 {
			return e.key, nil
		}
	}
	return nil, r.explain(q, fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer"))
}

// explain adds to a key_not_found error the likely reason: the issuer, if it rules out a
// key.
func (r *Ring) explain(q Query, err error) error {
	if q.Issuer == nil || !fault.Has(err, fault.KeyNotFound) || len(r.bound[*q.Issuer]) > 0 && !r.isBoundElsewhere(q) {
		return err
	}
	for _, issuer := range slices.Sorted(maps.Keys(r.bound)) {
		if slip := IssuerHint(*q.Issuer, issuer); slip != "" {
			return fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer; %s", slip).Quoting()
		}
	}
	switch {
	case r.isBoundElsewhere(q):
		return fault.New(fault.KeyNotFound, "kid", "no key of the token's issuer has the id %q, but a key of another issuer does", quote.Shorten(*q.KeyID))
	case len(r.free) == 0 && len(r.bound[*q.Issuer]) == 0 && len(r.bound) > 0:
		return fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer %q", quote.Shorten(*q.Issuer)).
			Quoting().WithHint("keys are configured for %s", r.issuers())
	}
	return err
}

// issuers lists the issuers that keys are bound to, up to a limit.
func (r *Ring) issuers() string {
	const most = 8
	var list []string
	for issuer := range r.bound {
		list = append(list, fmt.Sprintf("%q", quote.Shorten(issuer)))
	}
	slices.Sort(list)
	if len(list) > most {
		list = append(list[:most], "…")
	}
	return strings.Join(list, ", ")
}

// isBoundElsewhere reports whether one of the ring's own keys has the ID of q, but may not
// vouch for its issuer.
func (r *Ring) isBoundElsewhere(q Query) bool {
	return q.KeyID != nil && q.Issuer != nil && slices.ContainsFunc(r.Keys(), func(k *Key) bool { return k.id == *q.KeyID })
}

// candidates returns the entries that may vouch for a token of issuer (A20).
func (r *Ring) candidates(issuer *string) []entry {
	if issuer == nil {
		return r.entries
	}
	if bound := r.bound[*issuer]; len(bound) > 0 {
		return bound
	}
	return r.free
}

// Signer returns the key to sign a token with the given "iss", or nil for a token without
// one: the first key of that issuer that can sign, or else the first without an issuer
// that can; for a token without an issuer, the first that can (A23). A key bound to one
// issuer never signs for another (S89). kid, if not empty, limits the choice to keys with
// that ID.
//
// It returns key_missing, or why the key named by kid, or the ring's only key, cannot
// sign.
func (r *Ring) Signer(issuer *string, kid string) (*Key, error) {
	list := r.Keys()
	var best, named *Key
	bestRank := 0
	for _, k := range list {
		if kid != "" && k.id != kid {
			continue
		}
		named = cmp.Or(named, k)
		if rank := k.signerRank(issuer); rank > bestRank {
			best, bestRank = k, rank
		}
	}
	switch {
	case best != nil:
		return best, nil
	case kid != "" && named == nil:
		return nil, fault.New(fault.KeyMissing, "kid", "no key has the id %q", quote.Shorten(kid))
	case (kid != "" || len(list) == 1) && !named.CanSign():
		return nil, named.RequireSigner()
	case kid != "":
		return nil, fault.New(fault.KeyMissing, "kid", "key %q is bound to the issuer %q, but the token has %q", quote.Shorten(kid), quote.Shorten(named.issuer), quote.Shorten(*issuer))
	case issuer != nil:
		return nil, fault.New(fault.KeyMissing, "keys", "no key that can sign has the issuer %q or no issuer", quote.Shorten(*issuer))
	}
	return nil, fault.New(fault.KeyMissing, "keys", "no key can sign")
}

// signerRank returns how well k is suited to sign for issuer; 0 means not at all.
func (k *Key) signerRank(issuer *string) int {
	switch {
	case !k.CanSign():
		return 0
	case issuer == nil || k.issuer == *issuer:
		return 2
	case k.issuer == "":
		return 1
	}
	return 0
}
