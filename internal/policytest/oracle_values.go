package policytest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// same reports whether a claim says v, a value of fd.
func (o *Oracle) same(fd protoreflect.FieldDescriptor, v protoreflect.Value, claim any) bool {
	switch {
	case fd.IsList():
		list, ok := claim.([]any)
		if !ok || len(list) != v.List().Len() {
			return false
		}
		for i, one := range list {
			if !o.sameOne(fd, v.List().Get(i), one) {
				return false
			}
		}
		return true
	case fd.IsMap():
		object, ok := claim.(map[string]any)
		if !ok || len(object) != v.Map().Len() {
			return false
		}
		same := true
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			one, there := object[k.String()]
			same = there && o.sameOne(fd.MapValue(), v, one)
			return same
		})
		return same
	}
	return o.sameOne(fd, v, claim)
}

func (o *Oracle) sameOne(fd protoreflect.FieldDescriptor, v protoreflect.Value, claim any) bool {
	written := fmt.Sprint(claim)
	if number, is := claim.(json.Number); is {
		written = number.String()
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		return claim == v.String()
	case protoreflect.BoolKind:
		return claim == v.Bool()
	case protoreflect.BytesKind:
		return claim == base64.StdEncoding.EncodeToString(v.Bytes())
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return claim == string(value.Name())
		}
		return written == strconv.Itoa(int(v.Enum()))
	case protoreflect.FloatKind:
		f, err := strconv.ParseFloat(written, 32)
		return err == nil && float32(f) == float32(v.Float())
	case protoreflect.DoubleKind:
		f, err := strconv.ParseFloat(written, 64)
		return err == nil && f == v.Float()
	case protoreflect.MessageKind, protoreflect.GroupKind:
		want, err := json.Marshal(claim)
		if err != nil {
			return false
		}
		return o.sameMessage(v.Message(), want)
	}
	n, ok := new(big.Int).SetString(written, 10)
	return ok && n.String() == v.String()
}

// sameMessage reads the claim by the standard library of protobuf.
func (o *Oracle) sameMessage(m protoreflect.Message, claim []byte) bool {
	options := protojson.MarshalOptions{Resolver: o.Types}
	claimed := dynamicpb.NewMessage(m.Descriptor())
	if (protojson.UnmarshalOptions{Resolver: o.Types}).Unmarshal(claim, claimed) != nil {
		return false
	}
	x, err := options.Marshal(claimed)
	if err != nil {
		return false
	}
	y, err := options.Marshal(m.Interface())
	return err == nil && bytes.Equal(compact(x), compact(y))
}

// compact is JSON without the white space that protojson varies.
func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

func (o *Oracle) text(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if fd.IsList() {
		parts := make([]string, v.List().Len())
		for i := range parts {
			parts[i] = o.oneText(fd, v.List().Get(i))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	if fd.IsMap() {
		var parts []string
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			parts = append(parts, k.String()+":"+o.oneText(fd.MapValue(), v))
			return true
		})
		slices.Sort(parts)
		return "{" + strings.Join(parts, " ") + "}"
	}
	return o.oneText(fd, v)
}

// oneText is v as its claim has it, whatever the type of the field: two fields
// of different types can have one claim in one token.
func (o *Oracle) oneText(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch fd.Kind() {
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if v.Float() == 0 { // compared by value: -0 is 0 (A82)
			return "0"
		}
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return string(value.Name())
		}
	case protoreflect.MessageKind, protoreflect.GroupKind:
		text, err := protojson.MarshalOptions{Resolver: o.Types, AllowPartial: true}.Marshal(v.Message().Interface())
		if err != nil {
			return err.Error()
		}
		if unquoted, err := strconv.Unquote(string(text)); err == nil {
			return unquoted
		}
		return string(compact(text))
	}
	return v.String()
}
