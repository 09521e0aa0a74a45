package config

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/token"
)

// key reads one of keys.
func (r *reader) key(key string, n *yaml.Node) {
	e, before := KeyEntry{Line: n.Line}, len(r.faults)
	r.fields(n, key, func(name string, at, value *yaml.Node) {
		here := join(key, name)
		switch name {
		case "id":
			e.ID = r.text(value, here)
		case "algorithm":
			e.Algorithm = r.algorithm(value, here)
		case "issuer":
			e.Issuer = r.text(value, here)
		case "file":
			e.File = r.out.resolvePath(r.text(value, here))
		case "secret":
			variable, isVariable := strings.CutPrefix(r.text(value, here), "env:")
			if value.Value != "" && (!isVariable || variable == "") {
				r.failHint(value, here, "write secret: \"env:NAME\" and put the secret into NAME", "a secret must not be in the file")
			}
			e.Secret = variable
		default:
			if !r.rule(&e.Rules, name, here, value) {
				r.unknown(at, here, append([]string{"algorithm", "file", "id", "issuer", "secret"}, ruleNames()...))
			}
		}
	})
	if len(r.faults) == before && (e.File == "") == (e.Secret == "") {
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
	e, before := KeySetEntry{Line: n.Line}, len(r.faults)
	r.fields(n, key, func(name string, at, value *yaml.Node) {
		here := join(key, name)
		switch name {
		case "issuer":
			e.Issuer = r.text(value, here)
		case "jwks":
			e.JWKS = r.text(value, here)
			if !strings.Contains(e.JWKS, "://") {
				e.JWKS = r.out.resolvePath(e.JWKS)
			}
		case "oidc_discovery":
			if value.Tag != "!!bool" {
				r.fail(value, here, "must be true or false")
			}
			e.OIDCDiscovery = value.Value == "true"
		case "allowed_algorithms":
			r.items(value, here, func(key string, item *yaml.Node) {
				e.AllowedAlgorithms = append(e.AllowedAlgorithms, r.algorithm(item, key))
			})
		case "refresh_interval":
			d, err := time.ParseDuration(value.Value)
			if value.Tag != "!!str" || err != nil || d <= 0 {
				r.fail(value, here, "must be a duration such as 90s, 10m or 1h30m")
			}
			e.RefreshInterval = d
		default:
			if !r.rule(&e.Rules, name, here, value) {
				r.unknown(at, here, append([]string{"allowed_algorithms", "issuer", "jwks", "oidc_discovery", "refresh_interval"}, ruleNames()...))
			}
		}
	})
	switch {
	case len(r.faults) > before: // of a part; what is missing as a whole is reported only if all parts are valid
	case e.OIDCDiscovery && e.Issuer == "":
		r.fail(n, key, "oidc_discovery needs the issuer")
	case e.OIDCDiscovery == (e.JWKS != ""):
		r.fail(n, key, "needs either jwks or oidc_discovery: true")
	}
	r.out.KeySets = append(r.out.KeySets, e)
}

// message reads one of messages.
func (r *reader) message(key string, n *yaml.Node) {
	e, before := MessageEntry{Line: n.Line}, len(r.faults)
	r.fields(n, key, func(name string, at, value *yaml.Node) {
		here := join(key, name)
		switch name {
		case "files":
			e.Files = r.out.resolvePath(r.text(value, here))
		case "method":
			e.Method = r.text(value, here)
		case "type":
			e.Type = r.text(value, here)
		default:
			r.unknown(at, here, []string{"files", "method", "type"})
		}
	})
	switch {
	case len(r.faults) > before:
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
