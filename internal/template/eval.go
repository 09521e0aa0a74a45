package template

import (
	"fmt"
	"reflect"
	"strings"
	"text/template/parse"
)

// piped is what the pipeline before a command hands to it as last argument; nil for none.
type piped = *reflect.Value

// pipeline returns the value of pipe, and gives it to the variables that pipe declares or
// assigns; the pipeline of a range does that for each element instead.
func (s *state) pipeline(dot reflect.Value, pipe *parse.PipeNode) (value reflect.Value) {
	if pipe == nil {
		return value
	}
	s.node = pipe
	var last piped
	for _, command := range pipe.Cmds {
		value = concrete(s.command(dot, command, last))
		last = &value
	}
	for _, v := range pipe.Decl {
		if pipe.IsAssign {
			s.assign(v.Ident[0], value)
		} else {
			s.declare(v.Ident[0], value)
		}
	}
	return value
}

// command returns the value of a command: of a function with its arguments, or of what takes
// none.
func (s *state) command(dot reflect.Value, command *parse.CommandNode, last piped) reflect.Value {
	first := command.Args[0]
	if function, ok := first.(*parse.IdentifierNode); ok {
		return s.function(dot, function, command.Args[1:], last)
	}
	s.node = first
	if len(command.Args) > 1 || last != nil {
		s.fail("can't give argument to non-function %s", first)
	}
	if first.Type() == parse.NodeNil {
		s.fail("nil is not a command")
	}
	return s.value(dot, first)
}

// value returns the value of an operand where no type is wanted.
func (s *state) value(dot reflect.Value, node parse.Node) reflect.Value {
	s.node = node
	switch n := node.(type) {
	case *parse.DotNode:
		return dot
	case *parse.NilNode:
		return reflect.Value{}
	case *parse.BoolNode:
		return reflect.ValueOf(n.True)
	case *parse.StringNode:
		return reflect.ValueOf(n.Text)
	case *parse.NumberNode:
		return s.number(n)
	case *parse.FieldNode:
		return s.fields(dot, node, n.Ident)
	case *parse.VariableNode:
		return s.fields(s.lookup(n.Ident[0]).value, node, n.Ident[1:])
	case *parse.ChainNode:
		if n.Node.Type() == parse.NodeNil {
			s.fail("indirection through explicit nil in %s", n)
		}
		return s.fields(s.value(dot, n.Node), node, n.Field)
	case *parse.PipeNode:
		return s.pipeline(dot, n)
	case *parse.IdentifierNode:
		return s.function(dot, n, nil, nil)
	}
	s.fail("can't evaluate %s", node)
	return reflect.Value{}
}

// number returns a constant as an int if it is written as one, else as a float64.
func (s *state) number(n *parse.NumberNode) reflect.Value {
	isInteger := strings.HasPrefix(n.Text, "'") || !strings.ContainsAny(n.Text, ".eEpP") || isHex(n.Text)
	switch {
	case n.IsComplex:
		return reflect.ValueOf(n.Complex128)
	case n.IsFloat && !isInteger:
		return reflect.ValueOf(n.Float64)
	case n.IsInt && int64(int(n.Int64)) == n.Int64:
		return reflect.ValueOf(int(n.Int64))
	}
	s.fail("%s overflows int", n.Text)
	return reflect.Value{}
}

// isHex reports whether a constant is an integer in base 16, in which e is a digit.
func isHex(text string) bool {
	text = strings.ToLower(strings.TrimLeft(text, "+-"))
	return strings.HasPrefix(text, "0x") && !strings.ContainsAny(text, "p.")
}

// fields follows names from receiver.
func (s *state) fields(receiver reflect.Value, node parse.Node, names []string) reflect.Value {
	for _, name := range names {
		s.node = node
		receiver = s.field(receiver, name)
	}
	return receiver
}

// field returns a field of a struct, or what a map has for name: the zero value if nothing.
func (s *state) field(receiver reflect.Value, name string) reflect.Value {
	if !receiver.IsValid() {
		return receiver
	}
	typ := receiver.Type()
	value, isNil := indirect(receiver)
	if isNil {
		s.fail("nil pointer evaluating %s.%s", typ, name)
	}
	switch value.Kind() {
	case reflect.Struct:
		if f, found := value.Type().FieldByName(name); found {
			if !f.IsExported() {
				s.fail("%s is an unexported field of struct type %s", name, typ)
			}
			field, err := value.FieldByIndexErr(f.Index)
			if err != nil {
				s.fail("%w", err)
			}
			return field
		}
	case reflect.Map:
		key := reflect.ValueOf(name)
		if key.Type().AssignableTo(value.Type().Key()) {
			if held := value.MapIndex(key); held.IsValid() {
				return held
			}
			return reflect.Zero(value.Type().Elem())
		}
	}
	s.fail("can't evaluate field %s in type %s", name, typ)
	return reflect.Value{}
}

