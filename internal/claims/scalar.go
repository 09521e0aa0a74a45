package claims

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// one returns the claim as a value of fd, or of one of its elements. fresh makes a new
// value if it is a message.
func (c *Codec) one(fd protoreflect.FieldDescriptor, claim strictjson.Value, fresh func() protoreflect.Value) (protoreflect.Value, bool) {
	if fd.Message() == nil {
		return scalar(fd, claim)
	}
	v := fresh()
	if inner := wrapped(fd.Message()); inner != nil {
		value, ok := scalar(inner, claim)
		if ok {
			v.Message().Set(inner, value)
		}
		return v, ok
	}
	// What a claim adds to a message must be as unambiguous as what came with the message
	// (A38).
	sound := c.messages.Unmarshal(claim, v.Message()) == nil && c.messages.Normalize(v.Message(), message.Strictness{UnknownTypes: true}) == nil
	return v, sound
}

// wrapped returns the only field of a wrapper such as google.protobuf.Int64Value, whose
// JSON is that of the field, and nil for other messages.
func wrapped(desc protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	if desc.FullName().Parent() != "google.protobuf" {
		return nil
	}
	switch desc.Name() {
	case "BoolValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value",
		"FloatValue", "DoubleValue", "StringValue", "BytesValue":
		return desc.Fields().ByName("value")
	}
	return nil
}

// scalar returns the claim as a value of fd's kind, which is not a message.
func scalar(fd protoreflect.FieldDescriptor, claim strictjson.Value) (v protoreflect.Value, ok bool) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		text, ok := content(claim)
		return protoreflect.ValueOfString(string(text)), ok
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(claim.Kind() == 't'), claim.Kind() == 't' || claim.Kind() == 'f'
	case protoreflect.BytesKind:
		b, ok := decodeBase64(claim)
		return protoreflect.ValueOfBytes(b), ok
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, ok := signed(claim, 32)
		return protoreflect.ValueOfInt32(int32(n)), ok
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, ok := unsigned(claim, 32)
		return protoreflect.ValueOfUint32(uint32(n)), ok
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, ok := signed(unquoted(claim), 64)
		return protoreflect.ValueOfInt64(n), ok
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, ok := unsigned(unquoted(claim), 64)
		return protoreflect.ValueOfUint64(n), ok
	case protoreflect.FloatKind:
		f, ok := float(claim, 32)
		return protoreflect.ValueOfFloat32(float32(f)), ok
	case protoreflect.DoubleKind:
		f, ok := float(claim, 64)
		return protoreflect.ValueOfFloat64(f), ok
	case protoreflect.EnumKind:
		n, ok := enumNumber(fd.Enum(), claim)
		return protoreflect.ValueOfEnum(n), ok
	}
	return protoreflect.Value{}, false
}

// content returns the text of a JSON string, without a copy if nothing in it is escaped.
func content(claim strictjson.Value) ([]byte, bool) {
	if len(claim) < 2 || claim[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(claim, '\\') < 0 {
		return claim[1 : len(claim)-1], true
	}
	text, ok := strictjson.String(claim)
	return []byte(text), ok
}

// unquoted returns the text of a string, and any other claim unchanged: a 64-bit integer
// may be in a string (A82).
func unquoted(claim strictjson.Value) []byte {
	if text, isString := content(claim); isString {
		return text
	}
	return claim
}

// decodeBase64 decodes both alphabets, with or without padding, like ProtoJSON, but
// accepts only the canonical spelling: unused bits are zero, and there are no line
// breaks.
func decodeBase64(claim strictjson.Value) ([]byte, bool) {
	text, ok := content(claim)
	if !ok || bytes.ContainsAny(text, "\r\n") {
		return nil, false
	}
	alphabet := base64.StdEncoding
	if bytes.ContainsAny(text, "-_") {
		alphabet = base64.URLEncoding
	}
	if !bytes.HasSuffix(text, []byte("=")) {
		alphabet = alphabet.WithPadding(base64.NoPadding)
	}
	out, err := alphabet.Strict().AppendDecode(nil, text)
	return out, err == nil
}

// float returns the number nearest to the claim. It returns false for one beyond the
// largest float.
func float(claim strictjson.Value, bits int) (float64, bool) {
	if text, isString := content(claim); isString {
		switch string(text) {
		case "NaN":
			return math.NaN(), true
		case "Infinity":
			return math.Inf(+1), true
		case "-Infinity":
			return math.Inf(-1), true
		}
		return 0, false
	}
	if _, ok := parseNumber(claim); !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(claim), bits)
	return f, err == nil
}

// enumNumber accepts a name of the enum, or a number. For a closed enum, the number must
// be declared.
func enumNumber(enum protoreflect.EnumDescriptor, claim strictjson.Value) (protoreflect.EnumNumber, bool) {
	if name, isString := content(claim); isString {
		value := enum.Values().ByName(protoreflect.Name(name))
		if value == nil {
			return 0, false
		}
		return value.Number(), true
	}
	if isNullValue(enum) && claim.Kind() == 'n' {
		return 0, true
	}
	wide, ok := signed(claim, 32)
	n := protoreflect.EnumNumber(wide)
	return n, ok && (!enum.IsClosed() || enum.Values().ByNumber(n) != nil)
}

func isNullValue(enum protoreflect.EnumDescriptor) bool {
	return enum.FullName() == "google.protobuf.NullValue"
}

func stringKeys(fd protoreflect.FieldDescriptor) bool {
	return fd.MapKey().Kind() == protoreflect.StringKind
}

func mapKey(name string) protoreflect.MapKey { return protoreflect.ValueOfString(name).MapKey() }
