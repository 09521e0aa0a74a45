package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// testName matches the name of a test where text mentions one.
	testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*`)
	// testFlag matches the pattern in a command that runs some of the tests.
	testFlag = regexp.MustCompile(`-(run|bench|fuzz)[ =](['"]?)(\S+)`)
)

// TestNamedTestsExist: every test that a document, the Makefile, a workflow or a comment
// names exists, and every command that selects tests matches one.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	names := testNames(t)
	for _, path := range tracked(t, "*.md", "Makefile", ".ci", ".github", "*.sh", "*.go") {
		data, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil || strings.HasPrefix(path, "docs/rules/") { // those lists are generated
			continue
		}
		text := string(data)
		if strings.HasSuffix(path, ".go") {
			text = comments(t, path, data)
		}
		for line := range strings.Lines(text) {
			for _, m := range testFlag.FindAllStringSubmatch(line, -1) {
				checkPattern(t, path, m[1], m[3], names)
			}
			for _, name := range testName.FindAllString(testFlag.ReplaceAllString(line, ""), -1) {
				if name != "TestGoFiles" && !slices.Contains(names, name) { // a field of go list
					t.Errorf("%s names %s, which does not exist", path, name)
				}
			}
		}
	}
}

// checkPattern checks that each alternative of pattern, the argument of a flag of go test,
// matches a name, unless it matches nothing on purpose or has a variable of make.
func checkPattern(t *testing.T, path, flag, pattern string, names []string) {
	t.Helper()
	pattern = strings.ReplaceAll(strings.TrimRight(pattern, "'\"`.,;)"), "$$", "$")
	if pattern == "^$" || strings.ContainsAny(pattern, "{(") || strings.Contains(pattern, "$t") {
		return
	}
	prefix := map[string]string{"run": "", "bench": "Benchmark", "fuzz": "Fuzz"}[flag]
	for alternative := range strings.SplitSeq(pattern, "|") {
		first, _, _ := strings.Cut(alternative, "/") // the rest are names of subtests
		re, err := regexp.Compile(first)
		if err != nil || !slices.ContainsFunc(names, func(name string) bool {
			return strings.HasPrefix(name, prefix) && re.MatchString(name)
		}) {
			t.Errorf("%s: -%s %s matches no test", path, flag, alternative)
		}
	}
}

// testNames returns the names of all tests, fuzz tests and benchmarks.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	for _, path := range tracked(t, "*_test.go") {
		data, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			continue // removed, and not yet committed
		}
		for _, m := range declaration.FindAllStringSubmatch(string(data), -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// comments returns the text of the comments in a Go file.
func comments(t *testing.T, path string, data []byte) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if ast.IsGenerated(file) {
		return ""
	}
	var b strings.Builder
	for _, group := range file.Comments {
		for _, c := range group.List {
			b.WriteString(c.Text + "\n")
		}
	}
	return b.String()
}
