package keys_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestA21_KeysWithoutAnID: a key without an ID matches any ID that no other candidate has,
// if it made the signature; otherwise the selection is no less strict.
func TestA21_KeysWithoutAnID(t *testing.T) {
	plain, second, named, other := ec(t, ""), ec(t, ""), ec(t, "x"), ed(t, "x")
	bound, err := plain.With(keys.Attributes{Issuer: "partner"})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := plain.With(keys.Attributes{ID: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	down := fault.New(fault.KeySetUnavailable, "set", "is down")
	for name, tc := range map[string]struct {
		static []*keys.Key
		sets   []*scriptedSet
		iss    string
		noKid  bool
		by     *keys.Key // signed the token
		want   *keys.Key
		code   fault.Code
	}{
		"matches the ID":                   {static: []*keys.Key{plain}, by: plain, want: plain},
		"signed by another key":            {static: []*keys.Key{plain}, by: second, code: fault.SignatureInvalid},
		"second key matches":               {static: []*keys.Key{plain, second}, by: second, want: second},
		"no key matches":                   {static: []*keys.Key{plain, second}, by: named, code: fault.SignatureInvalid},
		"another key has the ID":           {static: []*keys.Key{plain, named}, by: plain, want: named},
		"key of another type has the ID":   {static: []*keys.Key{plain, other}, by: plain, code: fault.AlgorithmNotAllowed},
		"key of a set has the ID":          {static: []*keys.Key{plain}, sets: []*scriptedSet{{held: []*keys.Key{named}}}, by: plain, want: named},
		"ID is explicit":                   {static: []*keys.Key{chosen}, by: plain, code: fault.KeyNotFound},
		"key of another issuer":            {static: []*keys.Key{bound}, iss: "shop", by: plain, code: fault.KeyNotFound},
		"key of the issuer":                {static: []*keys.Key{bound}, iss: "partner", by: plain, want: bound},
		"issuer's key has another ID":      {static: []*keys.Key{plain, testkit.Must(named.With(keys.Attributes{ID: "y", Issuer: "partner"}))}, iss: "partner", by: plain, code: fault.KeyNotFound},
		"key of a set":                     {sets: []*scriptedSet{{held: []*keys.Key{plain}}}, by: plain, want: plain},
		"key of a set that is fetched":     {sets: []*scriptedSet{{newer: []*keys.Key{plain}}}, by: plain, want: plain},
		"newer key of a set":               {sets: []*scriptedSet{{held: []*keys.Key{plain}, newer: []*keys.Key{second}}}, by: second, want: second},
		"no match, set unavailable":        {static: []*keys.Key{plain}, sets: []*scriptedSet{{err: down}}, by: second, code: fault.KeySetUnavailable},
		"match, set unavailable":           {static: []*keys.Key{plain}, sets: []*scriptedSet{{err: down}}, by: plain, want: plain},
		"stale set, match":                 {sets: []*scriptedSet{{newer: []*keys.Key{plain}, err: down}}, by: plain, want: plain},
		"stale set, no match":              {sets: []*scriptedSet{{newer: []*keys.Key{plain}, err: down}}, by: second, code: fault.KeySetUnavailable},
		"no kid, only the first key (S35)": {static: []*keys.Key{plain, second}, noKid: true, by: second, want: plain},
		"no kid, stale set":                {sets: []*scriptedSet{{newer: []*keys.Key{plain}, err: down}}, noKid: true, by: plain, code: fault.KeySetUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			var sets []keys.Set
			for _, s := range tc.sets {
				sets = append(sets, s)
			}
			kid := "x"
			q := keys.Query{KeyID: &kid, Algorithm: keys.ES256, Token: signedBy{tc.by}}
			if tc.iss != "" {
				q.Issuer = &tc.iss
			}
			if tc.noKid {
				q.KeyID = nil
			}
			got, err := testkit.Must(keys.NewRing(tc.static, sets...)).Find(t.Context(), q)
			if got != tc.want || fault.CodeOf(err) != tc.code {
				t.Errorf("got %v, %v, want %v, %q", got, err, tc.want, tc.code)
			}
		})
	}
}

// countedToken counts how often it is tried, and matches one key.
type countedToken struct {
	by    *keys.Key
	tried int
}

func (c *countedToken) SignedBy(k *keys.Key) bool { c.tried++; return c.by.SameMaterial(k) }

// TestA21_TriesEightKeys: the cost of a token is bounded whatever is configured, and no
// key is tried twice.
func TestA21_TriesEightKeys(t *testing.T) {
	list := []*keys.Key{ed(t, "")}
	for range keys.MaxTried + 1 {
		k := ec(t, "")
		again, err := k.With(keys.Attributes{Algorithm: keys.ES256, Issuer: ""})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, k, again)
	}
	set := &scriptedSet{held: list[1:]}
	ring := testkit.Must(keys.NewRing(list, set))
	kid := "x"
	for place, tries := range map[int]int{1: 1, 2*keys.MaxTried - 1: keys.MaxTried, 2*keys.MaxTried + 1: keys.MaxTried} {
		token := &countedToken{by: list[place]}
		_, err := ring.Find(t.Context(), keys.Query{KeyID: &kid, Algorithm: keys.ES256, Token: token})
		if fits := place < 2*keys.MaxTried; fits != (err == nil) || token.tried != tries {
			t.Errorf("key %d: %v after %d tries, want %d", place, err, token.tried, tries)
		}
		if err != nil && fault.CodeOf(err) != fault.SignatureInvalid {
			t.Error(err)
		}
	}
}
