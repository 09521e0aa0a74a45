// Package template runs templates of text/template, parsed by text/template/parse, with
// two differences. It bounds the work of an execution, as templates come from files that
// others write. And it calls no methods by name: a program that can do that keeps the
// methods of all its types, which were 4 MB of jwtctl, and more page faults at each start.
// What else text/template does, this package does in the same way.
package template

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"text/template/parse"
)

// Functions are the functions of a template by name. Each returns one value, or a value
// and an error.
type Functions map[string]any

// Template is a parsed template.
type Template struct {
	// Work limits an execution; 0 means no limit. Each node costs nodeCost, each byte of
	// text that is printed, or passed to or returned by a function, one, and each element
	// of a list or map elementCost. A list or map that contains itself exceeds any limit.
	Work  int
	name  string
	trees map[string]*parse.Tree
	funcs map[string]reflect.Value
}

// Parse parses text with the actions between left and right; the default is {{ and }}.
func Parse(name, text, left, right string, funcs Functions) (*Template, error) {
	all := builtins()
	maps.Copy(all, funcs)
	trees, err := parse.Parse(name, text, left, right, all)
	if err != nil {
		return nil, err
	}
	t := &Template{name: name, trees: trees, funcs: map[string]reflect.Value{}}
	for f, function := range all {
		t.funcs[f] = reflect.ValueOf(function)
	}
	return t, nil
}

// Execute applies the template to data and writes the result to w. A missing key of a map
// is the zero value of the map's elements. The error has the position in the template.
func (t *Template) Execute(w io.Writer, data any) (err error) {
	tree := t.trees[t.name]
	if tree == nil || tree.Root == nil {
		return fmt.Errorf("template: %s: is empty", t.name)
	}
	defer func() {
		if p := recover(); p != nil {
			failed, ours := p.(failure)
			if !ours {
				panic(p)
			}
			err = failed.error
		}
	}()
	dot := reflect.ValueOf(data)
	left := t.Work
	s := &state{Template: t, w: w, tree: tree, vars: []variable{{"$", dot}}, left: &left}
	s.walk(dot, tree.Root)
	return nil
}

// failure ends an execution, as a panic that Execute recovers.
type failure struct{ error }

// variable is one that is declared.
type variable struct {
	name  string
	value reflect.Value
}

// state is one execution of one tree.
type state struct {
	*Template
	w     io.Writer
	tree  *parse.Tree
	node  parse.Node // what is executed, for errors
	vars  []variable
	depth int  // of trees that execute another
	left  *int // of Work
}

// fail ends the execution with an error at the current node.
func (s *state) fail(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if s.node == nil {
		panic(failure{fmt.Errorf("template: %s: %w", s.tree.Name, err)})
	}
	place, text := s.tree.ErrorContext(s.node)
	panic(failure{fmt.Errorf("template: %s: executing %q at <%s>: %w", place, s.tree.Name, text, err)})
}

// declare adds a variable, which lives until its block ends.
func (s *state) declare(name string, value reflect.Value) {
	s.vars = append(s.vars, variable{name, value})
}

// assign gives the variable that was last declared as name a value.
func (s *state) assign(name string, value reflect.Value) {
	s.lookup(name).value = value
}

func (s *state) lookup(name string) *variable {
	for i := len(s.vars) - 1; i >= 0; i-- {
		if s.vars[i].name == name {
			return &s.vars[i]
		}
	}
	s.fail("undefined variable: %s", name)
	return nil
}
