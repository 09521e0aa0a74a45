// Command prose writes what the prose linter cannot find by itself: the text of
// string literals in Go files, and of generated help. In tests it takes only the
// literals that are read when a test fails: names of cases, and messages.
//
//	prose OUT FILE...
//
// Each FILE becomes OUT/FILE.txt, in which every text is on the line that it has
// in FILE.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: prose OUT FILE...")
		os.Exit(2)
	}
	for _, name := range os.Args[2:] {
		if err := extract(os.Args[1], name); err != nil {
			fmt.Fprintf(os.Stderr, "prose: %v\n", err)
			os.Exit(1)
		}
	}
}

// extract writes the texts of one file.
func extract(out, name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	lines := strings.Split(string(data), "\n")
	if strings.HasSuffix(name, ".go") {
		if lines, err = literals(name, data, len(lines)); err != nil {
			return err
		}
	} else {
		for i, line := range lines {
			if strings.HasPrefix(line, "```") {
				lines[i] = ""
			}
		}
	}
	path := filepath.Join(out, name+".txt")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644)
}

// literals returns the string literals with a space in them by their line.
func literals(name string, data []byte, count int) ([]string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, data, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var shown map[*ast.BasicLit]bool
	if strings.HasSuffix(name, "_test.go") {
		shown = shownByTests(file)
	}
	lines := make([]string, count)
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || shown != nil && !shown[lit] {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil || !strings.Contains(text, " ") {
			return true
		}
		at := files.Position(lit.Pos()).Line - 1
		if lit.Value[0] != '`' {
			text = strings.ReplaceAll(text, "\n", " ")
		}
		for i, line := range strings.Split(text, "\n") {
			lines[at+i] = strings.TrimSpace(lines[at+i] + " " + line)
		}
		return true
	})
	return lines, nil
}

// shownByTests returns the literals that go test prints: the arguments of Run and of
// failures, and the keys of tables.
func shownByTests(file *ast.File) map[*ast.BasicLit]bool {
	shown := map[*ast.BasicLit]bool{}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok {
			shown[lit] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			add(n.Key)
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 0 {
				switch f.Sel.Name {
				case "Run", "Error", "Errorf", "Fatal", "Fatalf", "Log", "Logf", "Skip", "Skipf":
					add(n.Args[0])
				}
			}
		}
		return true
	})
	return shown
}
