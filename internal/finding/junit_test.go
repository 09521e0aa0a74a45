package finding

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
)

// TestJUnitNamesAreUniqueAndStable: GitLab tracks a case by its name from run to run and
// drops the second of two with the same name.
func TestJUnitNamesAreUniqueAndStable(t *testing.T) {
	t.Parallel()
	names := func(r Report) map[[2]string]int {
		var got junitSuites
		if err := xml.Unmarshal([]byte(render(t, r, "junit")), &got); err != nil {
			t.Fatal(err)
		}
		all := map[[2]string]int{}
		for _, suite := range got.Suites {
			for _, c := range suite.Cases {
				all[[2]string{c.Class, c.Name}]++
			}
		}
		return all
	}
	r := sample()
	before := names(r)
	if len(before) != len(Sort(r.Findings)) {
		t.Errorf("%d names for %d findings", len(before), len(Sort(r.Findings)))
	}
	for i := range r.Findings {
		r.Findings[i].Pos.Line += 100
	}
	for name := range names(r) {
		if before[name] != 1 {
			t.Errorf("%q: the name changes when lines move", name)
		}
	}
}

func TestJUnitFailsWhereTheRunFails(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		severity Severity
		strict   bool
		fails    bool
	}{
		"error":           {Error, false, true},
		"warning":         {Warning, false, false},
		"strict warning":  {Warning, true, true},
		"note":            {Note, false, false},
		"strict note":     {Note, true, false},
		"unknown (fails)": {Error + 1, false, true},
	} {
		var got junitSuites
		r := Report{Findings: []Finding{{Severity: row.severity}}, Strict: row.strict}
		if err := xml.Unmarshal([]byte(render(t, r, "junit")), &got); err != nil || got.Tests != 1 {
			t.Fatalf("%s: %v, %+v", name, err, got)
		}
		if c := got.Suites[0].Cases[0]; (c.Failure != nil) != row.fails || (c.Skipped != nil) == row.fails {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

// TestWriteJUnitCountsEachOutcome: cases of one suite are in one element, with
// their counts, and hostile names cannot end it.
func TestWriteJUnitCountsEachOutcome(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJUnit(&b, "tool", []Case{
		{Suite: "s", Class: "t.M", Name: "a.json"},
		{Suite: "s", Class: "t.M", Name: "b.json", Outcome: Failed, Type: "claim_missing", Message: "why \x1b"},
		{Suite: "s", Class: "t.M", Name: "c.json", Outcome: Errored, Type: "key_missing", Message: "<&>"},
		{Suite: "s", Class: "t.M", Name: "c.json", Outcome: Skipped, Message: "nothing"},
		{Suite: "other", Class: "t.N", Name: "d.json", File: "d.json", Line: 7},
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<testsuites name="tool" tests="5" failures="1" errors="1" skipped="1" time="0">`, `<testsuite name="s" tests="4" failures="1" errors="1" skipped="1" time="0">`,
		`<testcase classname="t.M" name="a.json" time="0"></testcase>`, `<failure message="why \u001b" type="claim_missing"></failure>`, `<error message="&lt;&amp;&gt;" type="key_missing"></error>`,
		`name="c.json #2"`, `<skipped message="nothing"></skipped>`, `<testcase classname="t.N" name="d.json" file="d.json" line="7" time="0"></testcase>`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %s in\n%s", want, b.String())
		}
	}
}
