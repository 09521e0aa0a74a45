package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// FuzzF10 reads arbitrary configuration files: there is no panic, every refusal is
// config_invalid and names the file, and no message has a secret from it.
func FuzzF10(f *testing.F) {
	for _, seed := range []string{
		"", "leeway: 5s", "keys: [{id: a, file: b}]", "keys: [{id: a, secret: hunter2}]",
		"token: {ttl: 10m, claims: {a.B: [1, {c: null}]}}", "token:\n  ttl: 1\n", "a: &x [*x]", "? [a]\n: b",
		"key_sets: [{issuer: i, oidc_discovery: true}]", "messages: [{files: x, type: y}]", "---\n---\n", "\xff",
		"token: {claims: {x: .inf}}", "token: {claims: {x: 2026-01-01}}", "serve: {key_dir: [a]}", "{<<: {a: b}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "jwtctl.yaml")
		var fe *fault.Error
		switch {
		case err == nil:
			for _, claim := range c.Claims {
				if !claim.Value.IsValid() {
					t.Errorf("claim %q is not JSON: %s", claim.Name, claim.Value)
				}
			}
			for _, k := range c.Keys {
				if (k.File == "") == (k.Secret == "") {
					t.Error("a key with no location or two")
				}
			}
		case !errors.As(err, &fe) || fe.Code != fault.ConfigInvalid:
			t.Errorf("not config_invalid: %v", err)
		case !strings.HasPrefix(fe.What, "jwtctl.yaml"):
			t.Errorf("error does not name the file: %v", err)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("error shows a secret: %v", err)
		}
	})
}
