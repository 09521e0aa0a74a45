package keys

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// ambiguous reports whether two different keys could verify a signature with the same ID
// and algorithm (S12).
func ambiguous(a, b *Key) bool {
	return a.id == b.id && slices.ContainsFunc(a.algs, b.Allows) && !a.SameMaterial(b)
}

// checkSet refuses a set in which kid and algorithm do not identify one key, or in which
// a public key could be mistaken for a secret (S12).
func checkSet(set Loaded, source string) error {
	byID := make(map[string][]*Key, len(set.Keys))
	secrets := 0
	for _, k := range set.Keys {
		if slices.ContainsFunc(byID[k.id], func(other *Key) bool { return ambiguous(k, other) }) {
			return errAmbiguous(source, k.id)
		}
		byID[k.id] = append(byID[k.id], k)
		if k.Type() == TypeSecret {
			secrets++
		}
	}
	for _, e := range set.Entries {
		if e.Problem != nil && slices.ContainsFunc(byID[e.KeyID], e.shadows) {
			return errAmbiguous(source, e.KeyID)
		}
	}
	if secrets != 0 && secrets != len(set.Keys) {
		return fault.New(fault.KeySetMixed, source, "the set mixes shared secrets and asymmetric keys")
	}
	return nil
}

func errAmbiguous(source, kid string) *fault.Error {
	return fault.New(fault.KeyAmbiguous, source, "two different keys in the set have the kid %q", quote.Shorten(kid))
}

// Pick returns the keys of list with the ID kid: one, or the same key for several
// algorithms. If none has the ID and list has a single key without an ID of its own, that
// key gets this ID. Otherwise it returns key_missing.
func Pick(list []*Key, kid string) ([]*Key, error) {
	var picked []*Key
	for _, k := range list {
		if k.id == kid {
			picked = append(picked, k)
		}
	}
	if len(picked) > 0 {
		return picked, nil
	}
	if len(list) == 1 && !list[0].hasID {
		named, err := list[0].With(Attributes{ID: kid})
		return []*Key{named}, err
	}
	ids := make([]string, len(list))
	for i, k := range list {
		ids[i] = quote.Shorten(k.id)
	}
	return nil, fault.New(fault.KeyMissing, "kid", "no key has the id %q", quote.Shorten(kid)).
		WithHint("available keys: %s", strings.Join(ids, ", "))
}
