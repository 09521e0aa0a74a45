package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// ban is a function or variable that only some packages may use.
type ban struct {
	only    string // folders that may, separated by spaces
	instead string
}

// bans has everything banned by its qualified name; "*" means every name of a package.
var bans = map[string]ban{
	"fmt.Print":          {"", "write to a stream of system.System"},
	"fmt.Printf":         {"", "write to a stream of system.System"},
	"fmt.Println":        {"", "write to a stream of system.System"},
	"log.*":              {"", "return an error, or use a given slog.Logger"},
	"os.Exit":            {"cmd/jwtctl", "return an error; internal/cli turns it into an exit code"},
	"os.Stdin":           {"internal/system", "use system.System"},
	"os.Stdout":          {"internal/system", "use system.System"},
	"os.Stderr":          {"internal/system", "use system.System"},
	"os.Getenv":          {"", "use system.System.Getenv, or take a function"},
	"os.LookupEnv":       {"internal/system jwtpolicy", "use system.System.Getenv, or take a function"},
	"os.Setenv":          {"", "pass the value on"},
	"http.DefaultClient": {"", "use jwks.Fetch, which has limits"},
	"http.Get":           {"", "use jwks.Fetch, which has limits"},
	"init":               {"internal/proxy", "call it where it is needed"}, // grpc-go registers compressors during initialization only
}

// TestBans: packages that are not for tests use nothing of the table. A failure names what
// to use instead.
func TestBans(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	eachFile(t, func(folder, path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			for _, name := range namesIn(n) {
				b, banned := bans[name]
				if !banned {
					continue
				}
				used[name] = true
				if !strings.Contains(" "+b.only+" ", " "+folder+" ") {
					t.Errorf("%s uses %s: %s", path, name, b.instead)
				}
			}
			return true
		})
	})
	for name, b := range bans {
		if b.only != "" && !used[name] {
			t.Errorf("%s is no longer used: allow it nowhere", name)
		}
	}
}

// namesIn returns the names in a node that bans contains.
func namesIn(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if n.Recv == nil {
			return []string{n.Name.Name}
		}
	case *ast.SelectorExpr:
		if pkg, isName := n.X.(*ast.Ident); isName {
			return []string{pkg.Name + "." + n.Sel.Name}
		}
	case *ast.ImportSpec:
		return []string{strings.Trim(n.Path.Value, `"`) + ".*"}
	}
	return nil
}

// TestEveryPackageHasAComment: each package has a comment that describes it.
func TestEveryPackageHasAComment(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	eachFile(t, func(folder, _ string, file *ast.File) {
		text := file.Doc.Text()
		documented[folder] = documented[folder] || strings.HasPrefix(text, "Package "+file.Name.Name+" ") || strings.HasPrefix(text, "Command ")
	})
	for folder, has := range documented {
		if !has {
			t.Errorf("package %s has no comment", folder)
		}
	}
}

// eachFile calls do for each file of jwtctl's packages that is neither generated nor a
// test.
func eachFile(t *testing.T, do func(folder, path string, file *ast.File)) {
	t.Helper()
	forTests := map[string]bool{"internal/testkit": true}
	for _, cells := range architectureTable(t, "package") {
		if strings.HasPrefix(cells[1], "for tests: ") {
			forTests[cells[0]] = true
		}
	}
	files := 0
	for _, top := range []string{"cmd", "internal", "jwtpolicy", "jwttest", "grpcauth", "connectauth"} {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(path string, entry fs.DirEntry, err error) error {
			folder := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), filepath.Join("..", "..")+string(filepath.Separator)))
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "node_modules"):
				return filepath.SkipDir
			case entry.IsDir() || forTests[folder] || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err == nil && !ast.IsGenerated(file) {
				files++
				do(folder, path, file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 300 {
		t.Errorf("only %d files", files)
	}
}
