// Command prose writes what the prose linter cannot find by itself: the text of
// string literals in Go files, and of generated help.
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
	lines := make([]string, count)
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
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
