package keys_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// drawKey draws a key of any type: with or without an ID, pinned or not, private or
// public.
func drawKey(t *rapid.T, label string) *keys.Key {
	a := keys.Attributes{Issuer: rapid.SampledFrom([]string{"", "issuer", "\"é\n"}).Draw(t, label+" issuer")}
	if rapid.Bool().Draw(t, label+" has an id") {
		a.ID = rapid.StringN(1, 40, -1).Draw(t, label+" id")
	}
	k := testkit.Must(keys.New(material()[rapid.SampledFrom(types()).Draw(t, label+" type")], a))
	if rapid.Bool().Draw(t, label+" is pinned") {
		fit := slices.DeleteFunc(keys.Algorithms(), func(alg keys.Algorithm) bool { return !k.Allows(alg) })
		k = testkit.Must(k.With(keys.Attributes{Algorithm: rapid.SampledFrom(fit).Draw(t, label+" alg")}))
	}
	if k.Type() != keys.TypeSecret && rapid.Bool().Draw(t, label+" is public") {
		k = testkit.Must(k.Public())
	}
	return k
}

// TestA25_RoundTrips: a key that is written and read back has the same ID, algorithm,
// issuer and material. PEM cannot hold ID and algorithm, and no form can hold the issuer;
// these come from the attributes.
func TestA25_RoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := drawKey(t, "key")
		check := func(form string, text []byte, a keys.Attributes) {
			loaded, err := keys.Parse(text, a)
			if err != nil || len(loaded.Keys) != 1 {
				t.Fatalf("%s: %v\n%s", form, err, text)
			}
			back := loaded.Keys[0]
			if !back.SameMaterial(k) || back.CanSign() != k.CanSign() || back.ID() != k.ID() || back.Algorithm() != k.Algorithm() || back.Issuer() != k.Issuer() {
				t.Fatalf("%s: %v of %q, %s became %v of %q, %s\n%s", form, k, k.Issuer(), k.Algorithm(), back, back.Issuer(), back.Algorithm(), text)
			}
		}
		jwk := testkit.Must(k.JWK())
		check("JWK", jwk, keys.Attributes{Issuer: k.Issuer()})
		check("JWKS", []byte(setOf(string(jwk))), keys.Attributes{Issuer: k.Issuer()})
		if k.Type() != keys.TypeSecret {
			check("PEM", testkit.Must(k.PEM()), keys.Attributes{ID: k.ID(), Issuer: k.Issuer(), Algorithm: k.Algorithm()})
		}
	})
}

// TestS13_NeverPrivate: a published set has only public members, one key for each key
// given.
func TestS13_NeverPrivate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []*keys.Key
		for range rapid.IntRange(1, 5).Draw(t, "keys") {
			list = append(list, drawKey(t, "key"))
		}
		text, err := keys.PublicSet(list)
		if slices.ContainsFunc(list, func(k *keys.Key) bool { return k.Type() == keys.TypeSecret }) && err == nil {
			t.Fatal("a secret is published")
		}
		if err != nil {
			return
		}
		var set struct{ Keys []map[string]string }
		if err := json.Unmarshal(text, &set); err != nil {
			t.Fatal(err)
		}
		for _, m := range set.Keys {
			for name := range m {
				if !strings.Contains(" kty crv x y n e kid alg use ", " "+name+" ") {
					t.Fatalf("member %s is published", name)
				}
			}
		}
		loaded, err := keys.ParseSet(text, keys.Attributes{}, true)
		if err != nil || len(loaded.Skipped()) != 0 {
			t.Fatalf("got %v %v", loaded, err)
		}
		for _, k := range list {
			if !slices.ContainsFunc(loaded.Keys, func(p *keys.Key) bool { return p.ID() == k.ID() && p.SameMaterial(k) && !p.CanSign() }) {
				t.Fatalf("%v is missing from %s", k, text)
			}
		}
	})
}
