package message

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// scan checks data before it is parsed: size, strict JSON, and nesting.
func (c *Codec) scan(data []byte) *fault.Error {
	if len(data) > c.limits.Bytes {
		return fault.New(fault.LimitExceeded, subject, "larger than %d bytes", c.limits.Bytes)
	}
	if isBOM(data) {
		return malformed("line 1:1: begins with a byte order mark")
	}
	return c.nesting(data)
}

// nesting returns a fault if data is not strict JSON or nests too deeply.
func (c *Codec) nesting(data []byte) *fault.Error {
	if c.flat(data) && jsontext.Value(data).IsValid() {
		return nil
	}
	return c.walk(data)
}

// flat reports whether data, if it is JSON, cannot nest too deeply: it has fewer brackets
// than the limit, and no "@type". This is true of most messages, which then only need the
// faster check that they are valid.
func (c *Codec) flat(data []byte) bool {
	return bytes.Count(data, []byte("{"))+bytes.Count(data, []byte("[")) <= c.limits.Depth && !mayHaveType(data)
}

// mayHaveType reports whether "@type" might be in data, in any spelling.
func mayHaveType(data []byte) bool {
	return bytes.IndexByte(data, '\\') >= 0 || bytes.Contains(data, []byte(typeKey))
}

// walk reads data once from start to end.
func (c *Codec) walk(data []byte) *fault.Error {
	// For each open object and array, and the top level: how deep objects with "@type"
	// nest in it.
	type open struct {
		typed bool // has "@type" itself
		below int  // the maximum in one of its values
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	stack := []open{{}}
	for started := false; !started || len(stack) > 1; started = true {
		if dec.PeekKind() == '"' { // ReadValue returns a string as it is, without a copy
			text, err := dec.ReadValue()
			if err != nil {
				return syntax(data, err)
			}
			if isName(dec) && isTypeKey(text) {
				stack[len(stack)-1].typed = true
			}
			continue
		}
		token, err := dec.ReadToken()
		if err != nil {
			return syntax(data, err)
		}
		switch token.Kind() {
		case '{', '[':
			if len(stack) > c.limits.Depth {
				return fault.New(fault.LimitExceeded, subject, "nested more than %d levels deep", c.limits.Depth)
			}
			stack = append(stack, open{})
		case '}', ']':
			closed := stack[len(stack)-1]
			if closed.typed {
				closed.below++
			}
			if closed.below > c.limits.AnyDepth {
				return c.tooManyAnys()
			}
			stack = stack[:len(stack)-1]
			outer := &stack[len(stack)-1]
			outer.below = max(outer.below, closed.below)
		}
	}
	end := dec.InputOffset()
	if _, err := dec.ReadToken(); err != io.EOF {
		rest := bytes.TrimLeft(data[end:], " \t\r\n")
		return malformed("line %s: more text follows the message", positionOf(data, len(data)-len(rest)))
	}
	return nil
}

// isName reports whether the string that dec has just read is a member name.
func isName(dec *jsontext.Decoder) bool {
	kind, read := dec.StackIndex(dec.StackDepth())
	return kind == '{' && read%2 == 1
}

// isTypeKey reports whether the JSON string text is "@type" in any spelling.
func isTypeKey(text jsontext.Value) bool {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text) == `"@type"`
	}
	name, _ := strictjson.String(text)
	return name == typeKey
}

// syntax returns the fault for a decoder's error, with its position.
func syntax(data []byte, err error) *fault.Error {
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return malformed("line %s: unexpected end", positionOf(data, len(data)))
	case !errors.As(err, &s):
		return malformed("not valid JSON")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return malformed("line %s: duplicate name %q in one object", positionOf(data, int(s.ByteOffset)), quote.Shorten(s.JSONPointer.LastToken()))
	}
	return malformed("line %s: %s", positionOf(data, int(s.ByteOffset)), quote.Shorten(s.Err.Error()))
}

// positionOf returns the line and column of offset, in protojson's format.
func positionOf(data []byte, offset int) position {
	before := data[:min(offset, len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	return position{line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1}
}
