package template

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"text/template"
)

// builtins are the functions that every template has, except call: what it works on holds
// no functions. and and or are state.logic, which does not look at each argument.
func builtins() Functions {
	ordered := func(holds func(order int) bool) func(a, b any) (bool, error) {
		return func(a, b any) (bool, error) {
			order, err := compare(reflect.ValueOf(a), reflect.ValueOf(b))
			return err == nil && holds(order), err
		}
	}
	return Functions{
		"and": equal, "or": equal,
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
		"not":   func(a any) bool { truth, _ := isTrue(reflect.ValueOf(a)); return !truth },
		"len":   length,
		"index": index,
		"slice": slice,
		"eq":    equal,
		"ne":    func(a, b any) (bool, error) { same, err := equal(a, b); return err == nil && !same, err },
		"lt":    ordered(func(order int) bool { return order < 0 }),
		"le":    ordered(func(order int) bool { return order <= 0 }),
		"gt":    ordered(func(order int) bool { return order > 0 }),
		"ge":    ordered(func(order int) bool { return order >= 0 }),
	}
}

func length(of any) (int, error) {
	value, isNil := indirect(reflect.ValueOf(of))
	switch value.Kind() {
	case reflect.Array, reflect.Chan, reflect.Map, reflect.Slice, reflect.String:
		return value.Len(), nil
	}
	if isNil || !value.IsValid() {
		return 0, errors.New("len of nil")
	}
	return 0, fmt.Errorf("len of type %s", value.Type())
}

// index returns of[keys[0]][keys[1]] and so on; a key that a map does not have is the zero
// value of what it holds.
func index(of any, keys ...any) (any, error) {
	value := reflect.ValueOf(of)
	for i, key := range keys {
		value, _ = indirect(value)
		if !value.IsValid() || value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
			return nil, errors.New("index of nil")
		}
		switch value.Kind() {
		case reflect.Array, reflect.Slice, reflect.String:
			n, err := position(key, value.Len()-1)
			if err != nil {
				return nil, err
			}
			value = value.Index(n)
		case reflect.Map:
			held, err := lookup(value, key)
			if err != nil {
				return nil, err
			}
			value = held
		default:
			return nil, fmt.Errorf("can't index item of type %s", value.Type())
		}
		if value = concrete(value); !value.IsValid() && i+1 < len(keys) {
			return nil, errors.New("index of nil")
		}
	}
	if !value.IsValid() {
		if of == nil {
			return nil, errors.New("index of untyped nil")
		}
		return nil, nil
	}
	return value.Interface(), nil
}

// lookup returns what m has for key, which is of the type of its keys or a number that
// converts to it.
func lookup(m reflect.Value, key any) (reflect.Value, error) {
	k, want := reflect.ValueOf(key), m.Type().Key()
	switch {
	case !k.IsValid() && canBeNil(want):
		k = reflect.Zero(want)
	case !k.IsValid():
		return k, fmt.Errorf("value is nil; should be of type %s", want)
	case k.Type().AssignableTo(want):
	case isInteger(k.Kind()) && isInteger(want.Kind()) && k.CanConvert(want):
		k = k.Convert(want)
	default:
		return k, fmt.Errorf("value has type %s; should be %s", k.Type(), want)
	}
	if held := m.MapIndex(k); held.IsValid() {
		return held, nil
	}
	return reflect.Zero(m.Type().Elem()), nil
}

// position returns n as an index from 0 to last.
func position(n any, last int) (int, error) {
	value := reflect.ValueOf(n)
	at := -1
	switch {
	case !value.IsValid():
		return 0, errors.New("cannot index slice/array with nil")
	case value.CanInt():
		at = int(value.Int())
	case value.CanUint() && value.Uint() <= math.MaxInt:
		at = int(value.Uint())
	case !value.CanUint():
		return 0, fmt.Errorf("cannot index slice/array with type %s", value.Type())
	}
	if at < 0 || at > last {
		return 0, fmt.Errorf("index out of range: %v", n)
	}
	return at, nil
}