// function calls a function with args, and last after them.
func (s *state) function(dot reflect.Value, n *parse.IdentifierNode, args []parse.Node, last piped) reflect.Value {
	s.node = n
	if n.Ident == "and" || n.Ident == "or" {
		return s.logic(dot, n.Ident == "or", args, last)
	}
	f := s.funcs[n.Ident]
	typ := f.Type()
	count := len(args)
	if last != nil {
		count++
	}
	if fixed := typ.NumIn(); typ.IsVariadic() && count < fixed-1 {
		s.fail("wrong number of args for %s: want at least %d got %d", n.Ident, fixed-1, len(args))
	} else if !typ.IsVariadic() && count != fixed {
		s.fail("wrong number of args for %s: want %d got %d", n.Ident, fixed, count)
	}
	want := func(i int) reflect.Type {
		if typ.IsVariadic() && i >= typ.NumIn()-1 {
			return typ.In(typ.NumIn() - 1).Elem()
		}
		return typ.In(i)
	}
	var in []reflect.Value
	for i, arg := range args {
		in = append(in, s.argument(dot, want(i), arg))
	}
	if last != nil {
		in = append(in, s.fit(*last, want(len(args))))
	}
	s.node = n
	for _, arg := range in {
		s.chargeValue(arg)
	}
	value, err := call(f, in)
	if err != nil {
		s.fail("error calling %s: %w", n.Ident, err)
	}
	s.chargeValue(value)
	return value
}

// call calls f. Its panic is an error, as an error that it returns.
func call(f reflect.Value, in []reflect.Value) (value reflect.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			var isError bool
			if err, isError = p.(error); !isError {
				err = fmt.Errorf("%v", p)
			}
		}
	}()
	out := f.Call(in)
	if len(out) == 2 && !out[1].IsNil() {
		return out[0], out[1].Interface().(error)
	}
	return out[0], nil
}

// logic returns the first argument that decides, else the last one: or if any, and if all.
func (s *state) logic(dot reflect.Value, some bool, args []parse.Node, last piped) (value reflect.Value) {
	if len(args) == 0 && last == nil {
		s.fail("wrong number of args for %s: want at least 1 got 0", s.node)
	}
	for _, arg := range args {
		value = s.value(dot, arg)
		if truth, _ := isTrue(value); truth == some {
			return value
		}
	}
	if last != nil {
		return *last
	}
	return value
}

// argument returns the value of node as the type typ of a parameter.
func (s *state) argument(dot reflect.Value, typ reflect.Type, node parse.Node) reflect.Value {
	n, constant := node.(*parse.NumberNode)
	if !constant || typ.Kind() == reflect.Interface {
		value := s.value(dot, node)
		if typ.Kind() != reflect.String && typ.Kind() != reflect.Bool || value.IsValid() && value.Type().AssignableTo(typ) {
			return s.fit(value, typ)
		}
		switch node.(type) { // only the kind of a constant matters
		case *parse.StringNode, *parse.BoolNode:
			if value.Kind() == typ.Kind() {
				return value.Convert(typ)
			}
		}
		return s.fit(value, typ)
	}
	s.node = node
	value := reflect.New(typ).Elem()
	switch {
	case value.CanInt() && n.IsInt && !value.OverflowInt(n.Int64):
		value.SetInt(n.Int64)
	case value.CanUint() && n.IsUint && !value.OverflowUint(n.Uint64):
		value.SetUint(n.Uint64)
	case value.CanFloat() && n.IsFloat:
		value.SetFloat(n.Float64)
	case value.CanComplex() && n.IsComplex:
		value.SetComplex(n.Complex128)
	default:
		s.fail("expected %s; found %s", typ, n)
	}
	return value
}

// fit returns value as a parameter of type typ takes it.
func (s *state) fit(value reflect.Value, typ reflect.Type) reflect.Value {
	switch {
	case !value.IsValid() && canBeNil(typ):
		return reflect.Zero(typ)
	case !value.IsValid():
		s.fail("invalid value; expected %s", typ)
	case value.Type().AssignableTo(typ):
		return value
	}
	if held := concrete(value); held.IsValid() {
		value = held
	}
	switch {
	case value.Type().AssignableTo(typ):
		return value
	case value.Kind() == reflect.Pointer && !value.IsNil() && value.Type().Elem().AssignableTo(typ):
		return value.Elem()
	case value.CanAddr() && reflect.PointerTo(value.Type()).AssignableTo(typ):
		return value.Addr()
	}
	s.fail("wrong type for value; expected %s; got %s", typ, value.Type())
	return reflect.Value{}
}

func canBeNil(typ reflect.Type) bool {
	switch typ.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice:
		return true
	}
	return false
}
