package plan_test

import (
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// rules are those of annotations.md, as first and last of each run.
var rules = [][2]int{{1, 4}, {10, 13}, {20, 25}, {30, 38}, {40, 53}, {60, 65}, {70, 75}, {80, 84}, {90, 93}, {100, 102}, {110, 112}}

// open are the rules whose code is still to come, with their tests.
var open = []int{}

// TestRulesHaveTests fails for each rule of annotations.md that no test names:
// in the name of a test or case, or in a comment, as in TestA42_Include, "A42
// equal" or // A42.
func TestRulesHaveTests(t *testing.T) {
	var all []int
	for _, run := range rules {
		for n := run[0]; n <= run[1]; n++ {
			all = append(all, n)
		}
	}
	// Where the specification is at hand, it says which rules there are.
	if text, err := os.ReadFile("../../../shared/spec/annotations.md"); err == nil {
		var written []int
		for _, m := range regexp.MustCompile(`(?m)^- A(\d+) `).FindAllSubmatch(text, -1) {
			n, _ := strconv.Atoi(string(m[1]))
			written = append(written, n)
		}
		if !slices.Equal(written, all) {
			t.Errorf("annotations.md has the rules %v; this test knows %v", written, all)
		}
	}
	named := map[int]string{}
	for _, root := range []string{"../../internal", "../../cmd", "../../testdata"} {
		if err := namedIn(root, named); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range all {
		where, tested := named[n]
		switch waits := slices.Contains(open, n); {
		case !tested && !waits:
			t.Errorf("no test names the rule A%d", n)
		case tested && waits:
			t.Errorf("A%d has a test in %s: take it off the list of open rules", n, where)
		}
	}
}

// namedIn adds the rules that the tests and test data below root name.
func namedIn(root string, named map[int]string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		isTest, _ := filepath.Match("*_test.go", d.Name())
		isData := slices.Contains([]string{".txtar", ".proto"}, filepath.Ext(path))
		if d.Name() == "rules_test.go" || !isTest && !isData {
			return nil
		}
		text, err := os.ReadFile(path)
		if isTest {
			text = spoken(text)
		}
		for _, n := range ruleNumbers(string(text)) {
			if named[n] == "" {
				named[n] = path
			}
		}
		return err
	})
}

// spoken returns the comments, the texts in quotation marks, such as names of
// cases, and the names of tests in a Go file; not the raw strings, in which
// anything may stand.
func spoken(source []byte) (text []byte) {
	var s scanner.Scanner
	files := token.NewFileSet()
	s.Init(files.AddFile("", files.Base(), len(source)), source, nil, scanner.ScanComments)
	for {
		_, kind, literal := s.Scan()
		switch {
		case kind == token.EOF:
			return text
		case kind == token.COMMENT, kind == token.STRING && literal[0] == '"', kind == token.IDENT:
			text = append(append(text, literal...), '\n')
		}
	}
}

var mention = regexp.MustCompile(`(?:Test|Fuzz|[^A-Za-z0-9])A(\d{1,3})`)

// ruleNumbers returns the numbers of the rules that text names.
func ruleNumbers(text string) (numbers []int) {
	for _, m := range mention.FindAllStringSubmatchIndex(text, -1) {
		if end := m[3]; end < len(text) && regexp.MustCompile(`[0-9A-Za-z]`).MatchString(text[end:end+1]) {
			continue
		}
		n, _ := strconv.Atoi(text[m[2]:m[3]])
		numbers = append(numbers, n)
	}
	return numbers
}

func TestRuleNumbers(t *testing.T) {
	const text = "TestA31_A32(t) // A33, A34. \"A35 x\" FuzzA36 A37b XA38 A3900 BA40 A 41 a42 A80–A84 (A90)\nA91"
	if got := fmt.Sprint(ruleNumbers(text)); got != "[31 32 33 34 35 36 80 84 90 91]" {
		t.Error(got)
	}
}
