package config

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/token"
)

// members are what an entry of a list may have: what reads each, by its name.
type members map[string]func(n *yaml.Node, here string)

// entry reads the members of n, and reports whether all of them are valid: what is
// missing is reported only then.
func (r *reader) entry(n *yaml.Node, key string, known members) bool {
	before := len(r.faults)
	r.fields(n, key, func(name string, at, value *yaml.Node) {
		if read := known[name]; read != nil {
			read(value, join(key, name))
			return
		}
		r.unknown(at, join(key, name), slices.Sorted(maps.Keys(known)))
	})
	return len(r.faults) == before
}

// textTo and textsTo return what reads a string, or a list of them, into to.
func (r *reader) textTo(to *string) func(*yaml.Node, string) {
	return func(n *yaml.Node, here string) { *to = r.text(n, here) }
}

func (r *reader) textsTo(to *[]string) func(*yaml.Node, string) {
	return func(n *yaml.Node, here string) {
		r.items(n, here, func(key string, item *yaml.Node) { *to = append(*to, r.text(item, key)) })
	}
}

func (r *reader) flagTo(to *bool) func(*yaml.Node, string) {
	return func(n *yaml.Node, here string) {
		if n.Tag != "!!bool" {
			r.fail(n, here, "must be true or false")
		}
		*to = n.Value == "true"
	}
}

// durationTo returns what reads a duration, which must be greater than 0.
func (r *reader) durationTo(to *time.Duration) func(*yaml.Node, string) {
	return func(n *yaml.Node, here string) {
		d, err := time.ParseDuration(n.Value)
		if n.Tag != "!!str" || err != nil || d <= 0 {
			r.failHint(n, here, durationHint(n.Value), "must be a duration such as 90s, 10m or 1h30m")
		}
		*to = d
	}
}

// key reads one of keys.
func (r *reader) key(key string, n *yaml.Node) {
	e := KeyEntry{Line: n.Line}
	known := r.rules(&e.Rules)
	maps.Copy(known, members{
		"id": r.textTo(&e.ID), "issuer": r.textTo(&e.Issuer),
		"algorithm": func(n *yaml.Node, here string) { e.Algorithm = r.algorithm(n, here) },
		"file":      func(n *yaml.Node, here string) { e.File = r.out.resolvePath(r.text(n, here)) },
		"secret": func(n *yaml.Node, here string) {
			variable, isVariable := strings.CutPrefix(r.text(n, here), "env:")
			if n.Value != "" && (!isVariable || variable == "") {
				r.failHint(n, here, "write secret: \"env:NAME\" and put the secret into NAME", "a secret must not be in the file")
			}
			e.Secret = variable
		},
	})
	if r.entry(n, key, known) && (e.File == "") == (e.Secret == "") {
		r.oneOf(n, key, "file", "secret", e.File != "")
	}
	r.out.Keys = append(r.out.Keys, e)
}

// oneOf refuses both of two fields, or neither.
func (r *reader) oneOf(n *yaml.Node, key, one, other string, both bool) {
	if both {
		r.fail(n, key, "needs either %s or %s, not both", one, other)
		return
	}
	r.fail(n, key, "needs either %s or %s", one, other)
}

// keySet reads one of key_sets.
func (r *reader) keySet(key string, n *yaml.Node) {
	e := KeySetEntry{Line: n.Line}
	known := r.rules(&e.Rules)
	maps.Copy(known, members{
		"issuer": r.textTo(&e.Issuer), "oidc_discovery": r.flagTo(&e.OIDCDiscovery), "refresh_interval": r.durationTo(&e.RefreshInterval),
		"jwks": func(n *yaml.Node, here string) {
			e.JWKS = r.text(n, here)
			if !strings.Contains(e.JWKS, "://") {
				e.JWKS = r.out.resolvePath(e.JWKS)
			}
		},
		"allowed_algorithms": func(n *yaml.Node, here string) {
			r.items(n, here, func(key string, item *yaml.Node) {
				e.AllowedAlgorithms = append(e.AllowedAlgorithms, r.algorithm(item, key))
			})
		},
	})
	switch {
	case !r.entry(n, key, known):
	case e.OIDCDiscovery && e.Issuer == "":
		r.fail(n, key, "oidc_discovery needs the issuer")
	case e.OIDCDiscovery == (e.JWKS != ""):
		r.fail(n, key, "needs either jwks or oidc_discovery: true")
	}
	r.out.KeySets = append(r.out.KeySets, e)
}

// message reads one of messages.
func (r *reader) message(key string, n *yaml.Node) {
	e := MessageEntry{Line: n.Line}
	known := members{
		"files":  func(n *yaml.Node, here string) { e.Files = r.out.resolvePath(r.text(n, here)) },
		"method": r.textTo(&e.Method), "type": r.textTo(&e.Type),
	}
	switch {
	case !r.entry(n, key, known):
	case e.Files == "":
		r.fail(n, key, "files is required")
	case (e.Method == "") == (e.Type == ""):
		r.oneOf(n, key, "method", "type", e.Method != "")
	}
	r.out.Messages = append(r.out.Messages, e)
}

// claims reads token.claims. Names keep their case and dots, numbers their
// digits.
func (r *reader) claims(n *yaml.Node, key string) {
	r.out.lines[key] = n.Line
	r.out.Claims = append(r.out.Claims, r.claimsOf(n, key)...)
}

// claimsOf reads claims by their names.
func (r *reader) claimsOf(n *yaml.Node, key string) (list []token.Claim) {
	r.fields(n, key, func(name string, at, value *yaml.Node) {
		if hasTime(value) {
			r.failHint(value, join(key, name), "put it in quotes", "a date would change its form")
			return
		}
		var v any
		if err := value.Decode(&v); err != nil {
			r.fail(value, join(key, name), "cannot be read as JSON would be")
			return
		}
		text, err := json.Marshal(v)
		if err != nil {
			r.fail(value, join(key, name), "has no JSON equivalent")
			return
		}
		c, err := token.ParseClaim(name, string(text))
		if err != nil {
			r.fail(value, join(key, name), "has no JSON equivalent")
			return
		}
		list = append(list, c)
	})
	return list
}

// hasTime reports whether YAML takes something in n for a time.
func hasTime(n *yaml.Node) bool {
	return n.ShortTag() == "!!timestamp" || slices.ContainsFunc(n.Content, hasTime)
}
