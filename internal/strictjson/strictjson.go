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
	"iter"
	"slices"

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

// Array returns the elements of the one JSON array in data, under the rules
// of Object.
func Array(data []byte, maxDepth int) ([]Value, error) {
	elements, err := Elements(data, maxDepth)
	if err != nil {
		return nil, err
	}
	return slices.Collect(elements), nil
}

// Elements is Array for callers that may stop early: a list of half a million
// numbers costs them no memory.
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

// Check says what is wrong with data if it is not one JSON value, under the rules
// and with the errors of Object. What is wrong is read a second time to find out,
// by a reader that is slower.
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

// cursor cuts up text that Check found valid, so it looks for ends alone.
type cursor struct {
	data []byte
	pos  int
}

// next moves over white space and returns the byte behind it.
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

// value moves over the value that begins here, which something follows, and
// returns it.
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

// String returns the text of a JSON string; ok is false for any other value. v is
// JSON that Check found valid, or a part of it.
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

// syntax words a decoder's error without the text around it, which could be
// part of a secret.
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

// AppendMembers appends members to b, an object that is not closed yet. The error is
// about a name that is not UTF-8, or a value that is not one strict JSON value.
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

// Quote returns the JSON string of text; bytes that are not UTF-8 become U+FFFD.
func Quote(text string) Value {
	quoted, _ := jsontext.AppendQuote(nil, text) // its one error is about such bytes, which it replaces
	return quoted
}
