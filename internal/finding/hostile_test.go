package finding

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// hostile are texts that try to break out of one format or another.
func hostile() []string {
	return []string{
		"", " ", "plain", "\x1b]52;c;aGk=\x07", "\x1b[31m", "a\r\nb\nc", "\x00", "\x7f", "\u009b31m", "\u202egnp.proto", "\u2028", "\ufffe", "\U000e0041",
		"\xff\xfe", "a\xc3", "\xed\xa0\x80", "%0A::error::x", "::error file=x,line=1::y", "\n::set-output name=a::b", ",line=9:", "##[error]x",
		"]]>", "<!--", "</failure>", "&lt;&#0;", `"'`, `\u0000`, "[a](b)", `[a\](javascript:x)`, "{0} {{1}}", "../../etc/passwd", "/abs/ü x.proto", "//host/x",
		"a:b", "C:\\x.proto", "?q#f", "%zz", "-", ".", "..", "tab\there", "f.proto:1:2: error: forged (rule)",
	}
}

// checkFormats prints r in every format: each parses back to r, and none has a character
// that a terminal interprets.
func checkFormats(t *testing.T, r Report, schema sarifValidator) {
	t.Helper()
	want := Sort(r.Findings)
	out := map[string]string{}
	for _, format := range Formats() {
		text := render(t, r, format)
		if i := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }); i >= 0 || !utf8.ValidString(text) {
			t.Fatalf("%s: control character at %d of %q", format, i, text)
		}
		out[format] = text
	}
	lines := len(want)
	for _, f := range want {
		if f.Hint != "" {
			lines++
		}
	}
	if got := strings.Count(out["text"], "\n"); got != lines {
		t.Fatalf("text: %d lines, want %d:\n%s", got, lines, out["text"])
	}
	checkJSON(t, out["json"], want)
	checkGitHub(t, out["github"], want)
	checkSARIF(t, out["sarif"], want, schema)
	checkJUnit(t, out["junit"], want, r.Strict)
}

// valid is text as Unicode: what no format can carry became U+FFFD.
func valid(text string) string { return string([]rune(text)) }

func checkJSON(t *testing.T, text string, want []Finding) {
	t.Helper()
	var got jsonReport
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil || got.Findings == nil || len(got.Findings) != len(want) {
		t.Fatalf("json: %v, %d findings, want %d:\n%s", err, len(got.Findings), len(want), text)
	}
	errs, warnings, notes := Count(want)
	if got.Errors != errs || got.Warnings != warnings || got.Notes != notes {
		t.Fatalf("json: counts of %s", text)
	}
	for i, f := range want {
		if g := got.Findings[i]; g != (jsonFinding{
			f.Severity.String(), valid(f.Rule), valid(f.Message), valid(f.Hint), valid(f.Pos.File), f.Pos.Line, f.Pos.Column, valid(f.Subject),
		}) {
			t.Fatalf("json: got %+v of %+v", g, f)
		}
	}
}

func checkJUnit(t *testing.T, text string, want []Finding, strict bool) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(text))
	var got junitSuites
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("junit: %v:\n%s", err, text)
	}
	if rest := text[dec.InputOffset():]; rest != "\n" {
		t.Fatalf("junit: got %q after the end, want %q:\n%s", rest, "\n", text)
	}
	errs, warnings, notes := Count(want)
	total := junitCounts{Tests: max(1, len(want)), Failures: errs, Skipped: warnings + notes}
	if strict {
		total.Failures, total.Skipped = errs+warnings, notes
	}
	var sum junitCounts
	var cases []junitCase
	for _, suite := range got.Suites {
		var own junitCounts
		for _, c := range suite.Cases {
			own.count(c)
			sum.count(c)
			cases = append(cases, c)
		}
		if suite.junitCounts != own {
			t.Fatalf("junit: counts of suite %q:\n%s", suite.Name, text)
		}
	}
	if got.junitCounts != total || sum != total {
		t.Fatalf("junit: counts %+v, summed %+v, want %+v:\n%s", got.junitCounts, sum, total, text)
	}
	for i, f := range want {
		outcome := cases[i].Failure
		if outcome == nil {
			outcome = cases[i].Skipped
		}
		if cases[i].Line != max(f.Pos.Line, 0) || outcome.Message != quote.Escape(f.Message, "") || outcome.Type != quote.Escape(f.Rule, "") {
			t.Fatalf("junit: got %+v, %+v of %+v", cases[i], outcome, f)
		}
	}
}

func TestS70_HostileTextStaysInItsPlace(t *testing.T) {
	t.Parallel()
	schema := newSARIFValidator(t)
	everywhere := Report{Tool: "\x1b", Version: "\u202e"}
	for _, text := range hostile() {
		for _, f := range []Finding{
			{Severity: Error, Rule: text, Message: text, Hint: text, Pos: Position{text, 1, 1}, Subject: text},
			{Severity: Warning, Rule: "rule", Message: text, Pos: Position{"a.proto", 1, -1}},
			{Severity: Note, Message: "message", Pos: Position{text, -1, 0}},
		} {
			rules := []Rule{{ID: text, Purpose: text, Refs: []string{text, text}}, {ID: text}, {ID: "rule"}, {ID: "rule"}}
			checkFormats(t, Report{Tool: text, Version: text, Rules: rules, Findings: []Finding{f}}, schema)
			everywhere.Findings = append(everywhere.Findings, f)
		}
	}
	checkFormats(t, everywhere, schema)
	checkFormats(t, sample(), schema)
	checkFormats(t, Report{}, schema)
}

// FuzzF12_Findings prints findings with arbitrary texts, two of them equal.
func FuzzF12_Findings(f *testing.F) {
	for i, text := range hostile() {
		f.Add(text, "rule", text, text, "pkg.M", i-1, i%3, i%4, i%2 == 0)
		f.Add("a.proto", text, "message", "", text, i, i, i, true)
	}
	schema := newSARIFValidator(f)
	f.Fuzz(func(t *testing.T, file, rule, message, hint, subject string, line, column, severity int, strict bool) {
		one := Finding{Severity(severity), rule, message, hint, Position{file, line, column}, subject}
		other := one
		other.Pos.Line, other.Hint = 7, ""
		r := Report{Tool: message, Version: rule, Rules: []Rule{{rule, one.Severity, message, []string{subject}}}, Strict: strict}
		r.Findings = []Finding{one, other, one, {Message: message}}
		checkFormats(t, r, schema)
	})
}
