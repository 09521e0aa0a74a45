package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestLibrariesNameNoFlags: only the top floor knows the flags of jwtctl. A library
// describes the fault and its remedy in words (fault.Remedy), which also suit the proxy's
// log and jwtctl.yaml.
func TestLibrariesNameNoFlags(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile(`(^|[^\w-])--[a-z][a-z-]*`)
	others := regexp.MustCompile(`(protoc|buf build)( -o FILE)? --[a-z_]+|--grpc-meta|--add-host`) // flags of other programs: protoc, buf, temporal, docker
	top := []string{"cli", "gateway", "input", "command", "settings", "config", "console", "docs"}
	proposes := filepath.Join("..", "temporal", "explain_fix.go") // a whole command that it works out
	for pkg := range importsByPackage(t) {
		if slices.Contains(top, strings.Split(pkg, "/")[0]) || pkg == "gittree" { // it passes flags to git
			continue
		}
		sources, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range sources {
			if strings.HasSuffix(file, "_test.go") || file == proposes {
				continue
			}
			fset := token.NewFileSet()
			parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if lit, is := n.(*ast.BasicLit); is && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					if found := flag.FindString(others.ReplaceAllString(text, "")); found != "" {
						t.Errorf("%s names the flag %s", fset.Position(lit.Pos()), strings.TrimSpace(found))
					}
				}
				return true
			})
		}
	}
}

// TestRemediesHaveFlagWords: the command line has its own wording for each remedy of a
// library.
func TestRemediesHaveFlagWords(t *testing.T) {
	t.Parallel()
	source := testkit.Read(t, "../command/remedies.go")
	names := regexp.MustCompile(`(?m)^\t(\w+) +Remedy = `).FindAllStringSubmatch(testkit.Read(t, "../fault/remedy.go"), -1)
	if len(names) != len(fault.Remedies()) {
		t.Errorf("found %d remedies, Remedies has %d", len(names), len(fault.Remedies()))
	}
	for _, name := range names {
		if !strings.Contains(source, "\tcase fault."+name[1]+":\n") {
			t.Errorf("fault.%s: internal/command/remedies.go has no wording with flags", name[1])
		}
	}
}
