package descset

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// same reports whether two files are equivalent: ignoring positions, and all custom
// options except annotations, which compilers may encode differently.
func (s *Schema) same(a, b *descriptorpb.FileDescriptorProto) bool {
	return proto.Equal(s.plain(a), s.plain(b))
}

func (s *Schema) plain(f *descriptorpb.FileDescriptorProto) proto.Message {
	raw, err := proto.MarshalOptions{AllowPartial: true}.Marshal(f)
	out := &descriptorpb.FileDescriptorProto{}
	if err == nil {
		err = proto.UnmarshalOptions{Resolver: (*protoregistry.Types)(nil), AllowPartial: true}.Unmarshal(raw, out)
	}
	if err != nil {
		return f
	}
	out.SourceCodeInfo = nil
	s.simplify(out.ProtoReflect())
	return out
}

// simplify replaces all custom options below m by a canonical encoding of the annotation.
func (s *Schema) simplify(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for element := range Each(v.List()) {
				s.simplify(element.Message())
			}
		default:
			s.simplify(v.Message())
		}
		return true
	})
	if len(m.GetUnknown()) == 0 {
		return
	}
	var custom []byte
	for _, spellings := range s.kinds {
		for _, k := range spellings {
			if m.Descriptor().FullName() != s.extendee(k) {
				continue
			}
			jwt, err := k.read(m.Interface())
			if err != nil {
				return // left as it is; reading it reports the error
			}
			if jwt != nil {
				raw, _ := proto.MarshalOptions{Deterministic: true}.Marshal(jwt.Interface())
				custom = protowire.AppendBytes(protowire.AppendTag(custom, k.number, protowire.BytesType), raw)
			}
		}
	}
	m.SetUnknown(custom)
}

func (s *Schema) extendee(k kind) protoreflect.FullName {
	return protoreflect.FullName(s.extensions[string(k.extension)].GetExtendee()[1:])
}
