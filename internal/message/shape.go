package message

import "google.golang.org/protobuf/reflect/protoreflect"

// shape is what has to be known of a type for each message of it, worked out
// once.
type shape struct {
	// requires reports whether a message can be without a required field: few types
	// can, and to look for what is missing is a walk over all of a message.
	requires bool
	// maps reports whether there can be a map in a message of the type.
	maps bool
	// times reports whether there can be a Timestamp in a message of the type.
	times bool
	// fields are those that Settle looks into; extensible types may have more.
	fields     []protoreflect.FieldDescriptor
	extensible bool
}

func (c *Codec) shapeOf(desc protoreflect.MessageDescriptor) *shape {
	if known, ok := c.shapes.Load(desc); ok {
		return known.(*shape)
	}
	s := &shape{
		requires: below(desc, map[protoreflect.MessageDescriptor]bool{}, func(d protoreflect.MessageDescriptor) bool { return d.RequiredNumbers().Len() > 0 }),
		maps:     below(desc, map[protoreflect.MessageDescriptor]bool{}, protoreflect.MessageDescriptor.IsMapEntry),
		times:    below(desc, map[protoreflect.MessageDescriptor]bool{}, holdsTimes),
	}
	for i := range desc.Fields().Len() {
		if fd := desc.Fields().Get(i); looksInto(fd) {
			s.fields = append(s.fields, fd)
		}
	}
	s.extensible = desc.ExtensionRanges().Len() > 0
	c.shapes.Store(desc, s)
	return s
}

// looksInto reports whether there can be something for Settle in fd: a message,
// or a number that a closed enum lacks.
func looksInto(fd protoreflect.FieldDescriptor) bool {
	if fd.IsMap() {
		fd = fd.MapValue()
	}
	return fd.Message() != nil || fd.Enum() != nil && fd.Enum().IsClosed()
}

// below reports whether is holds for desc or a type of the fields below it, but
// for those seen. What an extension is cannot be known beforehand, so that it
// counts as holding.
func below(desc protoreflect.MessageDescriptor, seen map[protoreflect.MessageDescriptor]bool, is func(protoreflect.MessageDescriptor) bool) bool {
	if seen[desc] {
		return false
	}
	seen[desc] = true
	if is(desc) || desc.ExtensionRanges().Len() > 0 {
		return true
	}
	for i := range desc.Fields().Len() {
		if of := desc.Fields().Get(i).Message(); of != nil && below(of, seen, is) {
			return true
		}
	}
	return false
}
