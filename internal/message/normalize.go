package message

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Strictness says what Normalize refuses in addition.
type Strictness struct {
	// UnknownFields refuses fields whose number their type does not declare.
	UnknownFields bool
	// UnknownTypes refuses an Any whose type is not in the descriptors. Otherwise such an
	// Any stays unchanged.
	UnknownTypes bool
	// Depth, if not 0, is the maximum nesting of messages that Decode has not checked.
	// The content of an Any is not counted; it has its own limit.
	Depth int
}

// Normalize ensures that every implementation of protobuf reads the same from m and its
// nested messages (A38). Some ignore the wire type of a field, or let its last value win,
// where Go keeps the field as unknown and passes it on.
//
// It returns message_malformed for an unknown field whose number the type declares, for a
// value that a closed enum does not have, and beyond Depth, and limit_exceeded for too
// many nested Any. The content of an Any is checked likewise, and its bytes are replaced
// by Go's encoding of the message in it.
func (c *Codec) Normalize(m protoreflect.Message, s Strictness) error {
	if bad := (&normalizer{c, s, 1}).message(m, 0); bad != nil {
		return bad
	}
	return nil
}

type normalizer struct {
	*Codec
	strict Strictness
	depth  int // of the current message, not counting Any
}

// message settles m, which is nested in this many Any.
func (s *normalizer) message(m protoreflect.Message, anys int) *fault.Error {
	desc := m.Descriptor()
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		if bad := s.unknown(desc, unknown); bad != nil {
			return bad
		}
	}
	if desc.FullName() == anyName {
		return s.any(m, anys)
	}
	of := s.shapeOf(desc)
	for _, fd := range of.fields {
		if m.Has(fd) {
			if bad := s.field(fd, m.Get(fd), anys); bad != nil {
				return bad
			}
		}
	}
	if !of.extensible {
		return nil
	}
	var bad *fault.Error
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.IsExtension() && recursesInto(fd) {
			bad = s.field(fd, v, anys)
		}
		return bad == nil
	})
	return bad
}

// field settles the value of a field for which recursesInto is true.
func (s *normalizer) field(fd protoreflect.FieldDescriptor, v protoreflect.Value, anys int) (bad *fault.Error) {
	switch {
	case fd.IsMap():
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			bad = s.one(fd.MapValue(), v, anys)
			return bad == nil
		})
	case fd.IsList():
		for i := 0; i < v.List().Len() && bad == nil; i++ {
			bad = s.one(fd, v.List().Get(i), anys)
		}
	default:
		bad = s.one(fd, v, anys)
	}
	return bad
}

func (s *normalizer) one(fd protoreflect.FieldDescriptor, v protoreflect.Value, anys int) *fault.Error {
	if fd.Message() != nil {
		return s.nested(v.Message(), anys)
	}
	if fd.Enum().Values().ByNumber(v.Enum()) == nil {
		return fault.New(fault.MessageMalformed, string(fd.FullName()), "has the number %d, which is not in the closed enum %s", v.Enum(), fd.Enum().FullName())
	}
	return nil
}

// nested settles a nested message.
func (s *normalizer) nested(m protoreflect.Message, anys int) *fault.Error {
	if anys > 0 || s.strict.Depth == 0 {
		return s.message(m, anys)
	}
	if s.depth == s.strict.Depth {
		return malformed("nested more than %d levels deep", s.strict.Depth)
	}
	s.depth++
	bad := s.message(m, anys)
	s.depth--
	return bad
}

// any settles the content of an Any.
func (s *normalizer) any(m protoreflect.Message, anys int) *fault.Error {
	if anys == s.limits.AnyDepth {
		return s.tooManyAnys()
	}
	if !s.strict.UnknownTypes && !s.knows(m) {
		return nil
	}
	inner, bad := s.unpack(m)
	if inner == nil || bad != nil {
		return bad
	}
	if bad := s.message(inner, anys+1); bad != nil {
		return bad
	}
	settled, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(inner.Interface())
	if err != nil {
		return malformed("a %s in an Any cannot be encoded", inner.Descriptor().FullName())
	}
	value := m.Descriptor().Fields().ByName("value")
	if !bytes.Equal(settled, m.Get(value).Bytes()) {
		m.Set(value, protoreflect.ValueOfBytes(settled))
	}
	return nil
}

// knows reports whether the type in an Any is known.
func (s *normalizer) knows(m protoreflect.Message) bool {
	_, err := s.types.FindMessageByURL(m.Get(m.Descriptor().Fields().ByName("type_url")).String())
	return err == nil
}

// unknown returns a fault for unknown fields of a message of desc.
func (s *normalizer) unknown(desc protoreflect.MessageDescriptor, fields []byte) *fault.Error {
	for len(fields) > 0 {
		number, wire, n := protowire.ConsumeField(fields)
		if n < 0 {
			return malformed("not a valid protobuf encoding of %s", desc.FullName())
		}
		if fd := s.declared(desc, number); fd != nil {
			return otherWireType(fd, wire)
		}
		if s.strict.UnknownFields {
			return fault.New(fault.MessageMalformed, string(desc.FullName()), "has a field with the number %d, which the type does not declare", number)
		}
		fields = fields[n:]
	}
	return nil
}

// declared returns the field or extension of desc with this number, or nil.
func (c *Codec) declared(desc protoreflect.MessageDescriptor, number protowire.Number) protoreflect.FieldDescriptor {
	if fd := desc.Fields().ByNumber(number); fd != nil {
		return fd
	}
	if desc.ExtensionRanges().Has(number) {
		if x, err := c.types.FindExtensionByNumber(desc.FullName(), number); err == nil {
			return x.TypeDescriptor()
		}
	}
	return nil
}

func otherWireType(fd protoreflect.FieldDescriptor, wire protowire.Type) *fault.Error {
	return fault.New(fault.MessageMalformed, string(fd.FullName()), "number %d has wire type %d, which is not that of the field: other readers would take it to be the field", fd.Number(), wire)
}

// entries checks the map entries in wire, a message of desc: Go silently ignores a key or
// value of another wire type. It leaves other errors to the decoder.
func (c *Codec) entries(wire []byte, desc protoreflect.MessageDescriptor, depth int) *fault.Error {
	isEntry := desc.IsMapEntry() // which counts with the message that has the map
	if !isEntry && (depth > c.limits.Depth || !c.shapeOf(desc).maps) {
		return nil
	}
	for len(wire) > 0 {
		number, typ, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return nil
		}
		size := protowire.ConsumeFieldValue(number, typ, wire[n:])
		if size < 0 {
			return nil
		}
		value := wire[n : n+size]
		wire = wire[n+size:]
		switch fd := c.declared(desc, number); {
		case fd == nil:
		case typ != wireType(fd):
			if isEntry {
				return otherWireType(fd, typ)
			}
		case fd.Message() != nil:
			if bad := c.entries(content(number, typ, value), fd.Message(), depth+1); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// content returns the bytes of the message in value, the value of one field.
func content(number protowire.Number, typ protowire.Type, value []byte) []byte {
	if typ == protowire.StartGroupType {
		inner, _ := protowire.ConsumeGroup(number, value)
		return inner
	}
	inner, _ := protowire.ConsumeBytes(value)
	return inner
}

// wireType returns the wire type of a value of fd.
func wireType(fd protoreflect.FieldDescriptor) protowire.Type {
	switch fd.Kind() {
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}
