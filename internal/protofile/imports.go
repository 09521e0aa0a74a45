package protofile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/reporter"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// missingImports is the error for imports that were not found, each with the position of
// the import.
type missingImports []error

func (m missingImports) Error() string { return errors.Join(m...).Error() }

// missing returns the errors of all imports that were not found, sorted by name.
func (b *build) missing() (list []error) {
	for _, name := range b.names() {
		if err := b.tasks[name].err; fault.Has(err, fault.ImportNotFound) {
			list = append(list, b.importFault(name, err))
		}
	}
	return list
}

// unresolved is an error of a resolver, which gets the position of the import.
type unresolved struct{ error }

func (u unresolved) Unwrap() error { return u.error }

// importFault returns err with the position of the first import that led to the missing
// file.
func (b *build) importFault(name string, err error) error {
	var missing unresolved
	if !errors.As(err, &missing) {
		return err
	}
	for _, other := range b.names() {
		if t := b.tasks[other]; slices.Contains(t.imports, name) {
			return reporter.Error(t.place(name), missing.error)
		}
	}
	return missing.error
}

// acyclic returns an error if name leads back to itself by imports. path is the current
// chain; seen has the index of each file in it, from 1, and -1 for files already checked.
func (b *build) acyclic(name string, seen map[string]int, path []string) error {
	t := b.tasks[name]
	path = append(path, name)
	seen[name] = len(path)
	for _, dep := range t.imports {
		switch at := seen[dep]; {
		case at > 0:
			var chain strings.Builder
			for _, step := range path[at-1:] {
				fmt.Fprintf(&chain, "%q -> ", step)
			}
			return reporter.Errorf(t.place(dep), "cycle found in imports: %s%q", chain.String(), dep)
		case at == 0:
			if err := b.acyclic(dep, seen, path); err != nil {
				return err
			}
		}
	}
	seen[name] = -1
	return nil
}

// place returns the position at which t imports dep.
func (t *task) place(dep string) ast.SourceSpan {
	if root := t.parsed.AST(); root != nil {
		for _, d := range root.Decls {
			if i, isImport := d.(*ast.ImportNode); isImport && i.Name.AsString() == dep {
				return root.NodeInfo(i.Name)
			}
		}
	}
	return ast.UnknownSpan(t.name)
}
