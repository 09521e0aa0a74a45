package descset

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// TestS45_Options: an annotation is read the same whether its options message has it as a
// known, dynamic or unknown field.
func TestS45_Options(t *testing.T) {
	schema, err := LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	field := schema.files["kalix/annotations.proto"].Extensions().ByName("field")
	raw := []byte{0xc2, 0x43, 4, 0x12, 2, 0x18, 1} // 1080: {2: {3: 1}}

	unknown := &descriptorpb.FieldOptions{}
	unknown.ProtoReflect().SetUnknown(raw)
	known := &descriptorpb.FieldOptions{}
	if err := (proto.UnmarshalOptions{Resolver: schema.types}).Unmarshal(raw, known); err != nil {
		t.Fatal(err)
	}
	if !proto.HasExtension(known, dynamicpb.NewExtensionType(field)) || len(known.ProtoReflect().GetUnknown()) > 0 {
		t.Fatal("not a known extension")
	}
	dynamic := dynamicpb.NewMessage(linked("google/protobuf/descriptor.proto").Messages().ByName("FieldOptions"))
	if err := (proto.UnmarshalOptions{Resolver: schema.types}).Unmarshal(raw, dynamic); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string]proto.Message{"unknown": unknown, "known": known, "dynamic": dynamic} {
		jwt, err := schema.kinds[kindField][0].read(options)
		if err != nil || jwt == nil || !jwt.Get(jwt.Descriptor().Fields().ByName("token")).Bool() {
			t.Errorf("%s: got %v %v", name, jwt, err)
		}
	}
	for name, options := range map[string]proto.Message{"nil": nil, "typed nil": (*descriptorpb.FieldOptions)(nil), "empty": &descriptorpb.FieldOptions{}} {
		if jwt, err := schema.kinds[kindField][0].read(options); jwt != nil || err != nil {
			t.Errorf("%s: got %v %v", name, jwt, err)
		}
	}
}

// TestA110_SameMembers: the messages of jwtctl.v1 have the members of the JWT
// messages of Kalix, by name, number and type.
func TestA110_SameMembers(t *testing.T) {
	s, err := LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	for _, spellings := range s.kinds {
		vendors, ours := spellings[0], spellings[1]
		if ours.number != 51080 || ours.within != 0 || vendors.number != 1080 || vendors.options != ours.options {
			t.Errorf("got %+v", ours)
		}
		if got, want := members(s.files[JwtctlFile].Messages().ByName(ours.as.Name())), members(vendors.jwt); got != want || want == "" {
			t.Errorf("%s has\n%swant\n%s", ours.as, got, want)
		}
	}
}

// members describes a message without the names of messages and enums.
func members(m protoreflect.MessageDescriptor) string {
	var b strings.Builder
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		fmt.Fprintln(&b, f.Name(), f.Number(), f.Kind(), f.Cardinality())
		if e := f.Enum(); e != nil {
			for j := range e.Values().Len() {
				fmt.Fprintln(&b, "  ", e.Values().Get(j).Name(), e.Values().Get(j).Number())
			}
		}
		if f.Message() != nil {
			b.WriteString(members(f.Message()))
		}
	}
	return b.String()
}

// TestBadTextIn: an invalid string is found at any depth of raw bytes, and none in valid
// or malformed ones.
func TestBadTextIn(t *testing.T) {
	t.Parallel()
	bad := &descriptorpb.DescriptorProto{Name: proto.String("ok"), ReservedName: []string{"a", "caf\xe9"}}
	d := (&descriptorpb.FileDescriptorProto{}).ProtoReflect().Descriptor()
	raw := marshal(t, &descriptorpb.FileDescriptorProto{MessageType: []*descriptorpb.DescriptorProto{{}, bad}})
	if got := (invalidUTF8{d, invalidUTF8In(raw, d)}).Error(); got != "message_type.reserved_name is not valid UTF-8" {
		t.Error(got)
	}
	for name, raw := range map[string][]byte{"valid": marshal(t, &descriptorpb.FileDescriptorProto{Name: proto.String("é")}), "cut": raw[:1], "empty": nil} {
		if got := invalidUTF8In(raw, d); got != nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
