package descset

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// specialForms returns the files of the types with their own JSON form. protojson
// recognizes them by name, and relies on their fields.
func specialForms() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		anypb.File_google_protobuf_any_proto, durationpb.File_google_protobuf_duration_proto, emptypb.File_google_protobuf_empty_proto,
		fieldmaskpb.File_google_protobuf_field_mask_proto, structpb.File_google_protobuf_struct_proto,
		timestamppb.File_google_protobuf_timestamp_proto, wrapperspb.File_google_protobuf_wrappers_proto,
	}
}

// redefinedType returns the first message of f with the name of a type that has its own JSON
// form, but other fields; "" if there is none.
func redefinedType(f protoreflect.FileDescriptor) protoreflect.FullName {
	if f.Package() != "google.protobuf" {
		return ""
	}
	for _, known := range specialForms() {
		for want := range Each(known.Messages()) {
			if got := f.Messages().ByName(want.Name()); got != nil && !sameFields(got, want) {
				return got.FullName()
			}
		}
	}
	return ""
}

func sameFields(a, b protoreflect.MessageDescriptor) bool {
	if a.Fields().Len() != b.Fields().Len() {
		return false
	}
	for want := range Each(b.Fields()) {
		got := a.Fields().ByNumber(want.Number())
		switch {
		case got == nil, got.Name() != want.Name(), got.Kind() != want.Kind(), got.Cardinality() != want.Cardinality(), got.IsMap() != want.IsMap():
			return false
		case want.Message() != nil && !want.IsMap() && got.Message().FullName() != want.Message().FullName():
			return false
		case want.IsMap() && !sameFields(got.Message(), want.Message()):
			return false
		}
	}
	return true
}
