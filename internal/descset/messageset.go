package descset

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// lastNumber is the highest field number. Extensions of a MessageSet may have higher
// ones.
const lastNumber = 1<<29 - 1

// IsMessageSet reports whether name is a message with message_set_wire_format. In the set
// it has no fields, since Go cannot read one.
func (s *Set) IsMessageSet(name protoreflect.FullName) bool { return s.messageSets[name] }

// withoutMessageSets returns f in a form that Go's descriptors support: a MessageSet, a
// format of protobuf's first version, without that option and its special features. It
// records their names in the set. A MessageSet somewhere must not prevent reading a
// policy that does not use it.
func (s *Set) withoutMessageSets(f *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	changes := slices.ContainsFunc(f.GetExtension(), isBeyondLast)
	eachMessage(f.GetPackage(), f.GetMessageType(), func(name string, m *descriptorpb.DescriptorProto) {
		if m.GetOptions().GetMessageSetWireFormat() {
			s.messageSets[protoreflect.FullName(name)] = true
			changes = true
		}
		changes = changes || slices.ContainsFunc(m.GetExtension(), isBeyondLast)
	})
	if !changes {
		return f
	}
	f = proto.CloneOf(f)
	f.Extension = slices.DeleteFunc(f.Extension, isBeyondLast)
	eachMessage(f.GetPackage(), f.GetMessageType(), func(_ string, m *descriptorpb.DescriptorProto) {
		m.Extension = slices.DeleteFunc(m.Extension, isBeyondLast)
		if !m.GetOptions().GetMessageSetWireFormat() {
			return
		}
		m.Options.MessageSetWireFormat = nil
		m.ExtensionRange = slices.DeleteFunc(m.ExtensionRange, func(r *descriptorpb.DescriptorProto_ExtensionRange) bool {
			r.End = proto.Int32(min(r.GetEnd(), lastNumber+1))
			return r.GetStart() > lastNumber
		})
	})
	return f
}

func isBeyondLast(x *descriptorpb.FieldDescriptorProto) bool { return x.GetNumber() > lastNumber }

// eachMessage calls fn with each message in list and below, and its full name.
func eachMessage(scope string, list []*descriptorpb.DescriptorProto, fn func(name string, m *descriptorpb.DescriptorProto)) {
	for _, m := range list {
		name := m.GetName()
		if scope != "" {
			name = scope + "." + name
		}
		fn(name, m)
		eachMessage(name, m.GetNestedType(), fn)
	}
}
