package idp_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/idp"
	"github.com/jwtctl/jwtctl/internal/keygen"
	"github.com/jwtctl/jwtctl/internal/keys"
)

func generate(t *testing.T, alg keys.Algorithm, id string) *keys.Key {
	t.Helper()
	key, err := keygen.Generate(keygen.Request{Algorithm: alg, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestKeyThatBecomesActiveIsPublishedFirst: no token is signed by a key that is not yet in
// the set.
func TestKeyThatBecomesActiveIsPublishedFirst(t *testing.T) {
	t.Parallel()
	a, b := generate(t, keys.ES256, "a"), generate(t, keys.ES256, "b")
	held, active := []*keys.Key{a}, a
	ring, err := idp.NewKeyRing(func() ([]*keys.Key, error) { return held, nil }, func() (*keys.Key, error) { return active, nil },
		slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	signs := func(want string, published ...string) {
		t.Helper()
		key, err := ring.Signer()
		if err != nil || key.ID() != want || !slices.Equal(ring.Set.Current().KeyIDs(), published) {
			t.Errorf("%v signs, %v published (%v), want %s, %v", key, ring.Set.Current().KeyIDs(), err, want, published)
		}
	}
	signs("a", "a")
	held, active = []*keys.Key{a, b}, b
	signs("b", "a", "b")
	held, active = []*keys.Key{a}, generate(t, keys.ES256, "a") // another key with a published ID
	if key, err := ring.Signer(); fault.CodeOf(err) != fault.KeyMissing {
		t.Errorf("%v signs: got %v, want %v", key, err, fault.KeyMissing)
	}
	active = a
	if err := ring.Rotate(); err != nil {
		t.Fatal(err)
	}
	key, err := ring.Signer()
	if err != nil || key.SameMaterial(a) || !slices.Equal(ring.Set.Current().KeyIDs(), []string{key.ID()}) {
		t.Errorf("after Rotate: %v signs, %v published (%v)", key, ring.Set.Current().KeyIDs(), err)
	}
}

func TestKeysThatCannotSignAreRefused(t *testing.T) {
	t.Parallel()
	public, err := generate(t, keys.ES256, "p").Public()
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*keys.Key{"public": public, "secret": generate(t, keys.HS256, "s")} {
		if _, err := idp.NewKeyRing(func() ([]*keys.Key, error) { return []*keys.Key{key}, nil }, nil, slog.New(slog.DiscardHandler), time.Now); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestKeySetFaultsSpareTheHealth(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *idp.Options) { o.Faults = []idp.Fault{idp.SlowJWKS, idp.EmptyJWKS} })
	if a := r.get(r.root + "/healthz"); a.status != 200 || len(r.waited) != 0 {
		t.Errorf("health: %d after %v", a.status, r.waited)
	}
	for i, path := range []string{r.at("jwks_uri"), r.root + "/.well-known/jwks.json"} {
		if a := r.get(path); a.body != `{"keys":[]}`+"\n" || len(r.waited) != i+1 || r.waited[i] != idp.SlowTime {
			t.Errorf("%s: %s after %v", path, a.body, r.waited)
		}
	}
}
