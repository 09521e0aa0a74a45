package message

import "google.golang.org/protobuf/reflect/protoreflect"

// shape is what the codec needs to know about a type, computed once.
type shape struct {
	// requires reports whether a message may lack a required field. Few types can, and
	// checking is a walk over the whole message.
	requires bool
	// maps reports whether a message of the type can contain a map.
	maps bool
	// times reports whether a message of the type can contain a Timestamp.
	times bool
	// fields are those that Normalize checks; extensible types may have more.
	fields     []protoreflect.FieldDescriptor
	extensible bool
}

func (c *Codec) shapeOf(desc protoreflect.MessageDescriptor) *shape {
	if known, ok := c.shapes.Load(desc); ok {
		return known.(*shape)
	}
	s := &shape{
		requires: containsType(desc, map[protoreflect.MessageDescriptor]bool{}, func(d protoreflect.MessageDescriptor) bool { return d.RequiredNumbers().Len() > 0 }),
		maps:     containsType(desc, map[protoreflect.MessageDescriptor]bool{}, protoreflect.MessageDescriptor.IsMapEntry),
		times:    containsType(desc, map[protoreflect.MessageDescriptor]bool{}, containsTimes),
	}
	for i := range desc.Fields().Len() {
		if fd := desc.Fields().Get(i); recursesInto(fd) {
			s.fields = append(s.fields, fd)
		}
	}
	s.extensible = desc.ExtensionRanges().Len() > 0
	c.shapes.Store(desc, s)
	return s
}

// recursesInto reports whether fd may contain something for Normalize: a message, or a number
// that a closed enum does not have.
func recursesInto(fd protoreflect.FieldDescriptor) bool {
	if fd.IsMap() {
		fd = fd.MapValue()
	}
	return fd.Message() != nil || fd.Enum() != nil && fd.Enum().IsClosed()
}

// containsType reports whether match holds for desc or for a type of the fields below it, except
// those in seen. For extensible types it returns true, since their extensions are
// unknown.
func containsType(desc protoreflect.MessageDescriptor, seen map[protoreflect.MessageDescriptor]bool, match func(protoreflect.MessageDescriptor) bool) bool {
	if seen[desc] {
		return false
	}
	seen[desc] = true
	if match(desc) || desc.ExtensionRanges().Len() > 0 {
		return true
	}
	for i := range desc.Fields().Len() {
		if of := desc.Fields().Get(i).Message(); of != nil && containsType(of, seen, match) {
			return true
		}
	}
	return false
}
