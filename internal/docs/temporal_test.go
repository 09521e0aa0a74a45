package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/doctor"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/finding"
)

// Each row of the table of docs/temporal.md ends with what finds the cause: a rule of
// doctor, or a code of explain-denial.
func TestTemporalTableNamesWhatFindsTheCause(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "temporal.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n| what you see | why | what to do | found by |\n|---|---|---|---|\n")
	table, _, ended := strings.Cut(after, "\n\n")
	if !found || !ended {
		t.Fatal("docs/temporal.md has no such table")
	}
	seen := map[string]bool{}
	for line := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		last := regexp.MustCompile("^ `([a-z_-]+)` $").FindStringSubmatch(cells[len(cells)-1])
		if len(cells) != 4 || last == nil {
			t.Errorf("not a row of four cells with one code: %s", line)
			continue
		}
		code := last[1]
		isRule := slices.ContainsFunc(doctor.Rules(), func(r finding.Rule) bool { return r.ID == code })
		isFault := fault.Lookup(fault.Code(code)).Code == fault.Code(code)
		if !isRule && !isFault {
			t.Errorf("neither a rule of doctor nor a code of explain-denial: %s", code)
		}
		if seen[code] {
			t.Errorf("duplicate row %s", code)
		}
		seen[code] = true
	}
}
