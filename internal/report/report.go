// Package report prints findings and rules, for commands with rules.
package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Write prints findings in one of the formats.
func Write(d command.Deps, r finding.Report, format, out string, inputs []string) error {
	opts := finding.TextOptions{Escape: quote.Printable}
	if out == "" || out == "-" {
		s := d.OutStyles()
		opts.Paint = func(severity finding.Severity, word string) string {
			switch severity {
			case finding.Error:
				return s.Bad(word)
			case finding.Warning:
				return s.Warn(word)
			}
			return s.Dim(word)
		}
	}
	r.Folder = command.GitHubFolder(d)
	var text bytes.Buffer
	if err := r.Write(&text, format, opts); err != nil {
		return err
	}
	result := text.Bytes()
	if format == "text" && (out == "" || out == "-") {
		result = []byte(d.WrapOut(text.String()))
	}
	return d.WriteResult(out, result, 0o644, inputs)
}

// Summary returns the numbers of findings in words.
func Summary(errs, warnings, notes int) string {
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{{errs, "error"}, {warnings, "warning"}, {notes, "note"}} {
		switch {
		case c.n == 1:
			parts = append(parts, "1 "+c.word)
		case c.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", c.n, c.word))
		}
	}
	if parts == nil {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

// Rules writes the rules, most severe first, to the file out, or to stdout if out is "" or
// "-".
func Rules(d command.Deps, rules []finding.Rule, format, out string) error {
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(x, y finding.Rule) int { return int(y.Severity) - int(x.Severity) })
	switch format {
	case "json":
		type row struct {
			ID       string   `json:"id"`
			Severity string   `json:"severity"`
			Purpose  string   `json:"purpose"`
			Refs     []string `json:"refs"`
		}
		list := []row{}
		for _, r := range rules {
			list = append(list, row{r.ID, r.Severity.String(), r.Purpose, append([]string{}, r.Refs...)})
		}
		return d.WriteJSON(out, map[string]any{"rules": list})
	case "text":
		width := 0
		for _, r := range rules {
			width = max(width, len(r.ID))
		}
		var text bytes.Buffer
		for _, r := range rules {
			fmt.Fprintf(&text, "%-7s  %-*s  %s\n", r.Severity, width, r.ID, r.Purpose)
		}
		return d.WriteResult(out, text.Bytes(), 0o644, nil)
	}
	return fault.New(fault.UsageError, "format", "the rules are listed as text or json")
}
