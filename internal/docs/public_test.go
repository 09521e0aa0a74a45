package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// public are the packages that other programs import, with their folders.
var public = []string{"jwtpolicy", "jwtpolicy/protosource", "grpcauth", "connectauth", "jwttest"}

// mostExported is the number of types, functions, methods and constants that fit on a
// page.
const mostExported = 60

// TestPublicPackagesFitOnAPage, and an example that is compiled and run calls each of their
// functions and methods, except those that only make a type an error, a text or a source.
func TestPublicPackagesFitOnAPage(t *testing.T) {
	for _, name := range public {
		exported, functions, called := 0, []string{}, map[string]bool{}
		for _, f := range parsed(t, filepath.Join("..", "..", name)) {
			test := strings.HasSuffix(f.Name.Name, "_test")
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					switch {
					case test && strings.HasPrefix(d.Name.Name, "Example") && hasOutput(f, d):
						ast.Inspect(d.Body, func(n ast.Node) bool {
							if s, is := n.(*ast.SelectorExpr); is {
								called[s.Sel.Name] = true
							}
							return true
						})
					case !test && d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))):
						exported++
						if d.Recv == nil || !conforms(d.Name.Name) {
							functions = append(functions, d.Name.Name)
						}
					}
				case *ast.GenDecl:
					exported += exportedIn(d, test)
				}
			}
		}
		for _, f := range functions {
			if !called[f] {
				t.Errorf("%s: no example with an output calls %s", name, f)
			}
		}
		if exported == 0 || exported > mostExported {
			t.Errorf("%s exports %d types, functions, methods and constants, more than the %d that fit on a page", name, exported, mostExported)
		}
		t.Logf("%s exports %d", name, exported)
	}
}

// parsed returns the Go files of a folder.
func parsed(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatal(dir, err)
	}
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// hasOutput reports whether go test runs the example d.
func hasOutput(f *ast.File, d *ast.FuncDecl) bool {
	for _, c := range f.Comments {
		text := strings.ToLower(c.Text())
		if c.Pos() > d.Body.Lbrace && c.End() < d.Body.Rbrace && (strings.HasPrefix(text, "output:") || strings.HasPrefix(text, "unordered output:")) {
			return true
		}
	}
	return false
}

func receiver(d *ast.FuncDecl) string {
	of := d.Recv.List[0].Type
	if pointer, is := of.(*ast.StarExpr); is {
		of = pointer.X
	}
	name, _ := of.(*ast.Ident)
	return name.Name
}

// conforms reports whether a method is there for an interface alone.
func conforms(method string) bool {
	switch method {
	case "Error", "Is", "Unwrap", "String", "Descriptors":
		return true
	}
	return false
}

// exportedIn counts the exported types, variables and constants that d declares.
func exportedIn(d *ast.GenDecl, test bool) (n int) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if !test && s.Name.IsExported() {
				n++
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if !test && name.IsExported() {
					n++
				}
			}
		}
	}
	return n
}
