package policytest

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

// Filler draws the content of messages.
type Filler struct {
	T     *rapid.T
	Types *dynamicpb.Types // of what is in an Any
	// AnyTypes are what an Any may hold, next to Inner and Plain.
	AnyTypes []string
	// Issuers lets RAW entries make the claim iss.
	Issuers bool
	names   int // of RAW entries so far, so that each is another
}

// Message draws a message of type desc. Tokens, which are fields named tok, are
// left out.
func (f *Filler) Message(desc protoreflect.MessageDescriptor, depth int) *dynamicpb.Message {
	m := dynamicpb.NewMessage(desc)
	f.Fill(m, depth)
	return m
}

// Fill sets fields of m at random, and all that are required.
func (f *Filler) Fill(m protoreflect.Message, depth int) {
	switch m.Descriptor().FullName() {
	case "google.protobuf.Any":
		f.fillAny(m)
		return
	case "google.protobuf.Timestamp":
		m.Set(m.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(rapid.Int64Range(-1e9, 1e10).Draw(f.T, "seconds")))
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		required := fd.Cardinality() == protoreflect.Required
		if fd.Name() == "tok" || !required && rapid.IntRange(0, 3).Draw(f.T, "set") == 0 || depth < 0 && fd.Message() != nil && !required {
			continue
		}
		m.Set(fd, f.Value(m, fd, depth))
	}
}

// Value draws a value for fd of m.
func (f *Filler) Value(m protoreflect.Message, fd protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	v := m.NewField(fd)
	switch {
	case fd.IsMap():
		for range rapid.IntRange(1, 2).Draw(f.T, "entries") {
			f.names++
			name := fmt.Sprintf("r%s.%d", fd.Name(), f.names)
			if f.Issuers && fd.MapValue().Kind() == protoreflect.StringKind && rapid.IntRange(0, 3).Draw(f.T, "issuer") == 0 {
				name = "iss"
			}
			key := protoreflect.ValueOfString(name).MapKey()
			v.Map().Set(key, f.one(fd.MapValue(), v.Map().NewValue, depth-1))
		}
	case fd.IsList():
		for range rapid.IntRange(1, 3).Draw(f.T, "elements") {
			v.List().Append(f.one(fd, v.List().NewElement, depth-1))
		}
	default:
		return f.one(fd, func() protoreflect.Value { return v }, depth-1)
	}
	return v
}

func (f *Filler) one(fd protoreflect.FieldDescriptor, fresh func() protoreflect.Value, depth int) protoreflect.Value {
	small := rapid.IntRange(0, 3).Draw(f.T, "small") // values that others have too
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.SampledFrom([]string{"", "alice", "bob", "é\"\\", "A", "B", "admin"}).Draw(f.T, "string"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(small > 1)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(pickOr(f.T, small, rapid.Int32()))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(pickOr(f.T, small, rapid.Int64()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(pickOr(f.T, small, rapid.Uint32()))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(pickOr(f.T, small, rapid.Uint64()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(pickOr(f.T, small, rapid.Float32()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(pickOr(f.T, small, rapid.Float64()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(f.T, "bytes"))
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		if small == 0 && !fd.Enum().IsClosed() {
			return protoreflect.ValueOfEnum(9)
		}
		return protoreflect.ValueOfEnum(values.Get(rapid.IntRange(0, values.Len()-1).Draw(f.T, "enum")).Number())
	}
	v := fresh()
	f.Fill(v.Message(), depth)
	return v
}

// pickOr returns small, or what gen draws where small is 3.
func pickOr[N int32 | int64 | uint32 | uint64 | float32 | float64](t *rapid.T, small int, gen *rapid.Generator[N]) N {
	if small < 3 {
		return N(small)
	}
	return gen.Draw(t, "number")
}

// fillAny puts an Inner or a Plain into an Any.
func (f *Filler) fillAny(m protoreflect.Message) {
	name := rapid.SampledFrom(append([]string{"t.Inner", "t.Inner", "t.Plain"}, f.AnyTypes...)).Draw(f.T, "in Any")
	found, err := f.Types.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		f.T.Fatal(err)
	}
	inner := found.New()
	f.Fill(inner, 1)
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(inner.Interface())
	if err != nil {
		f.T.Fatal(err)
	}
	SetAny(m, "type.googleapis.com/"+name, wire)
}

// SetAny puts a value into the Any m.
func SetAny(m protoreflect.Message, url string, wire []byte) {
	fields := m.Descriptor().Fields()
	m.Set(fields.ByName("type_url"), protoreflect.ValueOfString(url))
	m.Set(fields.ByName("value"), protoreflect.ValueOfBytes(wire))
}

// AnyType returns the type of what is in the Any m, and its bytes; nil where it
// holds nothing or what types does not have.
func AnyType(types protoregistry.MessageTypeResolver, m protoreflect.Message) (protoreflect.MessageType, []byte) {
	fields := m.Descriptor().Fields()
	found, err := types.FindMessageByURL(m.Get(fields.ByName("type_url")).String())
	if err != nil {
		return nil, nil
	}
	return found, m.Get(fields.ByName("value")).Bytes()
}

// OnlyUndeclared reports whether unknown, the unknown fields of a message, holds
// some and all are of the number that no type of a Schema declares.
func OnlyUndeclared(unknown []byte) bool {
	some := len(unknown) > 0
	for len(unknown) > 0 {
		number, _, n := protowire.ConsumeField(unknown)
		if n < 0 || number != undeclared {
			return false
		}
		unknown = unknown[n:]
	}
	return some
}

// UndeclaredField is the bytes of a field that no type of a Schema declares.
func UndeclaredField() []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, undeclared, protowire.VarintType), 1)
}
