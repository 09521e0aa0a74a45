package keys_test

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// fixedSet is a key set that never changes.
type fixedSet struct {
	issuer string
	list   []*keys.Key
}

func (s fixedSet) Issuer() string                                    { return s.issuer }
func (s fixedSet) Cached() []*keys.Key                               { return s.list }
func (s fixedSet) Keys(context.Context, string) ([]*keys.Key, error) { return s.list, nil }

// TestA21_FindAgreesWithAPlainModel compares Find and Signer with a plain model of the rules.
func TestA21_FindAgreesWithAPlainModel(t *testing.T) {
	pick := func(t *rapid.T, label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	rapid.Check(t, func(t *rapid.T) {
		var list []*keys.Key
		for range rapid.IntRange(0, 6).Draw(t, "keys") {
			k := testkit.Must(keys.New(material()[pick(t, "type", types()...)], keys.Attributes{ID: pick(t, "id", "", "a", "b", "c"), Issuer: pick(t, "issuer", "", "A", "B")}))
			if k.Type() != keys.TypeSecret && rapid.Bool().Draw(t, "public") {
				k = testkit.Must(k.Public())
			}
			list = append(list, k)
		}
		var sets []keys.Set
		all := slices.Clone(list)
		for range rapid.IntRange(0, 2).Draw(t, "sets") {
			s := fixedSet{issuer: pick(t, "set's issuer", "", "A", "B")}
			s.list = []*keys.Key{testkit.Must(keys.New(material()[pick(t, "set's type", types()...)], keys.Attributes{ID: pick(t, "set's id", "", "a", "d"), Issuer: s.issuer}))}
			sets, all = append(sets, s), append(all, s.list...)
		}
		r, err := keys.NewRing(list, sets...)
		if ambiguous(list) != (err != nil) {
			t.Fatalf("got ambiguous %v (%v), want %v", ambiguous(list), err, err != nil)
		}
		if err != nil {
			return
		}
		iss, kid := pick(t, "iss", "", "A", "B", "C"), pick(t, "kid", "", "a", "b", "d")
		alg := rapid.SampledFrom(append(keys.Algorithms(), keys.None)).Draw(t, "alg")
		token := signedBy{testkit.Must(keys.New(material()[pick(t, "signed by", types()...)], keys.Attributes{}))}
		got, err := r.Find(context.Background(), keys.Query{Issuer: optional(iss), KeyID: optional(kid), Algorithm: alg, Token: token})
		if want := modelFind(all, iss, kid, alg, token); (want == nil) != (err != nil) || want != nil && (!got.SameMaterial(want) || name(got) != name(want)) {
			t.Fatalf("Find: got %v %v, want %v", got, err, want)
		}
		signer, err := r.Signer(optional(iss), kid)
		if want := modelSigner(list, iss, kid); (want == nil) != (err != nil) || want != nil && name(signer) != name(want) {
			t.Fatalf("Signer: got %v %v, want %v", signer, err, want)
		}
	})
}

func ambiguous(list []*keys.Key) bool {
	for _, a := range list {
		for _, b := range list {
			if name(a) == name(b) && !a.SameMaterial(b) {
				return true
			}
		}
	}
	return false
}

// filter returns the keys that pass all tests.
func filter(list []*keys.Key, tests ...func(*keys.Key) bool) []*keys.Key {
	var out []*keys.Key
	for _, k := range list {
		if !slices.ContainsFunc(tests, func(test func(*keys.Key) bool) bool { return !test(k) }) {
			out = append(out, k)
		}
	}
	return out
}

func of(issuer string) func(*keys.Key) bool {
	return func(k *keys.Key) bool { return k.Issuer() == issuer }
}

func called(id string) func(*keys.Key) bool {
	return func(k *keys.Key) bool { return id == "" || k.ID() == id }
}

// signedBy is a token with a signature by a key.
type signedBy struct{ key *keys.Key }

func (s signedBy) SignedBy(k *keys.Key) bool { return s.key.SameMaterial(k) }

// modelFind implements A20, A21 and A22, one sentence per line.
func modelFind(list []*keys.Key, iss, kid string, alg keys.Algorithm, token signedBy) *keys.Key {
	if iss != "" && len(filter(list, of(iss))) > 0 {
		list = filter(list, of(iss))
	} else if iss != "" {
		list = filter(list, of(""))
	}
	allows := func(k *keys.Key) bool { return k.Allows(alg) }
	if len(filter(list, called(kid))) > 0 {
		return append(filter(list, called(kid), allows), nil)[0]
	}
	list = filter(list, allows, token.SignedBy, func(k *keys.Key) bool { return !k.HasExplicitID() })
	return append(list, nil)[0]
}

// modelSigner implements A23.
func modelSigner(list []*keys.Key, iss, kid string) *keys.Key {
	list = filter(list, (*keys.Key).CanSign, called(kid))
	choice := filter(list, of(iss))
	choice = append(choice, filter(list, of(""))...)
	if iss == "" {
		choice = list
	}
	return append(choice, nil)[0]
}
