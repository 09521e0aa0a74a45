// Package finding holds the findings of a check of annotations, in a stable order, and
// prints them in five formats: text, json, github, sarif, junit.
//
// It makes no findings, reads no files and decides no exit status. Texts of findings may
// be external: no format lets one end its field, or passes on a character that a terminal
// interprets (S70).
package finding

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity is the severity of a finding; a more severe one is a greater number.
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

// Position is a position in a source. Line and Column count from 1; 0 means unknown.
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

// Finding is one finding of a rule.
type Finding struct {
	Severity Severity
	// Rule is the ID of the rule, such as "claim-cycle".
	Rule string
	// Message describes the problem: lower case, without a final full stop.
	Message string
	// Hint says how to fix it; may be empty.
	Hint string
	Pos  Position
	// Subject is the full protobuf name of the annotated element; may be empty.
	Subject string
}

// Rule describes a rule, for people and for tools that show its findings.
type Rule struct {
	ID       string
	Severity Severity
	// Purpose is a sentence about the purpose of the rule.
	Purpose string
	// Refs are the rules of annotations.md that it checks: "A100".
	Refs []string
}

// Sort returns the findings by file, line, column and rule, without duplicates. The order
// is total: it depends only on the content of the findings (S53). The argument is not
// modified.
func Sort(findings []Finding) []Finding {
	sorted := slices.SortedFunc(slices.Values(findings), func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Subject, b.Subject),
			cmp.Compare(a.Hint, b.Hint),
			cmp.Compare(b.Severity, a.Severity),
		)
	})
	return slices.Compact(sorted)
}

// Count returns the number of findings of each severity, including duplicates.
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
