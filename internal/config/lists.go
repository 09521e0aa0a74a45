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

// lists are the keys whose values are lists of entries, which have no flag of that form,
// with the functions that read an entry.
func lists() map[string]func(*reader) entry {
	return map[string]func(*reader) entry{
		"keys": (*reader).key, "key_sets": (*reader).keySet, "messages": (*reader).message,
		usersKey: (*reader).user, clientsKey: (*reader).client,
	}
}

// entry is an entry of a list, to be read or described.
type entry struct {
	members
	// extraSchema is added to the schema.
	extraSchema object
	// finish stores the entry at n after its members are read. It reports missing members
	// only if all others are valid.
	finish func(n *yaml.Node, key string, valid bool)
}

// members are the members of an entry by name.
type members map[string]member

// member is a possible member of an entry.
type member struct {
	description string        // for editors
	schema      func() object // without about
	read        func(n *yaml.Node, here string)
}

// readList reads the list that is called key, and reports whether there is one.
func (r *reader) readList(key string, n *yaml.Node) bool {
	begin, known := lists()[key]
	if known {
		r.items(n, key, func(key string, item *yaml.Node) {
			e, before := begin(r), len(r.faults)
			r.fields(item, key, func(name string, at, value *yaml.Node) {
				if m, ok := e.members[name]; ok {
					m.read(value, join(key, name))
					return
				}
				r.unknown(at, join(key, name), slices.Sorted(maps.Keys(e.members)))
			})
			e.finish(item, key, len(r.faults) == before)
		})
	}
	return known
}

// stringTo, and the others ending in To, return members that are read into to.
func (r *reader) stringTo(to *string, about string) member {
	return member{about, textSchema, func(n *yaml.Node, here string) { *to = r.text(n, here) }}
}

func (r *reader) stringsTo(to *[]string, about string) member {
	return member{about, func() object { return listOf(textSchema()) }, func(n *yaml.Node, here string) {
		r.items(n, here, func(key string, item *yaml.Node) { *to = append(*to, r.text(item, key)) })
	}}
}

// pathTo is stringTo for a path, which is relative to the file's folder.
func (r *reader) pathTo(to *string, about string) member {
	return member{about, textSchema, func(n *yaml.Node, here string) { *to = r.out.resolvePath(r.text(n, here)) }}
}

func (r *reader) boolTo(to *bool, about string) member {
	return member{about, func() object { return object{"type": "boolean"} }, func(n *yaml.Node, here string) {
		if n.Tag != "!!bool" {
			r.fail(n, here, "must be true or false")
		}
		*to = n.Value == "true"
	}}
}

// durationTo is for a duration, which must be greater than 0.
func (r *reader) durationTo(to *time.Duration, about string) member {
	return member{about, positiveSchema, func(n *yaml.Node, here string) {
		d, err := time.ParseDuration(n.Value)
		if n.Tag != "!!str" || err != nil || d <= 0 {
			r.failHint(n, here, durationHint(n.Value), "must be a duration such as 90s, 10m or 1h30m")
		}
		*to = d
	}}
}

func (r *reader) claimsTo(to *[]token.Claim, about string) member {
	return member{about, claimsSchema, func(n *yaml.Node, here string) { *to = r.claimsOf(n, here) }}
}

// key is one of keys.
func (r *reader) key() entry {
	e := KeyEntry{}
	known := r.rules(&e.Rules)
	maps.Copy(known, members{
		"id":        r.stringTo(&e.ID, "key id; default: the file's own, else the RFC 7638 thumbprint"),
		"algorithm": {"", algorithmSchema, func(n *yaml.Node, here string) { e.Algorithm = r.algorithm(n, here) }},
		"issuer":    r.stringTo(&e.Issuer, "the issuer whose tokens it signs and verifies"),
		"file":      r.pathTo(&e.File, "PEM, JWK or JWKS"),
		"secret": {"env:NAME, the variable that holds the secret of HS256, HS384 or HS512", secretSchema, func(n *yaml.Node, here string) {
			variable, isVariable := strings.CutPrefix(r.text(n, here), "env:")
			if n.Value != "" && (!isVariable || variable == "") {
				r.failHint(n, here, "write secret: \"env:NAME\" and set the variable NAME", "a secret must not be in the file")
			}
			e.Secret = variable
		}},
	})
	return entry{known, object{"oneOf": []object{required("file"), required("secret")}}, func(n *yaml.Node, key string, valid bool) {
		if e.Line = n.Line; valid && (e.File == "") == (e.Secret == "") {
			r.oneOf(n, key, "file", "secret", e.File != "")
		}
		r.out.Keys = append(r.out.Keys, e)
	}}
}

