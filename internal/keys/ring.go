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

// Set is a group of keys that may change while the program runs, such as a
// JWKS at a URL. It is safe for concurrent use.
type Set interface {
	// Issuer is the issuer of all of its keys, "" for none.
	Issuer() string
	// Held returns the keys that may be used now, at once; nil if Keys must be
	// asked, which may take its time.
	Held() []*Key
	// Keys returns the keys held now. kid, unless empty, is the id being looked
	// for, so that a set that has it not may look for newer keys. An error means
	// that there are no keys to decide by (key_set_unavailable): keys that are
	// returned with one count for a signature by them, but refuse no token.
	Keys(ctx context.Context, kid string) ([]*Key, error)
}

// PassesOver is a Set that knows the keys it does not use.
type PassesOver interface {
	// PassedOver returns why the key called kid is not used; nil if there is none.
	PassedOver(kid string) *fault.Error
}

// Ring is the keys of one configuration, in its order. It is immutable and
// safe for concurrent use.
type Ring struct {
	entries []entry
	// bound are those of each issuer, free those of none (A20).
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

// NewRing returns the ring of list and sets, keys first. A key that is there
// already, for the same algorithms and able to sign if it is, counts once. It
// returns key_ambiguous where two different keys of one issuer have one id.
func NewRing(list []*Key, sets ...Set) (*Ring, error) {
	r := &Ring{}
next:
	for _, k := range list {
		for _, e := range r.entries {
			if e.key.issuer == k.issuer && !e.key.rules.Equal(k.rules) && e.key.SameMaterial(k) {
				return nil, fault.New(fault.KeyAmbiguous, k.source, "the same key is also configured with other rules for its tokens (%s)", e.key.source).
					WithHint("the issuer of a token could choose which rules apply")
			}
			if e.key.id != k.id || e.key.issuer != k.issuer {
				continue
			}
			if !e.key.SameMaterial(k) {
				return nil, fault.New(fault.KeyAmbiguous, k.source, "its id %q is also that of another key (%s)", quote.Shorten(k.id), e.key.source).
					WithHint("give each key an id of its own, or bind them to different issuers")
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

// Held returns the ring's keys and those that its sets hold now, in order.
func (r *Ring) Held() []*Key {
	var list []*Key
	for _, e := range r.entries {
		if e.set != nil {
			list = append(list, e.set.Held()...)
		} else {
			list = append(list, e.key)
		}
	}
	return list
}

// Query is what a token says about the key it was signed with. Issuer and KeyID
// are nil where the token has none.
type Query struct {
	Issuer    *string
	KeyID     *string
	Algorithm Algorithm
	// Token is asked about keys whose id no one chose, since only the signature
	// reports whether such a key is the one that the token names (A21).
	Token Signed
}

// Signed is a token whose signature can be checked.
type Signed interface {
	// SignedBy reports whether the signature is one by k.
	SignedBy(k *Key) bool
}

// MaxTried is how many keys without an id of their own are tried for a token
// that names a key (A21).
const MaxTried = 8

// Find returns the key that a token's signature must be checked with: by
// issuer first (A20), then by key id or, without one, the first of the
// algorithm (A21); the algorithm must be one of the key's (A22). For an id that
// no key has, keys whose id no one chose are tried in order, MaxTried at most:
// the first that the signature is by, if there is one.
//
// What the ring and its sets hold is looked at first; only then are sets asked
// for newer keys, all at once, so that a slow one holds up no token whose key
// is available or in another (S24).
//
// It returns key_not_found, algorithm_not_allowed, signature_invalid where keys
// were tried in vain, or, where a set that had to be asked could not answer, that
// set's error.
func (r *Ring) Find(ctx context.Context, q Query) (*Key, error) {
	entries := r.candidates(q.Issuer)
	if k := first(entries, q); k != nil {
		return k, nil
	}
	s := search{query: q, entries: entries, answers: make([]answer, len(entries))}
	for i, e := range entries {
		s.answers[i] = e.held()
	}
	if k := s.match(); k != nil {
		return k, nil
	}
	if k := s.ask(ctx); k != nil {
		return k, nil
	}
	return nil, r.explain(q, s.failure())
}

// Development returns the ring's development key for a token whose signature is
// not looked at, whatever its key id and algorithm (A91). The issuer still
// counts (A92): it returns key_not_found where no key may vouch for it.
func (r *Ring) Development(q Query) (*Key, error) {
	for _, e := range r.entries {
		if e.key != nil && e.key.Allows(None) && len(r.candidates(q.Issuer)) > 0 {
			return e.key, nil
		}
	}
	return nil, r.explain(q, fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer"))
}

// explain gives a key_not_found the reason that a person looks for: the issuer,
// where that is why a key is not a candidate.
func (r *Ring) explain(q Query, err error) error {
	if q.Issuer == nil || !fault.Has(err, fault.KeyNotFound) || len(r.bound[*q.Issuer]) > 0 && !r.bindsElsewhere(q) {
		return err
	}
	for _, issuer := range slices.Sorted(maps.Keys(r.bound)) {
		if slip := IssuerSlip(*q.Issuer, issuer); slip != "" {
			return fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer; %s", slip)
		}
	}
	switch {
	case r.bindsElsewhere(q):
		return fault.New(fault.KeyNotFound, "kid", "no key of the token's issuer has the id %q; one of another issuer has", quote.Shorten(*q.KeyID))
	case len(r.free) == 0 && len(r.bound[*q.Issuer]) == 0 && len(r.bound) > 0:
		return fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer %q", quote.Shorten(*q.Issuer)).
			WithHint("keys are configured for %s", r.issuers())
	}
	return err
}

// issuers lists the issuers that keys are bound to, the first few of them.
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

// bindsElsewhere reports whether a key of the ring's own has the id that q names,
// and may not vouch for its issuer.
func (r *Ring) bindsElsewhere(q Query) bool {
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

// Signer returns the key to sign a token with whose "iss" is issuer, nil for a
// token without: the first key of that issuer that can sign, else the first
// without an issuer that can; for a token without an issuer, the first that can
// (A23). A key that is bound to one issuer never signs for another (S89). kid,
// unless empty, narrows the choice to the keys with that id.
//
// It returns key_missing, or the reason why the key named by kid, or a ring's
// only key, cannot sign.
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
		return nil, fault.New(fault.KeyMissing, "kid", "the key %q is bound to the issuer %q, and the token's is %q", quote.Shorten(kid), quote.Shorten(named.issuer), quote.Shorten(*issuer))
	case issuer != nil:
		return nil, fault.New(fault.KeyMissing, "keys", "none that can sign has the issuer %q, and none is without an issuer", quote.Shorten(*issuer))
	}
	return nil, fault.New(fault.KeyMissing, "keys", "none of them can sign")
}

// signerRank returns how well k suits to sign for issuer; 0 is not at all.
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
