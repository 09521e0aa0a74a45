package policytest

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"pgregory.net/rapid"
)

// Hostile writes messages as an attacker could: fields in any order, twice, in
// two halves, packed or not, and with fields whose number the type declares and
// whose wire type it does not (A38).
type Hostile struct {
	T     *rapid.T
	Types protoregistry.MessageTypeResolver // of what is in an Any
	// Twice adds what a reader may see instead of what is there: singular fields
	// once more, and other members of a oneof.
	Twice bool
	// WrongTypes adds fields whose number the type declares, with wire types that
	// it does not, and values that a closed enum lacks.
	WrongTypes bool
}

// Marshal returns m in such a form.
func (h Hostile) Marshal(m protoreflect.Message) []byte {
	var parts [][]byte
	if m.Descriptor().FullName() == "google.protobuf.Any" {
		m = h.any(m)
	}
	inOrder(m, func(fd protoreflect.FieldDescriptor, v protoreflect.Value) {
		if h.Twice && h.oneIn(6, "before") {
			parts = append(parts, h.another(m, fd))
		}
		parts = append(parts, h.field(fd, v))
	})
	if len(parts) > 1 && h.oneIn(3, "order") {
		parts = rapid.Permutation(parts).Draw(h.T, "parts")
	}
	fields := m.Descriptor().Fields()
	for fields.Len() > 0 && (h.Twice || h.WrongTypes) && h.oneIn(6, "more") {
		fd := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(h.T, "field"))
		at := rapid.SampledFrom([]int{0, len(parts)}).Draw(h.T, "at")
		parts = slices.Insert(parts, at, h.extra(m, fd))
	}
	var wire []byte
	for _, part := range parts {
		wire = append(wire, part...)
	}
	return wire
}

func (h Hostile) oneIn(n int, what string) bool { return rapid.IntRange(1, n).Draw(h.T, what) == n }

func (h Hostile) any(m protoreflect.Message) protoreflect.Message {
	found, wire := AnyType(h.Types, m)
	if found == nil {
		return m
	}
	inner := found.New()
	if proto.Unmarshal(wire, inner.Interface()) != nil {
		return m
	}
	out := m.New()
	SetAny(out, m.Get(m.Descriptor().Fields().ByName("type_url")).String(), h.Marshal(inner))
	return out
}

// another is a value for fd, or for another member of its oneof.
func (h Hostile) another(m protoreflect.Message, fd protoreflect.FieldDescriptor) []byte {
	if oneof := fd.ContainingOneof(); oneof != nil {
		fd = oneof.Fields().Get(rapid.IntRange(0, oneof.Fields().Len()-1).Draw(h.T, "member"))
	}
	filler := Filler{T: h.T}
	if fd.Message() != nil && !fd.IsMap() { // what is in an Any is of no interest here
		return h.field(fd, m.NewField(fd))
	}
	if fd.IsMap() {
		return nil
	}
	return h.field(fd, filler.Value(m, fd, 0))
}

// extra is what an honest writer never adds.
func (h Hostile) extra(m protoreflect.Message, fd protoreflect.FieldDescriptor) []byte {
	switch n := rapid.IntRange(0, 5).Draw(h.T, "extra"); {
	case n == 0:
		return UndeclaredField()
	case h.Twice && (n == 1 || !h.WrongTypes):
		return h.another(m, fd)
	case fd.Enum() != nil && n == 2:
		return protowire.AppendVarint(protowire.AppendTag(nil, fd.Number(), protowire.VarintType), 9)
	}
	return h.WrongType(fd)
}

