package template

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// maxDepth is how deep templates may execute each other, as in text/template.
const maxDepth = 100_000

// flow is how a node ended.
type flow int

const (
	flowNext     flow = iota
	flowBreak         // the innermost range
	flowContinue      // to the next element of it
)

// walk executes node with dot.
func (s *state) walk(dot reflect.Value, node parse.Node) flow {
	s.node = node
	s.charge(nodeCost)
	switch n := node.(type) {
	case *parse.TextNode:
		s.write(n.Text)
	case *parse.ActionNode:
		if value := s.pipeline(dot, n.Pipe); len(n.Pipe.Decl) == 0 {
			s.print(n, value)
		}
	case *parse.ListNode:
		for _, one := range n.Nodes {
			if end := s.walk(dot, one); end != flowNext {
				return end
			}
		}
	case *parse.IfNode:
		return s.branch(dot, n.Pipe, n.List, n.ElseList, false)
	case *parse.WithNode:
		return s.branch(dot, n.Pipe, n.List, n.ElseList, true)
	case *parse.RangeNode:
		return s.rangeOver(dot, n)
	case *parse.TemplateNode:
		s.call(dot, n)
	case *parse.BreakNode:
		return flowBreak
	case *parse.ContinueNode:
		return flowContinue
	case *parse.CommentNode:
	default:
		s.fail("unknown node: %s", node)
	}
	return flowNext
}

func (s *state) write(text []byte) {
	if _, err := s.w.Write(text); err != nil {
		panic(failure{err})
	}
}

// branch executes list if pipe is true, with it as dot for a with, and otherwise elseList.
func (s *state) branch(dot reflect.Value, pipe *parse.PipeNode, list, elseList *parse.ListNode, with bool) flow {
	defer s.scope()()
	value := s.pipeline(dot, pipe)
	truth, known := isTrue(value)
	switch {
	case !known:
		s.fail("if/with can't use %v", value)
	case truth && with:
		return s.walk(value, list)
	case truth:
		return s.walk(dot, list)
	case elseList != nil:
		return s.walk(dot, elseList)
	}
	return flowNext
}

// scope returns what ends the scope of the variables that are declared from now on.
func (s *state) scope() (end func()) {
	n := len(s.vars)
	return func() { s.vars = s.vars[:n] }
}

func isTrue(value reflect.Value) (truth, known bool) {
	value = concrete(value)
	if !value.IsValid() {
		return false, true
	}
	return template.IsTrue(value.Interface())
}

// rangeOver executes the list of n for each element.
func (s *state) rangeOver(dot reflect.Value, n *parse.RangeNode) flow {
	defer s.scope()()
	over, _ := indirect(s.pipeline(dot, n.Pipe))
	ran, inner := false, len(s.vars)
	each := func(index, element reflect.Value) (more bool) {
		ran = true
		s.vars = s.vars[:inner]
		s.rangeVariables(n.Pipe, index, element)
		return s.walk(element, n.List) != flowBreak
	}
	switch kind := over.Kind(); {
	case kind == reflect.Slice || kind == reflect.Array:
		for i := 0; i < over.Len() && each(reflect.ValueOf(i), over.Index(i)); i++ {
		}
	case kind == reflect.Map:
		for _, key := range sortedKeys(over) {
			if !each(key, over.MapIndex(key)) {
				break
			}
		}
	case over.CanInt() || over.CanUint():
		if len(n.Pipe.Decl) > 1 {
			s.fail("can't use %v to iterate over more than one variable", over)
		}
		for i := range over.Seq() {
			if !each(reflect.Value{}, i) {
				break
			}
		}
	case kind != reflect.Invalid: // which is as an empty map
		s.fail("range can't iterate over %v", over)
	}
	if s.vars = s.vars[:inner]; !ran && n.ElseList != nil {
		return s.walk(dot, n.ElseList)
	}
	return flowNext
}

// rangeVariables declares or assigns the variables of a range: the element, or index and
// element.
func (s *state) rangeVariables(pipe *parse.PipeNode, index, element reflect.Value) {
	values := []reflect.Value{index, element}[2-len(pipe.Decl):]
	for i, v := range pipe.Decl {
		if pipe.IsAssign {
			s.assign(v.Ident[0], values[i])
		} else {
			s.declare(v.Ident[0], values[i])
		}
	}
}

// sortedKeys returns the keys of a map, in their order if they have one.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if order, err := compare(a, b); err == nil {
			return order
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	return keys
}

// call executes another template, whose only variable is $.
func (s *state) call(dot reflect.Value, n *parse.TemplateNode) {
	tree := s.trees[n.Name]
	if tree == nil {
		s.fail("template %q not defined", n.Name)
	}
	if s.depth == maxDepth {
		s.fail("exceeded maximum template depth (%d)", maxDepth)
	}
	dot = s.pipeline(dot, n.Pipe)
	other := *s
	other.tree, other.depth, other.vars = tree, s.depth+1, []variable{{"$", dot}}
	other.walk(dot, tree.Root)
}

// print writes value as fmt does.
func (s *state) print(n parse.Node, value reflect.Value) {
	s.node = n
	shown, ok := printable(value)
	if !ok {
		s.fail("can't print %s of type %s", n, value.Type())
	}
	s.chargeValue(value)
	if _, err := fmt.Fprint(s.w, shown); err != nil {
		panic(failure{err})
	}
}

// printable returns value as it is printed, and whether it can be: a channel or a function
// cannot.
func printable(value reflect.Value) (shown any, ok bool) {
	if value.Kind() == reflect.Pointer {
		value, _ = indirect(value)
	}
	if !value.IsValid() {
		return "<no value>", true
	}
	switch value.Interface().(type) {
	case error, fmt.Stringer:
		return value.Interface(), true
	}
	if value.CanAddr() {
		switch text := value.Addr().Interface().(type) {
		case error, fmt.Stringer:
			return text, true
		}
	}
	if kind := value.Kind(); kind == reflect.Chan || kind == reflect.Func {
		return nil, false
	}
	return value.Interface(), true
}

// indirect returns what value points to or holds, and whether a nil was met.
func indirect(value reflect.Value) (to reflect.Value, isNil bool) {
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		if value.IsNil() {
			return value, true
		}
		value = value.Elem()
	}
	return value, false
}

// concrete returns what an interface holds; a nil one holds nothing.
func concrete(value reflect.Value) reflect.Value {
	if value.Kind() == reflect.Interface {
		return value.Elem()
	}
	return value
}
