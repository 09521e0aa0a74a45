package keys

import (
	"context"
	"slices"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// search looks for a key among the entries that may vouch for a token.
type search struct {
	query   Query
	entries []entry
	answers []result // by index in entries
	tried   []*Key   // keys without an ID of their own that did not make the signature
}

// result is the result of an entry.
type result struct {
	known bool // false while a set has not answered
	one   *Key // if the entry is a single key
	list  []*Key
	err   error
}

// cached returns what e can answer without blocking.
func (e entry) cached() result {
	if e.set == nil {
		return result{known: true, one: e.key}
	}
	list := e.set.Cached()
	return result{known: list != nil, list: list}
}

// first is search.match for what entries hold, without allocating: enough for most
// tokens.
func first(entries []entry, q Query) *Key {
	for _, e := range entries {
		a := e.cached()
		if q.KeyID == nil && !a.known {
			return nil
		}
		if k, _ := q.pick(&a); k != nil {
			return k
		}
	}
	return nil
}

// pick returns the first key of a that may have signed the token, or nil; named reports
// whether the token names one of them.
func (q *Query) pick(a *result) (k *Key, named bool) {
	if a.one != nil && q.matches(a.one) {
		if named = true; a.one.Allows(q.Algorithm) {
			return a.one, true
		}
	}
	for _, k := range a.list {
		if !q.matches(k) {
			continue
		}
		if named = true; k.Allows(q.Algorithm) {
			return k, true
		}
	}
	return nil, named
}

func (s *search) keyID() string {
	if s.query.KeyID == nil {
		return ""
	}
	return *s.query.KeyID
}

// matches reports whether the token names k; its algorithm may still differ.
func (q *Query) matches(k *Key) bool {
	return k.CanVerify() && (q.KeyID == nil || k.id == *q.KeyID)
}

// keys yields all known candidates in order.
func (s *search) keys(yield func(*Key) bool) {
	for i := range s.answers {
		a := &s.answers[i]
		if a.one != nil && !yield(a.one) {
			return
		}
		for _, k := range a.list {
			if !yield(k) {
				return
			}
		}
	}
}

// match returns the first key that may have signed the token, or nil so far. Without a
// key ID the configured order decides, so entries after a set that has not answered are
// ignored.
func (s *search) match() *Key {
	named := false // some candidate has the token's key id
	for i := range s.answers {
		a := &s.answers[i]
		if s.query.KeyID == nil && (!a.known || a.err != nil) {
			return nil
		}
		k, fits := s.query.pick(a)
		if k != nil {
			return k
		}
		named = named || fits
	}
	if named || s.query.KeyID == nil || s.query.Token == nil {
		return nil
	}
	return s.try()
}

// try returns the first key without an ID of its own that made the token's signature. It
// tries each key once (A21).
func (s *search) try() *Key {
	for k := range s.keys {
		if k.hasID || !k.CanVerify() || !k.Allows(s.query.Algorithm) || s.wasTried(k) {
			continue
		}
		if len(s.tried) == MaxTried {
			return nil
		}
		s.tried = append(s.tried, k)
		if s.query.Token.SignedBy(k) {
			return k
		}
	}
	return nil
}

func (s *search) wasTried(k *Key) bool { return slices.ContainsFunc(s.tried, k.SameMaterial) }

// querySets asks all sets for the key at once, until there is a match. For a token without a
// key ID, sets that hold keys are not asked again.
func (s *search) querySets(ctx context.Context) *Key {
	type arrival struct {
		place int
		result
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrivals := make(chan arrival, len(s.entries)) // room for late answers
	waiting := 0
	for i, e := range s.entries {
		if e.set == nil || s.query.KeyID == nil && s.answers[i].known {
			continue
		}
		waiting++
		go func() {
			list, err := e.set.Keys(ctx, s.keyID())
			arrivals <- arrival{i, result{known: true, list: list, err: err}}
		}()
	}
	for ; waiting > 0; waiting-- {
		a := <-arrivals
		s.answers[a.place] = a.result
		if k := s.match(); k != nil {
			return k
		}
	}
	return nil
}

// failure returns why there is no match.
func (s *search) failure() error {
	var unavailable error
	for _, a := range s.answers {
		if unavailable == nil {
			unavailable = a.err
		}
	}
	otherAlgorithm, unnamed := false, false
	for k := range s.keys {
		otherAlgorithm = otherAlgorithm || s.query.matches(k)
		unnamed = unnamed || !k.hasID && k.CanVerify()
	}
	named := s.query.KeyID != nil
	alg := quote.Shorten(string(s.query.Algorithm))
	switch {
	case otherAlgorithm && named:
		return fault.New(fault.AlgorithmNotAllowed, "alg", "%q is not the algorithm of key %s", alg, quote.Shorten(s.keyID()))
	case unavailable != nil:
		return unavailable
	case len(s.tried) == 1:
		return fault.New(fault.SignatureInvalid, "signature", "does not match key %s", quote.Shorten(s.tried[0].id))
	case len(s.tried) > 1:
		return fault.New(fault.SignatureInvalid, "signature", "no key has the id %q, and none of the keys without an id that were tried (%d, at most %d) matches", quote.Shorten(s.keyID()), len(s.tried), MaxTried)
	case otherAlgorithm, named && unnamed:
		return fault.New(fault.AlgorithmNotAllowed, "alg", "no usable key has the algorithm %q", alg)
	case named:
		return s.notFound()
	}
	return fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer")
}

// notFound returns the error for a key ID that no key has, or whose key is not used.
func (s *search) notFound() error {
	for k := range s.keys {
		if k.id == s.keyID() { // otherwise it would have been found
			return fault.New(fault.KeyNotFound, "kid", "key %q may only sign: key_ops does not include verify", quote.Shorten(s.keyID()))
		}
	}
	for _, e := range s.entries {
		if set, knows := e.set.(Skipper); knows {
			if problem := set.SkipReason(s.keyID()); problem != nil {
				return fault.New(fault.KeyNotFound, "kid", "key %q is skipped: %w", quote.Shorten(s.keyID()), problem)
			}
		}
	}
	return fault.New(fault.KeyNotFound, "kid", "no key has the id %q", quote.Shorten(s.keyID()))
}