// slice returns of[bounds[0]:bounds[1]:bounds[2]], as far as they are given.
func slice(of any, bounds ...any) (any, error) {
	value, _ := indirect(reflect.ValueOf(of))
	limit := 0
	switch kind := value.Kind(); {
	case kind == reflect.String && len(bounds) == 3:
		return nil, errors.New("cannot 3-index slice a string")
	case kind == reflect.String:
		limit = value.Len()
	case kind == reflect.Slice || kind == reflect.Array && value.CanAddr():
		limit = value.Cap()
	default:
		return nil, fmt.Errorf("can't slice %T", of)
	}
	if len(bounds) > 3 {
		return nil, fmt.Errorf("too many slice indexes: %d", len(bounds))
	}
	at := [3]int{0, value.Len(), limit}
	for i, bound := range bounds {
		n, err := position(bound, limit)
		if err != nil {
			return nil, err
		}
		at[i] = n
	}
	if at[0] > at[1] || at[1] > at[2] {
		return nil, fmt.Errorf("invalid slice index: %d", at)
	}
	if len(bounds) < 3 {
		return value.Slice(at[0], at[1]).Interface(), nil
	}
	return value.Slice3(at[0], at[1], at[2]).Interface(), nil
}

// equal reports whether first is one of the others.
func equal(first any, others ...any) (bool, error) {
	if len(others) == 0 {
		return false, errors.New("missing argument for comparison")
	}
	for _, other := range others {
		if same, err := equals(reflect.ValueOf(first), reflect.ValueOf(other)); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func equals(a, b reflect.Value) (bool, error) {
	if order, err := compare(a, b); err == nil {
		return order == 0, nil
	}
	switch {
	case !a.IsValid() || !b.IsValid():
		return isNil(a) && isNil(b), nil
	case a.Kind() != b.Kind():
		return false, fmt.Errorf("incompatible types for comparison: %v and %v", a.Type(), b.Type())
	case a.Kind() == reflect.Bool:
		return a.Bool() == b.Bool(), nil
	case isNil(a) || isNil(b):
		return isNil(a) && isNil(b), nil
	case !a.Comparable() || !b.Comparable():
		return false, fmt.Errorf("non-comparable types %s and %s", a.Type(), b.Type())
	}
	return a.Interface() == b.Interface(), nil
}

func isNil(value reflect.Value) bool {
	return !value.IsValid() || canBeNil(value.Type()) && value.IsNil()
}

// compare returns how two numbers or two texts are ordered; integers of any type are. What
// is not a number is neither less than a number nor equal to it, so greater.
func compare(a, b reflect.Value) (int, error) {
	switch {
	case !a.IsValid() || !b.IsValid():
	case a.Kind() == reflect.String && b.Kind() == reflect.String:
		return cmp.Compare(a.String(), b.String()), nil
	case a.CanFloat() && b.CanFloat():
		if math.IsNaN(a.Float()) || math.IsNaN(b.Float()) {
			return 1, nil
		}
		return cmp.Compare(a.Float(), b.Float()), nil
	case a.CanInt() && b.CanInt():
		return cmp.Compare(a.Int(), b.Int()), nil
	case a.CanUint() && b.CanUint():
		return cmp.Compare(a.Uint(), b.Uint()), nil
	case a.CanInt() && b.CanUint():
		return compareMixed(a.Int(), b.Uint()), nil
	case a.CanUint() && b.CanInt():
		return -compareMixed(b.Int(), a.Uint()), nil
	default:
		return 0, fmt.Errorf("incompatible types for comparison: %v and %v", a.Type(), b.Type())
	}
	return 0, errors.New("invalid type for comparison")
}

func compareMixed(a int64, b uint64) int {
	if a < 0 {
		return -1
	}
	return cmp.Compare(uint64(a), b)
}

func isInteger(kind reflect.Kind) bool { return kind >= reflect.Int && kind <= reflect.Uintptr }
