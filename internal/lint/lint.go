// Package lint judges a policy: its rules find annotations that contradict each
// other, have no effect, or protect less than they seem to. The rules
// are a table, from which documentation and command output come too.
//
// It reads the model of package policy and never an option, looks up no
// environment variable and no key, and prints nothing: findings are for package
// finding to render. Of jwtctl it imports claims, descset, finding, policy and
// strictjson.
package lint

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// Options is what rules may know in addition to the annotations.
type Options struct {
	// Issuers are those of the configured keys and key sets.
	Issuers []string
	// HaveKeys says that keys are configured. Without, the rules on configured
	// issuers say nothing.
	HaveKeys bool
	// RequireAll demands an annotation for every method (S46).
	RequireAll bool
}

// rule is a row of the table: what a rule is, and how it finds what it is about.
type rule struct {
	finding.Rule
	check func(*pass)
}

// Rules returns every rule, those for errors first.
func Rules() []finding.Rule {
	var list []finding.Rule
	for _, r := range table() {
		list = append(list, r.Rule)
	}
	return list
}

// Check returns what all rules find in p, sorted, each finding once. A comment
// jwtctl:ignore silences warnings and notes, never an error.
func Check(p *policy.Policy, o Options) []finding.Finding {
	return run(p, o, table())
}

// Errors returns what the rules of severity Error find: sign, verify and the
// proxy run no policy with any (A101).
func Errors(p *policy.Policy) []finding.Finding {
	var grave []rule
	for _, r := range table() {
		if r.Severity == finding.Error {
			grave = append(grave, r)
		}
	}
	return run(p, Options{}, grave)
}

func run(p *policy.Policy, o Options, rules []rule) []finding.Finding {
	f := newFacts(p, o)
	var found []finding.Finding
	for _, r := range rules {
		pass := &pass{facts: f, rule: r.Rule}
		r.check(pass)
		found = append(found, pass.found...)
	}
	return finding.Sort(found)
}

// pass is one rule at work.
type pass struct {
	*facts
	rule  finding.Rule
	found []finding.Finding
}

// report adds a finding about the annotation of d, unless it is less than an
// error and d has a comment that silences it, or is in an imported file.
func (p *pass) report(d protoreflect.Descriptor, at descset.Position, hint, format string, args ...any) {
	if p.rule.Severity < finding.Error && (p.imports[d.ParentFile().Path()] || p.ignored(d, p.rule.ID)) {
		return
	}
	p.found = append(p.found, finding.Finding{
		Severity: p.rule.Severity, Rule: p.rule.ID, Subject: string(d.FullName()),
		At:      finding.Position(at),
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// label names d as people write it: "pkg.Service/Method", and the full name of
// all else.
func label(d protoreflect.Descriptor) string {
	if _, is := d.(protoreflect.MethodDescriptor); is {
		return string(d.Parent().FullName()) + "/" + string(d.Name())
	}
	return string(d.FullName())
}
