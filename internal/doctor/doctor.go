// Package doctor finds errors in how a Temporal server is set up for JWT authorization.
// Its rules are a table, each with a purpose and a cure; package finding prints findings.
//
// It reads no files and calls no servers: it is given the responses of key sources and of
// a live server.
package doctor

import (
	"fmt"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/serverconfig"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// Input is what to examine; every part is optional.
type Input struct {
	// Config is the server's setup.
	Config *serverconfig.Config
	// Release is the server's release; VersionGiven is set if it is known.
	Release      temporal.Release
	VersionGiven bool
	// Sources are the responses of Config's key sources, in order; nil if they were not
	// fetched.
	Sources []temporal.Document
	// Token is the verdict on a token, for one or several calls.
	Token *temporal.Report
	// Live are the responses of a running server.
	Live []Answer
}

// Answer is a running server's decision about a call, and the expected one from
// explain-denial.
type Answer struct {
	Address   string
	WithToken bool
	Denied    bool
	Expected  temporal.Verdict
}

// rule is a row of the table: a description, its cure, and a function that finds
// violations.
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

// Check returns the findings of all rules.
func Check(p Input) []finding.Finding {
	x := &pass{Input: p}
	for _, r := range table() {
		x.rule = r
		r.check(x)
	}
	return finding.Sort(x.found)
}

// pass is one run of a rule.
type pass struct {
	Input
	rule  rule
	found []finding.Finding
}

func (x *pass) report(at finding.Position, format string, args ...any) {
	x.found = append(x.found, finding.Finding{
		Severity: x.rule.Severity, Rule: x.rule.ID, Message: fmt.Sprintf(format, args...), Hint: x.rule.cure, Pos: at,
	})
}

// configured runs check if there is a setup that the server reads.
func configured(check func(*pass, *serverconfig.Config)) func(*pass) {
	return func(x *pass) {
		if x.Config != nil && x.Config.Problem == nil {
			check(x, x.Config)
		}
	}
}

// authorized is like configured, for setups that check tokens.
func authorized(check func(*pass, *serverconfig.Config)) func(*pass) {
	return configured(func(x *pass, c *serverconfig.Config) {
		if on, _ := c.Authorizes(); on {
			check(x, c)
		}
	})
}

func shown(v serverconfig.Value) string { return fmt.Sprintf("%q", quote.Shorten(v.Text)) }
