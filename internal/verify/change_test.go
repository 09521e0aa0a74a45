package verify_test

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// clone returns a copy of the value of fd.
func clone(m protoreflect.Message, fd protoreflect.FieldDescriptor) protoreflect.Value {
	c := proto.Clone(m.Interface()).ProtoReflect()
	return c.Get(fd)
}

// changeOf returns a different non-empty value for fd, which is set; there is none for a
// bool without presence that is true.
func changeOf(m protoreflect.Message, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch v := clone(m, fd); {
	case fd.IsList():
		list := v.List()
		if fd.Message() == nil && list.Get(0).Equal(otherOf(fd, list.Get(0))) {
			return protoreflect.Value{}
		}
		if fd.Message() != nil {
			list.Append(list.NewElement())
		} else {
			list.Set(0, otherOf(fd, list.Get(0)))
		}
		return v
	case fd.IsMap():
		key := protoreflect.ValueOfString("another").MapKey()
		v.Map().Set(key, v.Map().NewValue())
		return v
	case fd.Message() != nil:
		first := fd.Message().Fields().Get(0)
		v.Message().Set(first, otherOf(first, v.Message().Get(first)))
		return v
	default:
		other := otherOf(fd, v)
		if !fd.HasPresence() && other.Equal(fd.Default()) {
			return protoreflect.Value{}
		}
		return other
	}
}

// otherOf returns another value of fd's kind.
func otherOf(fd protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
	switch x := v.Interface().(type) {
	case string:
		return protoreflect.ValueOfString(x + "x")
	case bool:
		return protoreflect.ValueOfBool(!x)
	case int32:
		return protoreflect.ValueOfInt32(x ^ 2)
	case uint32:
		return protoreflect.ValueOfUint32(x ^ 1)
	case float32:
		if x == 1 {
			return protoreflect.ValueOfFloat32(2)
		}
		return protoreflect.ValueOfFloat32(1)
	case int64:
		return protoreflect.ValueOfInt64(x ^ 2)
	case uint64:
		return protoreflect.ValueOfUint64(x ^ 1)
	case float64:
		if x == 1 {
			return protoreflect.ValueOfFloat64(2)
		}
		return protoreflect.ValueOfFloat64(1)
	case []byte:
		return protoreflect.ValueOfBytes(append(slices.Clone(x), 0))
	case protoreflect.EnumNumber:
		return protoreflect.ValueOfEnum(x ^ 4)
	}
	panic("no such kind: " + fd.Kind().String())
}
