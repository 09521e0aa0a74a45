package keys

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Set is a group of keys that may change while the program runs, such as a
// JWKS at a URL. It is safe for concurrent use.
type Set interface {
	// Issuer is the issuer of all of its keys, "" for none.
	Issuer() string
	// Keys returns the keys held now. kid, unless empty, is the id being looked
	// for, so that a set that has it not may look for newer keys. An error means
	// that there are no keys to decide by (key_set_unavailable).
	Keys(ctx context.Context, kid string) ([]*Key, error)
}

// Ring is the keys of one configuration, in its order. It is immutable and
// safe for concurrent use.
type Ring struct {
	entries []entry
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

// NewRing returns the ring of list and sets, keys first. The same key given
// twice, or as private and public half, counts once. It returns key_ambiguous
// where two different keys of one issuer have one id.
func NewRing(list []*Key, sets ...Set) (*Ring, error) {
	r := &Ring{}
next:
	for _, k := range list {
		for i, e := range r.entries {
			if e.key.id != k.id || e.key.issuer != k.issuer {
				continue
			}
			if !e.key.SameMaterial(k) {
				return nil, fault.New(fault.KeyAmbiguous, k.source, "its id %q is also that of another key (%s)", Shorten(k.id), e.key.source).
					WithHint("give each key an id of its own, or bind them to different issuers")
			}
			if !e.key.CanSign() {
				r.entries[i].key = k
			}
			continue next
		}
		r.entries = append(r.entries, entry{key: k})
	}
	for _, s := range sets {
		r.entries = append(r.entries, entry{set: s})
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

// Query is what a token says about the key it was signed with. Issuer and KeyID
// are nil where the token has none.
type Query struct {
	Issuer    *string
	KeyID     *string
	Algorithm Algorithm
}

// Find returns the key that a token's signature must be checked with: by
// issuer first (A20), then by key id or, without one, the first of the
// algorithm (A21); the algorithm must be one of the key's (A22).
//
// It returns key_not_found, algorithm_not_allowed, or, where a set that had to
// be asked could not answer, that set's error.
func (r *Ring) Find(ctx context.Context, q Query) (*Key, error) {
	kid := ""
	if q.KeyID != nil {
		kid = *q.KeyID
	}
	var unavailable error
	otherAlgorithm := false
	for _, e := range r.candidates(q.Issuer) {
		list := []*Key{e.key}
		if e.set != nil {
			var err error
			if list, err = e.set.Keys(ctx, kid); err != nil {
				if unavailable == nil {
					unavailable = err
				}
				continue
			}
		}
		for _, k := range list {
			if q.KeyID != nil && k.id != kid {
				continue
			}
			if k.Allows(q.Algorithm) {
				return k, nil
			}
			otherAlgorithm = true
		}
	}
	switch {
	case otherAlgorithm && q.KeyID != nil:
		return nil, fault.New(fault.AlgorithmNotAllowed, "alg", "%q is not the algorithm of key %s", Shorten(string(q.Algorithm)), Shorten(kid))
	case unavailable != nil:
		return nil, unavailable
	case otherAlgorithm:
		return nil, fault.New(fault.AlgorithmNotAllowed, "alg", "no key that may be used has the algorithm %q", Shorten(string(q.Algorithm)))
	case q.KeyID != nil:
		return nil, fault.New(fault.KeyNotFound, "kid", "no key has the id %q", Shorten(kid))
	}
	return nil, fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer")
}

// candidates returns the entries that may vouch for a token of issuer (A20).
func (r *Ring) candidates(issuer *string) []entry {
	if issuer == nil {
		return r.entries
	}
	bound, free := make([]entry, 0, len(r.entries)), make([]entry, 0, len(r.entries))
	for _, e := range r.entries {
		switch e.issuer() {
		case "":
			free = append(free, e)
		case *issuer:
			bound = append(bound, e)
		}
	}
	if len(bound) > 0 {
		return bound
	}
	return free
}

// Signer returns the key to sign a token of issuer with ("" for none): the
// first of that issuer that can sign, else the first without an issuer that
// can; without an issuer, the first that can (A23). kid, unless empty,
// overrides the choice.
//
// It returns key_missing, or the reason why the key named by kid, or a ring's
// only key, cannot sign.
func (r *Ring) Signer(issuer, kid string) (*Key, error) {
	var free, first *Key
	for _, k := range r.Keys() {
		if kid != "" {
			if k.id == kid {
				return k, k.RequireSigner()
			}
			continue
		}
		if !k.CanSign() {
			continue
		}
		if issuer != "" && k.issuer == issuer {
			return k, nil
		}
		if first == nil {
			first = k
		}
		if free == nil && k.issuer == "" {
			free = k
		}
	}
	switch list := r.Keys(); {
	case kid != "":
		return nil, fault.New(fault.KeyMissing, "--kid", "no key has the id %q", Shorten(kid))
	case issuer == "" && first != nil:
		return first, nil
	case issuer != "" && free != nil:
		return free, nil
	case len(list) == 1 && !list[0].CanSign():
		return nil, list[0].RequireSigner()
	case issuer != "":
		return nil, fault.New(fault.KeyMissing, "keys", "none that can sign has the issuer %q, and none is without an issuer", Shorten(issuer))
	}
	return nil, fault.New(fault.KeyMissing, "keys", "none of them can sign")
}
