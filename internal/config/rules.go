package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// rules returns the members of an entry that are rules for the tokens of its issuer.
func (r *reader) rules(to *keys.Rules) members {
	return members{
		"audiences":      r.stringsTo(&to.Audiences, "accepted audiences: every token of the issuer must have one of them in aud"),
		"type":           r.stringTo(&to.Type, "typ that every token of the issuer must have, such as at+jwt"),
		"max_lifetime":   r.durationTo(&to.MaxLifetime, "maximum lifetime from iat to exp, which are then required"),
		"max_age":        r.durationTo(&to.MaxAge, "maximum age counted from iat, which is then required"),
		"require_expiry": r.boolTo(&to.RequireExpiry, "refuse tokens of the issuer without exp"),
	}
}

// shareRules gives all entries of an issuer the same rules: they apply to every token of
// the issuer, whichever key signed it. Two entries with different rules for one issuer
// are refused.
func (r *reader) shareRules() {
	type stated struct {
		rules *keys.Rules
		at    string
		line  int
	}
	byIssuer := map[string][]stated{}
	for i := range r.out.Keys {
		e := &r.out.Keys[i]
		byIssuer[e.Issuer] = append(byIssuer[e.Issuer], stated{&e.Rules, fmt.Sprintf("keys[%d]", i), e.Line})
	}
	for i := range r.out.KeySets {
		e := &r.out.KeySets[i]
		byIssuer[e.Issuer] = append(byIssuer[e.Issuer], stated{&e.Rules, fmt.Sprintf("key_sets[%d]", i), e.Line})
	}
	delete(byIssuer, "") // keys for any issuer share nothing
	for _, issuer := range slices.Sorted(maps.Keys(byIssuer)) {
		list, all := byIssuer[issuer], stated{}
		for _, s := range list {
			switch {
			case s.rules.IsZero():
			case all.rules == nil:
				all = s
			case !s.rules.Equal(*all.rules):
				r.fail(&yaml.Node{Line: s.line}, s.at, "its rules for this issuer's tokens differ from those of %s", all.at)
			}
		}
		if all.rules == nil {
			continue
		}
		for _, s := range list {
			*s.rules = *all.rules
		}
	}
}

// RuleEntry is an issuer, or an entry without one, with the rules for its tokens.
type RuleEntry struct {
	// Name is the issuer, or else identifies the entry: its ID, file, variable or set.
	// Shown is Name for messages, without what may be secret in a URL.
	Name, Shown string
	Rules       keys.Rules
	Line        int
}

// RuleEntries returns each issuer once, and each entry without one, with its rules, even
// if there are none.
func (c *File) RuleEntries() []RuleEntry {
	var list []RuleEntry
	add := func(name, shown string, r keys.Rules, line int) {
		if !slices.ContainsFunc(list, func(e RuleEntry) bool { return e.Name == name }) {
			list = append(list, RuleEntry{name, shown, r, line})
		}
	}
	for _, e := range c.Keys {
		place := "secret " + e.Secret
		if e.File != "" {
			place = "key " + c.inside(e.File)
		}
		of := cmp.Or(e.Issuer, e.ID, place)
		add(of, of, e.Rules, e.Line)
	}
	for _, e := range c.KeySets {
		add(cmp.Or(e.Issuer, "key set "+c.inside(e.JWKS)), cmp.Or(e.Issuer, "key set "+c.inside(e.Shown())), e.Rules, e.Line)
	}
	return list
}

// inside returns a path as it is written in the file.
func (c *File) inside(path string) string {
	if inside, err := filepath.Rel(filepath.Dir(c.Path), path); err == nil && !files.IsURL(path) {
		return filepath.ToSlash(inside)
	}
	return path
}