// oneOf refuses both of two fields, and neither unless both is false.
func (r *reader) oneOf(n *yaml.Node, key, one, other string, both bool) {
	if both {
		r.fail(n, key, "needs either %s or %s, not both", one, other)
		return
	}
	r.fail(n, key, "needs either %s or %s", one, other)
}

// keySet is one of key_sets.
func (r *reader) keySet() entry {
	e := KeySetEntry{}
	known := r.rules(&e.Rules)
	maps.Copy(known, members{
		"issuer":           r.stringTo(&e.Issuer, "the issuer whose tokens it verifies"),
		"oidc_discovery":   r.boolTo(&e.OIDCDiscovery, "find the set through the issuer's OpenID configuration"),
		"refresh_interval": r.durationTo(&e.RefreshInterval, "age at which the set is refetched"),
		"jwks": {"file or URL of the JWK set", textSchema, func(n *yaml.Node, here string) {
			e.JWKS = r.text(n, here)
			if !strings.Contains(e.JWKS, "://") {
				e.JWKS = r.out.resolvePath(e.JWKS)
			}
		}},
		"allowed_algorithms": {"", func() object { return listOf(algorithmSchema()) }, func(n *yaml.Node, here string) {
			r.items(n, here, func(key string, item *yaml.Node) {
				e.AllowedAlgorithms = append(e.AllowedAlgorithms, r.algorithm(item, key))
			})
		}},
	})
	discovered := required("oidc_discovery")
	discovered["properties"] = object{"oidc_discovery": object{"const": true}}
	more := object{"oneOf": []object{discovered, required("jwks")}, "if": discovered, "then": required("issuer")}
	return entry{known, more, func(n *yaml.Node, key string, valid bool) {
		e.Line = n.Line
		switch {
		case !valid:
		case e.OIDCDiscovery && e.Issuer == "":
			r.fail(n, key, "oidc_discovery needs the issuer")
		case e.OIDCDiscovery == (e.JWKS != ""):
			r.fail(n, key, "needs either jwks or oidc_discovery: true")
		}
		r.out.KeySets = append(r.out.KeySets, e)
	}}
}

// message is one of messages.
func (r *reader) message() entry {
	e, more := MessageEntry{}, required("files")
	more["oneOf"] = []object{required("method"), required("type")}
	return entry{members{
		"files":  r.pathTo(&e.Files, "pattern of paths, with * and **"),
		"method": r.stringTo(&e.Method, "pkg.Service/Method whose policy applies"),
		"type":   r.stringTo(&e.Type, "pkg.Message whose annotations apply"),
	}, more, func(n *yaml.Node, key string, valid bool) {
		e.Line = n.Line
		switch {
		case !valid:
		case e.Files == "":
			r.fail(n, key, "files is required")
		case (e.Method == "") == (e.Type == ""):
			r.oneOf(n, key, "method", "type", e.Method != "")
		}
		r.out.Messages = append(r.out.Messages, e)
	}}
}

// claims reads token.claims. Names keep their case and dots, numbers their digits.
func (r *reader) claims(n *yaml.Node, key string) {
	r.out.lines[key] = n.Line
	r.out.Claims = append(r.out.Claims, r.claimsOf(n, key)...)
}

// claimsOf reads claims by their names.
func (r *reader) claimsOf(n *yaml.Node, key string) (list []token.Claim) {
	r.fields(n, key, func(name string, at, value *yaml.Node) {
		if hasTimestamp(value) {
			r.failHint(value, join(key, name), "put it in quotes", "YAML would change the form of this date")
			return
		}
		var v any
		if err := value.Decode(&v); err != nil {
			r.fail(value, join(key, name), "cannot be converted to JSON")
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

// hasTimestamp reports whether n has a value that YAML reads as a time.
func hasTimestamp(n *yaml.Node) bool {
	return n.ShortTag() == "!!timestamp" || slices.ContainsFunc(n.Content, hasTimestamp)
}
