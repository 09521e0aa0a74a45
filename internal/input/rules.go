package input

import (
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/diff"
)

// IssuerRules returns the rules for the tokens of the issuers in f, and where they
// are.
func IssuerRules(f *config.File) []diff.IssuerRules {
	var list []diff.IssuerRules
	for _, e := range f.RuleEntries() {
		list = append(list, diff.IssuerRules{Of: e.Of, Rules: e.Rules, At: descset.Position{File: f.Path, Line: e.Line, Column: 1}})
	}
	return list
}
