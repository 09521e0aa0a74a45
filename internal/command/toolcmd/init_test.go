package toolcmd

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/scaffold"
)

// TestInit: the strict loader reads everything found back from the generated file,
// whatever its name, and the examples in comments too.
func TestInit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.OneOf(rapid.RuneFrom([]rune("ab/.-*\"'#:,[]{}\\ \n\t$é\u202e")), rapid.Rune()), 1, 12, -1)
		path := text.Filter(func(s string) bool {
			return s[0] != '/' && !strings.HasPrefix(s, "env:") && s != "-" && !strings.Contains(s, "\x00")
		})
		list := func(label string) []string { return rapid.SliceOfN(path, 0, 3).Draw(t, label) }
		found := &scaffold.Found{ProtoPaths: list("paths"), Protos: list("protos"), Sets: list("sets"), Issuers: rapid.SliceOfN(text, 0, 2).Draw(t, "issuers"), KeySets: list("key sets")}
		for _, p := range list("keys") {
			found.Keys = append(found.Keys, scaffold.Key{Path: p, ID: text.Draw(t, "id"), Algorithm: keys.ES256, Signs: rapid.Bool().Draw(t, "signs")})
		}
		file := renderConfig(found)
		c, err := config.Parse([]byte(file), "jwtctl.yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		if got := c.Values("protos"); !slices.Equal(got, found.Protos) {
			t.Errorf("got protos %q, want %q", got, found.Protos)
		}
		if len(c.Keys) != len(found.Keys) || len(c.KeySets) != len(found.KeySets) {
			t.Errorf("%d keys and %d sets, want %d and %d", len(c.Keys), len(c.KeySets), len(found.Keys), len(found.KeySets))
		}
		for i, k := range c.Keys {
			if want := filepath.Clean(found.Keys[i].Path); k.File != want {
				t.Errorf("key %q, want %q", k.File, want)
			}
			if len(found.Issuers) == 1 && len(c.Keys) == 1 && k.Issuer != found.Issuers[0] {
				t.Errorf("issuer %q, want %q", k.Issuer, found.Issuers[0])
			}
		}
	})

	empty := renderConfig(&scaffold.Found{})
	examples := regexp.MustCompile(`(?m)^# ((?:  - |[a-z_]+: ?(?:[\[{]|\S+$|$)).*)$`).ReplaceAllString(empty, "$1")
	c, err := config.Parse([]byte(examples), "jwtctl.yaml")
	if err != nil {
		t.Fatalf("the examples: %v\n%s", err, examples)
	}
	if len(c.Keys) != 2 || len(c.KeySets) != 2 || len(c.Messages) != 2 {
		t.Errorf("%d keys, %d sets, %d messages are read from the examples, want 2, 2, 2\n%s",
			len(c.Keys), len(c.KeySets), len(c.Messages), examples)
	}
	for _, key := range []string{"proto_paths", "protos", "descriptor_sets", "leeway", "lint.strict"} {
		if len(c.Values(key)) == 0 {
			t.Errorf("the examples have no %s\n%s", key, examples)
		}
	}
}
