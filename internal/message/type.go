package message

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// typeKey is the member that names a message's type.
const (
	typeKey = "@type"
	anyName = protoreflect.FullName("google.protobuf.Any")
)

// TypeOf returns the full name of the message type in the member "@type" of the object
// data: "pkg.T" or, as in an Any, a URL with that as its last part. ok is false if data
// is not an object or has no such member.
//
// TypeOf reads no further than necessary; Read checks the message and the limits. The
// error is message_malformed.
func TypeOf(data []byte) (name protoreflect.FullName, ok bool, err error) {
	at, bad := findType(data)
	if bad != nil {
		return "", false, bad
	}
	return at.name, at.end > 0, nil
}

// member is the position of "@type": from the end of the previous brace or value to the
// end of its own value.
type member struct {
	name       protoreflect.FullName
	start, end int
	first      bool
}

func findType(data []byte) (member, *fault.Error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if dec.PeekKind() != '{' {
		return member{}, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return member{}, syntax(data, err)
	}
	for first := true; dec.PeekKind() == '"'; first = false {
		start := int(dec.InputOffset())
		key, err := dec.ReadValue()
		if err != nil {
			return member{}, syntax(data, err)
		}
		isType := isTypeKey(key)
		value, err := dec.ReadValue()
		if err != nil {
			return member{}, syntax(data, err)
		}
		if isType {
			name, err := typeName(data, int(dec.InputOffset())-len(value), value)
			return member{name, start, int(dec.InputOffset()), first}, err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return member{}, syntax(data, err)
	}
	return member{}, nil
}

func typeName(data []byte, offset int, value strictjson.Value) (protoreflect.FullName, *fault.Error) {
	url, isString := strictjson.String(value)
	name := protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:])
	if !isString || !name.IsValid() {
		return "", malformed(`line %s: "@type" names no message type`, positionOf(data, offset))
	}
	return name, nil
}

// withoutType returns data with the member "@type" of its object replaced by blanks, so
// that the rest keeps its line and column.
func withoutType(data []byte, want protoreflect.FullName) ([]byte, *fault.Error) {
	if !mayHaveType(data) {
		return data, nil
	}
	at, err := findType(data)
	switch {
	case err != nil || at.end == 0:
		return data, err
	case at.name != want:
		return nil, malformed(`"@type" says it is a %s, not a %s`, quote.Shorten(string(at.name)), want)
	}
	out := bytes.Clone(data)
	if at.first { // remove the comma after it, otherwise the one before it
		rest := bytes.TrimLeft(out[at.end:], " \t\r\n")
		if rest[0] == ',' {
			at.end = len(out) - len(rest) + 1
		}
	}
	for i, b := range out[at.start:at.end] {
		if b != '\n' {
			out[at.start+i] = ' '
		}
	}
	return out, nil
}

// hasSpecialJSON reports whether desc is a well-known type that ProtoJSON does not write as
// an object of its fields; in some of these "@type" would be a value.
func hasSpecialJSON(desc protoreflect.MessageDescriptor) bool {
	if desc.FullName().Parent() != "google.protobuf" {
		return false
	}
	switch desc.Name() {
	case "Any", "Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue",
		"BoolValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value",
		"FloatValue", "DoubleValue", "StringValue", "BytesValue":
		return true
	}
	return false
}
