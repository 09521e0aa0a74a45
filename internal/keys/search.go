package keys

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// search is one look for a key among the entries that may vouch for a token.
type search struct {
	query   Query
	entries []entry
	answers []answer // of the entries, at their places
}

// answer is what an entry has to say.
type answer struct {
	known bool // false while a set has not answered
	one   *Key // of an entry that is a key
	list  []*Key
	err   error
}

func (s *search) keyID() string {
	if s.query.KeyID == nil {
		return ""
	}
	return *s.query.KeyID
}

// fits says whether the token names k; its algorithm may still be another.
func (s *search) fits(k *Key) bool { return s.query.KeyID == nil || k.id == *s.query.KeyID }

// match returns the first key that the token may have been signed with, nil if
// there is none so far. Without a key id the order of the configuration
// decides, so nothing counts behind a set that has not answered, or cannot.
func (s *search) match() *Key {
	for i := range s.answers {
		a := &s.answers[i]
		if s.query.KeyID == nil && (!a.known || a.err != nil) {
			return nil
		}
		if a.one != nil && s.fits(a.one) && a.one.Allows(s.query.Algorithm) {
			return a.one
		}
		for _, k := range a.list {
			if s.fits(k) && k.Allows(s.query.Algorithm) {
				return k
			}
		}
	}
	return nil
}

// ask asks the sets for the key, all at once, until there is a match. Sets that
// hold keys are not asked about a token without a key id: they have said all.
func (s *search) ask(ctx context.Context) *Key {
	type arrival struct {
		place int
		answer
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	arrivals := make(chan arrival, len(s.entries)) // room for those that nobody waits for any more
	waiting := 0
	for i, e := range s.entries {
		if e.set == nil || s.query.KeyID == nil && s.answers[i].known {
			continue
		}
		waiting++
		go func() {
			list, err := e.set.Keys(ctx, s.keyID())
			arrivals <- arrival{i, answer{known: true, list: list, err: err}}
		}()
	}
	for ; waiting > 0; waiting-- {
		a := <-arrivals
		s.answers[a.place] = a.answer
		if k := s.match(); k != nil {
			return k
		}
	}
	return nil
}

// failure says why there is no match.
func (s *search) failure() error {
	var unavailable error
	otherAlgorithm := false
	for _, a := range s.answers {
		if unavailable == nil {
			unavailable = a.err
		}
		if a.one != nil && s.fits(a.one) {
			otherAlgorithm = true
		}
		for _, k := range a.list {
			otherAlgorithm = otherAlgorithm || s.fits(k)
		}
	}
	named := s.query.KeyID != nil
	switch {
	case otherAlgorithm && named:
		return fault.New(fault.AlgorithmNotAllowed, "alg", "%q is not the algorithm of key %s", quote.Shorten(string(s.query.Algorithm)), quote.Shorten(s.keyID()))
	case unavailable != nil:
		return unavailable
	case otherAlgorithm:
		return fault.New(fault.AlgorithmNotAllowed, "alg", "no key that may be used has the algorithm %q", quote.Shorten(string(s.query.Algorithm)))
	case named:
		return fault.New(fault.KeyNotFound, "kid", "no key has the id %q", quote.Shorten(s.keyID()))
	}
	return fault.New(fault.KeyNotFound, "iss", "no key is configured for the token's issuer")
}
