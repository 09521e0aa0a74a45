// Package strictjson reads JSON the one way that leaves no room for two
// readers to disagree: one value, UTF-8 only, no name twice at any depth, no
// lone surrogate, no byte order mark, bounded nesting; numbers keep their
// spelling (RFC 8259, RFC 7493; S11, S30, A84).
//
// The grammar is go-json-experiment/json's (the coming encoding/json/v2).
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is a JSON value as it was written.
type Value = jsontext.Value

// Member is a name of an object with its value, in the order of the text.
type Member struct {
	Name  string
	Value Value
}

// Reasons that callers tell apart; every other error is a fault of syntax.
var (
	ErrTooDeep   = errors.New("nested too deeply")
	ErrNotObject = errors.New("not a JSON object")
	ErrTrailing  = errors.New("more text follows the JSON value")
)

// Object returns the members of the one JSON object in data, which may nest
// maxDepth levels, itself included. White space may surround it. The values
// share data's memory.
//
// It returns ErrTooDeep, ErrNotObject or ErrTrailing (wrapped), or what is
// wrong with the syntax.
func Object(data []byte, maxDepth int) ([]Member, error) {
	if depth(data) > maxDepth {
		return nil, fmt.Errorf("%w: more than %d levels", ErrTooDeep, maxDepth)
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if dec.PeekKind() != '{' {
		if err := dec.SkipValue(); err != nil {
			return nil, syntax(err)
		}
		return nil, ErrNotObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	members := make([]Member, 0, 8)
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, syntax(err)
		}
		m := Member{Name: name.String()}
		v, err := dec.ReadValue()
		if err != nil {
			return nil, syntax(err)
		}
		m.Value = v
		members = append(members, m)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	return members, end(dec)
}

// Array returns the elements of the one JSON array in data, under the rules
// of Object.
func Array(data []byte, maxDepth int) ([]Value, error) {
	if depth(data) > maxDepth {
		return nil, fmt.Errorf("%w: more than %d levels", ErrTooDeep, maxDepth)
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if dec.PeekKind() != '[' {
		return nil, errors.New("not a JSON array")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	var elements []Value
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return nil, syntax(err)
		}
		elements = append(elements, v)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	return elements, end(dec)
}

// String returns the text of a JSON string; ok is false for any other value.
func String(v Value) (text string, ok bool) {
	if v.Kind() != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err == nil
}

func end(dec *jsontext.Decoder) error {
	switch _, err := dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	default:
		return ErrTrailing
	}
}

// syntax words a decoder's error without the text around it, which could be
// part of a secret.
func syntax(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return errors.New("a name stands twice in one object")
	}
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return fmt.Errorf("no valid JSON at byte %d", s.ByteOffset)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("no valid JSON: it ends too early")
	}
	return errors.New("no valid JSON")
}

// depth returns how deep brackets nest in data outside of strings. It is a
// bound taken before parsing, so it needs no valid JSON.
func depth(data []byte) int {
	deepest, level, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}