// WrongType is a field of fd's number with another wire type, such that a reader
// that ignores wire types may see a value, and one that does not sees unknown
// fields.
func (h Hostile) WrongType(fd protoreflect.FieldDescriptor) []byte {
	pick := func(from ...string) []byte { return []byte(rapid.SampledFrom(from).Draw(h.T, "bytes")) }
	types := []protowire.Type{protowire.VarintType, protowire.Fixed32Type, protowire.Fixed64Type, protowire.BytesType}
	wrong := rapid.SampledFrom(types).Draw(h.T, "wire type")
	out := protowire.AppendTag(nil, fd.Number(), wrong)
	// "a" and eight bytes more are a field 12, and so are "`" and one byte.
	switch own := wireType(fd.Kind()); {
	case !numeric(fd):
		switch wrong {
		case protowire.VarintType:
			return protowire.AppendBytes(out, pick("admin-bob", "admin-bobadmin-bob", ""))
		case protowire.Fixed32Type:
			return protowire.AppendBytes(out, pick("eve", "eveadmin-bob"))
		case protowire.Fixed64Type:
			return protowire.AppendBytes(out, pick("mallory", "malloryadmin-bob"))
		}
		return append(protowire.AppendTag(nil, fd.Number(), protowire.StartGroupType), protowire.AppendTag(nil, fd.Number(), protowire.EndGroupType)...)
	case own == protowire.Fixed32Type:
		switch wrong {
		case protowire.VarintType:
			return append(out, 0x80, 0x80, 0x80, 0x3f)
		case protowire.Fixed64Type:
			return append(out, 1, 0, 0, 0, '`', 1, '`', 1)
		}
		return append(protowire.AppendTag(nil, fd.Number(), protowire.BytesType), 3, 0, 0, 0)
	case own == protowire.Fixed64Type:
		switch wrong {
		case protowire.VarintType:
			return append(out, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x3f)
		case protowire.Fixed32Type:
			return append(out, 1, 0, 0, 0, '`', 1, '`', 1)
		}
		return append(protowire.AppendTag(nil, fd.Number(), protowire.BytesType), 7, 0, 0, 0, 0, 0, 0, 0)
	}
	switch n := byte(rapid.IntRange(0, 3).Draw(h.T, "n")); wrong {
	case protowire.Fixed32Type:
		return append(out, 0x80|n, 0x80, 0x80, 0)
	case protowire.Fixed64Type:
		return append(out, 0x80|n, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0)
	default:
		return protowire.AppendBytes(protowire.AppendTag(nil, fd.Number(), protowire.BytesType), pick("", "`1", "`1`1", "admin-bob"))
	}
}

// field writes fd in one of its spellings.
func (h Hostile) field(fd protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	var out []byte
	switch {
	case fd.IsMap():
		for _, k := range mapKeys(v.Map()) {
			entry := append(h.one(fd.MapKey(), k.Value()), h.one(fd.MapValue(), v.Map().Get(k))...)
			out = protowire.AppendBytes(protowire.AppendTag(out, fd.Number(), protowire.BytesType), entry)
		}
	case fd.IsList() && numeric(fd) && h.oneIn(2, "packed"):
		var packed []byte
		for i := range v.List().Len() {
			packed = scalars[fd.Kind()].append(packed, v.List().Get(i))
		}
		out = protowire.AppendBytes(protowire.AppendTag(nil, fd.Number(), protowire.BytesType), packed)
	case fd.IsList():
		for i := range v.List().Len() {
			out = append(out, h.one(fd, v.List().Get(i))...)
		}
	default:
		out = h.one(fd, v)
		if fd.Message() != nil && !fd.Message().IsMapEntry() && h.oneIn(8, "halves") {
			out = append(h.one(fd, protoreflect.ValueOfMessage(v.Message().New())), out...)
		}
	}
	return out
}

// mapKeys are the keys of entries, sorted.
func mapKeys(entries protoreflect.Map) []protoreflect.MapKey {
	var keys []protoreflect.MapKey
	entries.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// one writes one value with its tag.
func (h Hostile) one(fd protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	tag := protowire.AppendTag(nil, fd.Number(), wireType(fd.Kind()))
	switch fd.Kind() {
	case protoreflect.GroupKind:
		return protowire.AppendTag(append(tag, h.Marshal(v.Message())...), fd.Number(), protowire.EndGroupType)
	case protoreflect.MessageKind:
		return protowire.AppendBytes(tag, h.Marshal(v.Message()))
	case protoreflect.StringKind:
		return protowire.AppendString(tag, v.String())
	case protoreflect.BytesKind:
		return protowire.AppendBytes(tag, v.Bytes())
	}
	return scalars[fd.Kind()].append(tag, v)
}
