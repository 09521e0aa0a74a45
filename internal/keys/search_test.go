package keys_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// scriptedSet is a set with scripted keys, errors and timing.
type scriptedSet struct {
	issuer string
	held   []*keys.Key
	newer  []*keys.Key   // what Keys returns; the held keys if nil
	err    error         // what Keys returns instead
	slow   chan struct{} // unless nil, Keys waits for it
	asked  atomic.Int32
}

func (s *scriptedSet) Issuer() string      { return s.issuer }
func (s *scriptedSet) Cached() []*keys.Key { return s.held }

func (s *scriptedSet) Keys(ctx context.Context, _ string) ([]*keys.Key, error) {
	s.asked.Add(1)
	if s.slow != nil {
		select {
		case <-s.slow:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if s.newer == nil && s.err == nil {
		return s.held, nil
	}
	return s.newer, s.err
}

func ec(t *testing.T, id string) *keys.Key {
	t.Helper()
	material, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return made(t, material, id, err)
}

func ed(t *testing.T, id string) *keys.Key {
	t.Helper()
	_, material, err := ed25519.GenerateKey(rand.Reader)
	return made(t, material, id, err)
}

func made(t *testing.T, material any, id string, err error) *keys.Key {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	k, err := keys.New(material, keys.Attributes{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestS24_FindAmongSets(t *testing.T) {
	a, b, c, other := ec(t, "a"), ec(t, "b"), ec(t, "c"), ed(t, "a")
	never := make(chan struct{})
	down := fault.New(fault.KeySetUnavailable, "set", "is down")
	id := func(s string) *string { return &s }
	holds := func(list ...*keys.Key) *scriptedSet { return &scriptedSet{held: list} }
	brings := func(list ...*keys.Key) *scriptedSet { return &scriptedSet{newer: list} }
	fails := func() *scriptedSet { return &scriptedSet{err: down} }
	hangs := func() *scriptedSet { return &scriptedSet{slow: never} }
	for name, tc := range map[string]struct {
		static []*keys.Key
		sets   []*scriptedSet
		kid    *string
		want   *keys.Key
		code   fault.Code
		asked  int // the maximum number of sets fetched, in total
	}{
		"static key, slow set":             {static: []*keys.Key{a}, sets: []*scriptedSet{hangs()}, kid: id("a"), want: a},
		"static key, no kid":               {static: []*keys.Key{a}, sets: []*scriptedSet{hangs()}, want: a},
		"held key of a set, slow set":      {sets: []*scriptedSet{hangs(), holds(b)}, kid: id("b"), want: b},
		"newer key of a set, slow set":     {sets: []*scriptedSet{hangs(), brings(b)}, kid: id("b"), want: b, asked: 2},
		"newer key, other set without it":  {sets: []*scriptedSet{holds(a), brings(b)}, kid: id("b"), want: b, asked: 2},
		"newer key of a set with others":   {sets: []*scriptedSet{{held: []*keys.Key{a}, newer: []*keys.Key{a, b}}}, kid: id("b"), want: b, asked: 1},
		"held key needs no fetch":          {sets: []*scriptedSet{holds(a), holds(b)}, kid: id("b"), want: b},
		"newer key, other set unavailable": {sets: []*scriptedSet{fails(), brings(b)}, kid: id("b"), want: b, asked: 2},
		"first key for alg":                {static: []*keys.Key{other}, sets: []*scriptedSet{holds(b), holds(c)}, want: b},
		"first key for alg, fetched later": {sets: []*scriptedSet{brings(a), holds(b)}, want: a, asked: 1},
		"set unavailable":                  {sets: []*scriptedSet{fails(), holds(b)}, code: fault.KeySetUnavailable, asked: 1},
		"unknown ID":                       {static: []*keys.Key{a}, sets: []*scriptedSet{holds(b)}, kid: id("x"), code: fault.KeyNotFound, asked: 1},
		"unknown ID, set unavailable":      {sets: []*scriptedSet{holds(b), fails()}, kid: id("x"), code: fault.KeySetUnavailable, asked: 2},
		"ID of a key of another type":      {sets: []*scriptedSet{holds(other), fails()}, kid: id("a"), code: fault.AlgorithmNotAllowed, asked: 2},
		"no key of the type":               {sets: []*scriptedSet{holds(other)}, code: fault.AlgorithmNotAllowed},
		"no keys":                          {code: fault.KeyNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			var sets []keys.Set
			for _, s := range tc.sets {
				sets = append(sets, s)
			}
			ring, err := keys.NewRing(tc.static, sets...)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
			defer cancel()
			got, err := ring.Find(ctx, keys.Query{KeyID: tc.kid, Algorithm: keys.ES256})
			if got != tc.want || fault.CodeOf(err) != tc.code {
				t.Errorf("got %v, %v, want %v, %q", got, err, tc.want, tc.code)
			}
			asked := 0
			for _, s := range tc.sets {
				asked += int(s.asked.Load())
			}
			if asked > tc.asked {
				t.Errorf("%d sets were fetched, want %d", asked, tc.asked)
			}
		})
	}
}

// Each of ten sets responds only once all have been called: called in turn, none ever
// would.
func TestS24_SetsAreAskedTogether(t *testing.T) {
	const n = 10
	var waiting atomic.Int32
	together := make(chan struct{})
	var sets []keys.Set
	for i := range n {
		sets = append(sets, meetingSet{&waiting, together, n, []*keys.Key{ec(t, fmt.Sprint(i))}})
	}
	ring, err := keys.NewRing(nil, sets...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	kid := "7"
	if k, err := ring.Find(ctx, keys.Query{KeyID: &kid, Algorithm: keys.ES256}); err != nil || k.ID() != kid {
		t.Errorf("got %v, %v", k, err)
	}
}

type meetingSet struct {
	waiting  *atomic.Int32
	together chan struct{}
	n        int32
	keys     []*keys.Key
}

func (m meetingSet) Issuer() string      { return "" }
func (m meetingSet) Cached() []*keys.Key { return nil }

func (m meetingSet) Keys(ctx context.Context, _ string) ([]*keys.Key, error) {
	if m.waiting.Add(1) == m.n {
		close(m.together)
	}
	select {
	case <-m.together:
		return m.keys, nil
	case <-ctx.Done():
		return nil, errors.New("the others were not asked")
	}
}

// TestA20_SetsOfOtherIssuersAreLeftAlone: a set of another issuer is neither fetched (A20)
// nor waited for.
func TestA20_SetsOfOtherIssuersAreLeftAlone(t *testing.T) {
	b := ec(t, "b")
	mine := &scriptedSet{issuer: "mine", newer: []*keys.Key{b}}
	other := &scriptedSet{issuer: "other", slow: make(chan struct{})}
	free := &scriptedSet{slow: make(chan struct{})}
	ring, err := keys.NewRing(nil, other, free, mine)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	issuer := "mine"
	if k, err := ring.Find(ctx, keys.Query{Issuer: &issuer, Algorithm: keys.ES256}); err != nil || k != b {
		t.Errorf("got %v, %v, want %v", k, err, b)
	}
	if other.asked.Load()+free.asked.Load() != 0 {
		t.Error("a set that must not vouch for the token was fetched")
	}
}

// TestA20_IdOfAnotherIssuer: if a key has the token's ID but may not vouch for its
// issuer, the error reports it without naming the key's issuer.
func TestA20_IdOfAnotherIssuer(t *testing.T) {
	bound, err := ec(t, "a").With(keys.Attributes{Issuer: "secret-partner"})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing([]*keys.Key{bound})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"a": "a key of another issuer does", "b": `no key is configured for the token's issuer "shop"`} {
		issuer := "shop"
		_, err := ring.Find(t.Context(), keys.Query{Issuer: &issuer, KeyID: &id, Algorithm: keys.ES256})
		if fault.CodeOf(err) != fault.KeyNotFound || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "partner") {
			t.Errorf("%s: got %v, want %q", id, err, want)
		}
	}
}
