package finding

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// jsonReport is the schema of the json format. Scripts rely on it (S53): members are
// never omitted, renamed or changed in meaning, but new ones may be added.
type jsonReport struct {
	Findings []jsonFinding `json:"findings"` // never null
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Notes    int           `json:"notes"`
}

type jsonFinding struct {
	Severity string `json:"severity"` // "error", "warning" or "note"
	Rule     string `json:"rule"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
	File     string `json:"file"`
	Line     int    `json:"line"`   // from 1; 0 is unknown
	Column   int    `json:"column"` // from 1; 0 is unknown
	Subject  string `json:"subject"`
}

// WriteJSON prints one object: {"findings":[{"severity", "rule", "message",
// "hint", "file", "line", "column", "subject"}], "errors", "warnings", "notes"}.
func (r Report) WriteJSON(w io.Writer) error {
	sorted := Sort(r.Findings)
	out := jsonReport{Findings: make([]jsonFinding, 0, len(sorted))}
	out.Errors, out.Warnings, out.Notes = Count(sorted)
	for _, f := range sorted {
		out.Findings = append(out.Findings, jsonFinding{
			Severity: f.Severity.String(), Rule: f.Rule, Message: f.Message, Hint: f.Hint,
			File: f.Pos.File, Line: f.Pos.Line, Column: f.Pos.Column, Subject: f.Subject,
		})
	}
	return writeJSON(w, out)
}

// writeJSON prints v indented. encoding/json does not escape C1 and bidirectional
// characters; escaped they mean the same and have no effect on a terminal (S70).
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, quote.Escape(b.String(), "\n"))
	return err
}
