// Package finding is what a check of annotations reports: findings in one
// stable order, and their five printed forms: text, json, github, sarif, junit.
//
// It makes no findings, reads no files and decides no exit status. Texts of
// findings may come from anywhere: no form lets one break out of its place, and
// none passes on a character that a terminal acts on (S70).
//
// Of jwtctl it imports fault.
package finding

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says how grave a finding is; a graver one is the greater number.
type Severity int

// The severities. An unknown one counts as an Error.
const (
	Note Severity = iota
	Warning
	Error
)

// String returns "note", "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	}
	return "error"
}

// Position is a place in a source. Line and Column count from 1; 0 is unknown.
type Position struct {
	File         string
	Line, Column int
}

// String returns as much of "f.proto:12:5" as is known.
func (p Position) String() string {
	switch {
	case p.File == "" || p.Line <= 0:
		return p.File
	case p.Column <= 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Finding is one thing that a rule has to say.
type Finding struct {
	Severity Severity
	// Rule is the id of the rule, such as "claim-cycle".
	Rule string
	// Message says what is wrong: lower case, no full stop at the end.
	Message string
	// Hint says what to do about it; empty where nothing helps.
	Hint string
	At   Position
	// Subject is the full protobuf name of what is annotated; may
	// be empty.
	Subject string
}

// Rule describes a rule for people and for tools that show its findings.
type Rule struct {
	ID       string
	Severity Severity
	// Purpose is one sentence that says what the rule is for.
	Purpose string
	// Refs are the numbers of the rules of annotations.md it holds to: "A100".
	Refs []string
}

// Sort returns the findings by file, line, column and rule, each once. The
// order is total: it depends on what the findings say alone (S53). The argument
// stays as it is.
func Sort(findings []Finding) []Finding {
	sorted := slices.SortedFunc(slices.Values(findings), func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.At.File, b.At.File),
			cmp.Compare(a.At.Line, b.At.Line),
			cmp.Compare(a.At.Column, b.At.Column),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Subject, b.Subject),
			cmp.Compare(a.Hint, b.Hint),
			cmp.Compare(b.Severity, a.Severity),
		)
	})
	return slices.Compact(sorted)
}

// Count returns how many of the findings, as given, have each severity.
func Count(findings []Finding) (errs, warnings, notes int) {
	for _, f := range findings {
		switch f.Severity {
		case Note:
			notes++
		case Warning:
			warnings++
		default:
			errs++
		}
	}
	return errs, warnings, notes
}
