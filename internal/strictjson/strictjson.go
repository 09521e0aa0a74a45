// Package strictjson reads JSON so that no two readers can disagree: a single value,
// UTF-8 only, no duplicate names at any depth, no lone surrogates, no byte order mark,
// limited nesting; numbers keep their spelling (RFC 8259, RFC 7493; S11, S30, A84).
//
// The grammar is that of go-json-experiment/json (the future encoding/json/v2).
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is a JSON value as written.
type Value = jsontext.Value

// Member is a member of an object, in the order of the text.
type Member struct {
	Name  string
	Value Value
}

// Errors that callers distinguish; all others are syntax errors.
var (
	ErrTooDeep   = errors.New("nested too deeply")
	ErrNotObject = errors.New("not a JSON object")
	ErrTrailing  = errors.New("more text follows the JSON value")
)

// Object returns the members of the JSON object data, which may nest maxDepth levels,
// including itself, and be surrounded by white space. The values share data's memory.
//
// It returns ErrTooDeep, ErrNotObject or ErrTrailing (wrapped), or a syntax error.
func Object(data []byte, maxDepth int) ([]Member, error) {
	if err := Check(data, maxDepth); err != nil {
		return nil, err
	}
	c := cursor{data: data}
	if c.next() != '{' {
		return nil, ErrNotObject
	}
	c.pos++
	members := make([]Member, 0, min(bytes.Count(data, []byte(":")), 16))
	for c.next() != '}' {
		name, _ := String(c.value())
		c.next() // the colon
		c.pos++
		c.next()
		members = append(members, Member{Name: name, Value: c.value()})
		if c.next() == ',' {
			c.pos++
		}
	}
	return members, nil
}

// Array returns the elements of the JSON array data, under the rules of Object.
func Array(data []byte, maxDepth int) ([]Value, error) {
	elements, err := Elements(data, maxDepth)
	if err != nil {
		return nil, err
	}
	return slices.Collect(elements), nil
}

// Elements is Array for callers that may stop early: they need not allocate a list of
// half a million numbers.
func Elements(data []byte, maxDepth int) (iter.Seq[Value], error) {
	if err := Check(data, maxDepth); err != nil {
		return nil, err
	}
	c := cursor{data: data}
	if c.next() != '[' {
		return nil, errors.New("not a JSON array")
	}
	return func(yield func(Value) bool) {
		c := cursor{data: data, pos: c.pos + 1}
		for c.next() != ']' {
			if !yield(c.value()) {
				return
			}
			if c.next() == ',' {
				c.pos++
			}
		}
	}, nil
}

// Check returns nil if data is a single JSON value, under the rules and with the errors
// of Object. To find the error it parses invalid data a second time, with a slower
// parser.
func Check(data []byte, maxDepth int) error {
	if depth(data) > maxDepth {
		return fmt.Errorf("%w: more than %d levels", ErrTooDeep, maxDepth)
	}
	if Value(data).IsValid() {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if err := dec.SkipValue(); err != nil {
		return syntax(err)
	}
	return ErrTrailing
}

// cursor splits text that Check accepted, so it only looks for ends.
type cursor struct {
	data []byte
	pos  int
}

// next skips white space and returns the next byte.
func (c *cursor) next() byte {
	for {
		switch b := c.data[c.pos]; b {
		case ' ', '\t', '\r', '\n':
			c.pos++
		default:
			return b
		}
	}
}

// value returns the value that starts here and skips it; something must follow it.
func (c *cursor) value() Value {
	start := c.pos
	if b := c.data[start]; b != '"' && b != '{' && b != '[' {
		c.pos += bytes.IndexAny(c.data[start:], ",]} \t\r\n")
		return c.data[start:c.pos:c.pos]
	}
	for level := 0; ; {
		switch c.data[c.pos] {
		case '"':
			for c.pos++; c.data[c.pos] != '"'; c.pos++ {
				if c.data[c.pos] == '\\' {
					c.pos++
				}
			}
		case '{', '[':
			level++
		case '}', ']':
			level--
		}
		c.pos++
		if level == 0 {
			return c.data[start:c.pos:c.pos]
		}
	}
}

// String returns the text of a JSON string; ok is false for other values. v must be
// accepted by Check, or be a part of such JSON.
func String(v Value) (text string, ok bool) {
	if v.Kind() != '"' {
		return "", false
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	var space [64]byte
	b, err := jsontext.AppendUnquote(space[:0], v)
	return string(b), err == nil
}

// syntax returns a decoder's error without the text around it, which could be part of a
// secret.
func syntax(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return errors.New("duplicate name in one object")
	}
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return fmt.Errorf("not valid JSON at byte %d", s.ByteOffset)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("not valid JSON: it ends too early")
	}
	return errors.New("not valid JSON")
}

// depth returns how deep brackets outside of strings nest in data, as a limit before
// parsing. data need not be valid JSON.
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

// AppendMembers appends members to b, an unclosed object. It returns an error for a name
// that is not UTF-8, or a value that is not a single strict JSON value.
func AppendMembers(b []byte, members []Member) ([]byte, error) {
	for _, m := range members {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		var err error
		if b, err = jsontext.AppendQuote(b, m.Name); err != nil {
			return b, err
		}
		if b, err = jsontext.AppendFormat(append(b, ':'), m.Value); err != nil {
			return b, err
		}
	}
	return b, nil
}

// Quote returns text as a JSON string; bytes that are not UTF-8 become U+FFFD.
func Quote(text string) Value {
	quoted, _ := jsontext.AppendQuote(nil, text) // its only error is about such bytes, which it replaces
	return quoted
}
