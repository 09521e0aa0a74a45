package policies

import (
	"time"

	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/diff"
)

// IssuerRules returns the rules for the tokens of f's issuers, with positions.
func IssuerRules(f *config.File) []diff.IssuerRules {
	var list []diff.IssuerRules
	for _, e := range f.RuleEntries() {
		list = append(list, diff.IssuerRules{Name: e.Name, Shown: e.Shown, Rules: e.Rules, Pos: descset.Position{File: f.Path, Line: e.Line, Column: 1}})
	}
	return list
}

// ChecksOf returns the checks of tokens and messages set in f, ignoring flags and
// variables.
func ChecksOf(f *config.File) diff.Checks {
	c := diff.Checks{Pos: descset.Position{File: f.Path, Line: 1, Column: 1}}
	for _, value := range f.Values("leeway") {
		c.Leeway, _ = time.ParseDuration(value) // validated when it was read
	}
	for _, value := range f.Values("proxy.refuse_unknown_fields") {
		c.RefuseUnknown = value == "true"
	}
	return c
}
