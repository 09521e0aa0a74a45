package keys_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jwtctl/jwtctl/internal/keys"
)

// TestKeysKeepTheirRules: reading and copying a key preserves its rules for tokens.
func TestKeysKeepTheirRules(t *testing.T) {
	want := keys.Rules{Audiences: []string{"a"}, RequireExpiry: true}
	paths, err := filepath.Glob("../../testdata/keys/throwaway-*")
	if err != nil || len(paths) == 0 {
		t.Fatal("no keys", err)
	}
	seen := 0
	check := func(path string, list []*keys.Key) {
		for _, k := range list {
			seen++
			copied, err := k.With(keys.Attributes{ID: "other"})
			if err != nil {
				t.Fatal(err)
			}
			if !k.Rules().Equal(want) || !copied.Rules().Equal(want) {
				t.Errorf("%s: got rules %+v, in a copy %+v", path, k.Rules(), copied.Rules())
			}
			if public, err := k.Public(); err == nil && !public.Rules().Equal(want) {
				t.Errorf("%s: rules of the public half %+v", path, public.Rules())
			}
		}
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a := keys.Attributes{Source: path, Rules: want}
		if loaded, err := keys.Parse(data, a); err == nil {
			check(path, loaded.Keys)
		}
		if filepath.Ext(path) == ".jwk" {
			for _, published := range []bool{false, true} {
				if loaded, err := keys.ParseSet([]byte(`{"keys":[`+string(data)+`]}`), a, published); err == nil {
					check(path, loaded.Keys)
				}
			}
		}
	}
	if seen < 15 {
		t.Errorf("got %d keys", seen)
	}
}

func TestRulesEqual(t *testing.T) {
	if !(keys.Rules{Audiences: []string{"a", "b"}}).Equal(keys.Rules{Audiences: []string{"b", "a"}}) {
		t.Error("the order of audiences matters")
	}
	for _, r := range []keys.Rules{{Audiences: []string{"a"}}, {Type: "t"}, {MaxAge: 1}, {MaxLifetime: 1}, {RequireExpiry: true}} {
		if r.IsZero() || r.Equal(keys.Rules{}) || !r.Equal(r) {
			t.Errorf("got %+v", r)
		}
	}
}
