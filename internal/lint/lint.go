// Package lint checks a policy: its rules find annotations that contradict each other,
// have no effect, or protect less than they seem to. The rules are a table, which is also
// the source of documentation and command output.
//
// It uses the model of package policy and never reads an option, reads no environment
// variables or keys, and prints nothing: package finding prints findings.
package lint

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// Options is what rules may use in addition to the annotations.
type Options struct {
	// Issuers are the issuers of the configured keys and key sets.
	Issuers []string
	// HaveKeys means that keys are configured. Otherwise the rules about configured
	// issuers do nothing.
	HaveKeys bool
	// RequireAll requires an annotation on every method (S46).
	RequireAll bool
}

// rule is a row of the table: a description, and a function that finds violations.
type rule struct {
	finding.Rule
	check func(*pass)
}

// Rules returns every rule, errors first.
func Rules() []finding.Rule {
	var list []finding.Rule
	for _, r := range table() {
		list = append(list, r.Rule)
	}
	return list
}

// Check returns the findings of all rules in p, sorted, without duplicates. A comment
// jwtctl:ignore silences warnings and notes, never errors.
func Check(p *policy.Policy, o Options) []finding.Finding {
	return run(p, o, table())
}

// Errors returns the findings of rules of severity Error: sign, verify and the proxy
// refuse a policy with any (A101).
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

// pass is one run of a rule.
type pass struct {
	*facts
	rule  finding.Rule
	found []finding.Finding
}

// report adds a finding about the annotation of d, unless it is not an error and a
// comment on d silences it, or it is in an imported file.
func (p *pass) report(d protoreflect.Descriptor, at descset.Position, hint, format string, args ...any) {
	if p.rule.Severity < finding.Error && (p.imports[d.ParentFile().Path()] || p.ignored(d, p.rule.ID)) {
		return
	}
	p.found = append(p.found, finding.Finding{
		Severity: p.rule.Severity, Rule: p.rule.ID, Subject: string(d.FullName()),
		Pos:     finding.Position(at),
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// label names d as people write it: "pkg.Service/Method", and the full name of anything
// else.
func label(d protoreflect.Descriptor) string {
	if _, ok := d.(protoreflect.MethodDescriptor); ok {
		return string(d.Parent().FullName()) + "/" + string(d.Name())
	}
	return string(d.FullName())
}
