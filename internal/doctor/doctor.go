// Package doctor finds what is wrong with how a Temporal server is set up for
// JWT authorization. Its rules are a table, each with what it is for and its
// cure; findings are for package finding to render.
//
// It reads nothing and calls no server: what key sources and a live server
// answered is given to it. Of jwtctl it imports finding, quote, serverconfig,
// suggest and temporal.
package doctor

import (
	"fmt"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/serverconfig"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// Patient is what there is to examine; every part may be missing.
type Patient struct {
	// Config is the server's set-up.
	Config *serverconfig.Config
	// Release is the server's; VersionGiven says that it is known to be.
	Release      temporal.Release
	VersionGiven bool
	// Sources are what the key sources of Config answered, in their order; nil if
	// they were not asked.
	Sources []temporal.Document
	// Token is the verdict on a token, for one call or several.
	Token *temporal.Report
	// Live is what a running server answered.
	Live []Answer
}

// Answer is what a running server made of a call, and what it should have made
// of it by explain-denial.
type Answer struct {
	Address   string
	WithToken bool
	Denied    bool
	Expected  temporal.Verdict
}

// rule is a row of the table: what a rule is, its cure, and how it finds what it
// is about.
type rule struct {
	finding.Rule
	cure  string
	check func(*pass)
}

// Rules returns every rule.
func Rules() []finding.Rule {
	var list []finding.Rule
	for _, r := range table() {
		list = append(list, r.Rule)
	}
	return list
}

// Examine returns the findings of all rules.
func Examine(p Patient) []finding.Finding {
	x := &pass{Patient: p}
	for _, r := range table() {
		x.rule = r
		r.check(x)
	}
	return finding.Sort(x.found)
}

// pass is one run of a rule.
type pass struct {
	Patient
	rule  rule
	found []finding.Finding
}

func (x *pass) report(at finding.Position, format string, args ...any) {
	x.found = append(x.found, finding.Finding{
		Severity: x.rule.Severity, Rule: x.rule.ID, Message: fmt.Sprintf(format, args...), Hint: x.rule.cure, At: at,
	})
}

// configured runs check if there is a set-up to examine that the server reads.
func configured(check func(*pass, *serverconfig.Config)) func(*pass) {
	return func(x *pass) {
		if x.Config != nil && x.Config.Problem == nil {
			check(x, x.Config)
		}
	}
}

// authorized is like configured, for set-ups that check tokens.
func authorized(check func(*pass, *serverconfig.Config)) func(*pass) {
	return configured(func(x *pass, c *serverconfig.Config) {
		if on, _ := c.Authorizes(); on {
			check(x, c)
		}
	})
}

func shown(v serverconfig.Value) string { return fmt.Sprintf("%q", quote.Shorten(v.Text)) }
