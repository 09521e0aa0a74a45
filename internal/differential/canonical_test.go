package differential

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/policytest"
)

// form is the common form of m as Go reads it, see the package comment.
func form(types *dynamicpb.Types, m protoreflect.Message) map[string]any {
	out := map[string]any{}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		var of any
		switch {
		case fd.IsMap():
			entries := map[string]any{}
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				entries[k.String()] = element(types, fd.MapValue(), v)
				return true
			})
			of = entries
		case fd.IsList():
			list := []any{}
			for i := range v.List().Len() {
				list = append(list, element(types, fd, v.List().Get(i)))
			}
			of = list
		default:
			of = one(types, fd, v)
		}
		if of != nil {
			out[strconv.Itoa(int(fd.Number()))] = of
		}
		return true
	})
	if m.Descriptor().FullName() == "google.protobuf.Any" && out["1"] != nil {
		if found, wire := policytest.AnyType(types, m); found != nil {
			inner := found.New()
			if err := proto.Unmarshal(wire, inner.Interface()); err != nil {
				return map[string]any{"error": err.Error()}
			}
			out["2"] = form(types, inner)
		}
	}
	return out
}

// one is the form of one value, nil for zero.
func one(types *dynamicpb.Types, fd protoreflect.FieldDescriptor, v protoreflect.Value) any {
	text := ""
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return form(types, v.Message())
	case protoreflect.BytesKind:
		text = hex.EncodeToString(v.Bytes())
	case protoreflect.EnumKind:
		text = strconv.Itoa(int(v.Enum()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if v.Float() == 0 {
			return nil
		}
		return bits(v.Float())
	default:
		text = v.String()
	}
	if text == zero(fd) {
		return nil
	}
	return text
}

func element(types *dynamicpb.Types, fd protoreflect.FieldDescriptor, v protoreflect.Value) any {
	if of := one(types, fd, v); of != nil {
		return of
	}
	return zero(fd)
}

func zero(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return ""
	case protoreflect.BoolKind:
		return "false"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return bits(0)
	}
	return "0"
}

func bits(f float64) string {
	if math.IsNaN(f) {
		return "nan"
	}
	return fmt.Sprintf("%016x", math.Float64bits(f))
}
