package finding

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// checkGitHub reads each line as the runner of GitHub Actions does: up to the
// second "::" properties split at commas, then the message; then the escapes are
// undone.
func checkGitHub(t *testing.T, text string, want []Finding) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(want) == 0 && text == "" {
		return
	}
	if len(lines) != len(want) {
		t.Fatalf("github: %d lines, want %d:\n%s", len(lines), len(want), text)
	}
	undo := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	for i, f := range want {
		body, starts := strings.CutPrefix(lines[i], "::")
		head, message, ends := strings.Cut(body, "::")
		if !starts || !ends {
			t.Fatalf("github: %q is not a command", lines[i])
		}
		command, list, _ := strings.Cut(head, " ")
		got := map[string]string{"": undo.Replace(message)}
		for property := range strings.SplitSeq(list, ",") {
			if name, value, ok := strings.Cut(property, "="); ok {
				got[name] = undo.Replace(value)
			}
		}
		expect := map[string]string{"": quote.Escape(f.Message, ""), "title": quote.Escape(f.Rule, ""), "file": quote.Escape(f.Pos.File, "")}
		if f.Hint != "" {
			expect[""] += "\nhint: " + quote.Escape(f.Hint, "")
		}
		if f.Pos.File != "" && f.Pos.Line > 0 {
			expect["line"] = fmt.Sprint(f.Pos.Line)
			if f.Pos.Column > 0 {
				expect["col"] = fmt.Sprint(f.Pos.Column)
			}
		}
		for _, name := range []string{"", "title", "file", "line", "col"} {
			if got[name] != expect[name] {
				t.Fatalf("github: %s=%q, want %q, in %q", name, got[name], expect[name], lines[i])
			}
		}
		if wanted := map[string]string{"note": "notice", "warning": "warning", "error": "error"}[f.Severity.String()]; command != wanted {
			t.Fatalf("github: command %q, want %q", command, wanted)
		}
	}
}
