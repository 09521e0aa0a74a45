package docs_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// ruleName is the number of a rule: of annotations.md (A41) or security.md (S9a).
var ruleName = regexp.MustCompile(`[AS][1-9][0-9]{0,2}a?`)

// rulePages are the pages that define the rules, below docs/.
var rulePages = []string{"rules/annotations.md", "rules/security.md"}

// notRules look like numbers of rules in what the project reads or shows: seats of an
// example, a code challenge method of OAuth.
var notRules = regexp.MustCompile(`"seat": ?"A[12]"|\bS256\b`)

// TestRules: each rule has its statement and its tests, and each number that code,
// documents and output name belongs to a rule.
func TestRules(t *testing.T) {
	t.Parallel()
	tests := testsByRule(t)
	defined := map[string]bool{}
	for _, page := range rulePages {
		path := filepath.Join("../../docs", page)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var made bytes.Buffer
		rule, said := "", true
		end := func() {
			switch {
			case rule == "":
			case defined[rule]:
				t.Errorf("%s: %s is defined twice", path, rule)
			case !said:
				t.Errorf("%s: %s has no statement", path, rule)
			case len(tests[rule]) == 0:
				t.Errorf("%s: no test names the rule %s", path, rule)
			default:
				fmt.Fprintf(&made, "Tests: %s\n\n", strings.Join(tests[rule], " · "))
			}
			defined[rule] = true
		}
		for line := range strings.Lines(string(text)) {
			switch name, isRule := strings.CutPrefix(line, "### "); {
			case isRule:
				end()
				rule, said = strings.TrimSpace(name), false
			case strings.HasPrefix(line, "## "):
				end()
				rule = ""
			case strings.HasPrefix(line, "Tests: "):
				continue
			case line == "\n" && bytes.HasSuffix(made.Bytes(), []byte("\n\n")):
				continue
			case line != "\n":
				said = true
			}
			made.WriteString(line)
		}
		made.WriteString("\n")
		end()
		want := append(bytes.TrimRight(made.Bytes(), "\n"), '\n')
		testkit.Golden(t, path, string(want))
	}
	for _, name := range tracked(t, "*.go", "*.md", "*.txtar", "*.proto") {
		data, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			continue // removed, and not yet committed
		}
		for _, n := range rulesIn(notRules.ReplaceAllString(string(data), "")) {
			if !defined[n] {
				t.Errorf("%s names %s, which docs/rules does not define", name, n)
			}
		}
	}
}

// testOfRules matches what comes before a rule in the name of a test: TestA10_A13_MethodReplacesService.
var testOfRules = regexp.MustCompile(`Test([AS][0-9]+a?_)*$`)

// rulesIn returns the numbers of rules in text, each once.
func rulesIn(text string) (list []string) {
	letter := func(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' }
	for _, at := range ruleName.FindAllStringIndex(text, -1) {
		before := at[0] > 0 && (letter(text[at[0]-1]) || strings.ContainsRune("-_/+.\"", rune(text[at[0]-1])))
		if testOfRules.MatchString(text[max(0, at[0]-40):at[0]]) {
			before = false
		}
		after := at[1] < len(text) && (letter(text[at[1]]) || strings.ContainsRune("-/+=\"", rune(text[at[1]])))
		if n := text[at[0]:at[1]]; !before && !after && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// testsByRule returns the tests and scripts that name each rule, in order.
func testsByRule(t *testing.T) map[string][]string {
	t.Helper()
	by := map[string][]string{}
	add := func(test, text string) {
		for _, n := range rulesIn(text) {
			if entry := "`" + test + "`"; !slices.Contains(by[n], entry) {
				by[n] = append(by[n], entry)
			}
		}
	}
	for _, name := range tracked(t, "*_test.go", "testdata/script/*.txtar") {
		if name == "internal/docs/rules_test.go" {
			continue
		}
		data, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			continue
		}
		short := strings.TrimPrefix(strings.TrimPrefix(name, "testdata/"), "internal/")
		if strings.HasSuffix(name, ".txtar") {
			add(short, string(data))
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		rest := string(data)
		for _, d := range file.Decls {
			f, isFunc := d.(*ast.FuncDecl)
			if !isFunc || f.Recv != nil || !regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]`).MatchString(f.Name.Name) {
				continue
			}
			from, to := int(f.Pos())-int(file.FileStart), int(f.End())-int(file.FileStart)
			if f.Doc != nil {
				from = int(f.Doc.Pos()) - int(file.FileStart)
			}
			text := string(data[from:to])
			add(filepath.Dir(short)+"."+f.Name.Name, text)
			rest = strings.Replace(rest, text, "", 1)
		}
		add(short, rest) // its tables and helpers
	}
	for _, list := range by {
		slices.Sort(list)
	}
	return by
}

// tracked returns the project's files that match one of the patterns.
func tracked(t *testing.T, patterns ...string) []string {
	t.Helper()
	args := append([]string{"-C", "../..", "ls-files", "-co", "--exclude-standard", "--"}, patterns...)
	out, err := exec.CommandContext(t.Context(), "git", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
