package descset

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// FromRegistry returns the set of the files currently registered in r, such as
// protoregistry.GlobalFiles for generated code linked into the program. The set uses the
// same descriptors as r, so it matches the messages of the generated code. Files of
// protobuf, google and grpc, and the schema, count as imports: their services are not in
// the set.
//
// The error is annotation_unreadable or descriptor_invalid.
func FromRegistry(r *protoregistry.Files) (*Set, error) {
	schema, err := LoadSchema()
	if err != nil {
		return nil, err
	}
	s := newSet()
	r.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		err = s.addLinked(schema, f)
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	s.finish()
	return s, s.annotate(schema)
}

// addLinked adds f, which is linked, to s after its imports.
func (s *Set) addLinked(schema *Schema, f protoreflect.FileDescriptor) error {
	if _, err := s.registry.FindFileByPath(f.Path()); err == nil || f.IsPlaceholder() {
		return nil
	}
	for imported := range Each(f.Imports()) {
		if err := s.addLinked(schema, imported.FileDescriptor); err != nil {
			return err
		}
	}
	where := Brief(f.Path())
	if !IsWellKnown(f.Path()) {
		if err := schema.check(where, protodesc.ToFileDescriptorProto(f)); err != nil {
			return err
		}
		if err := checkComplete(where, f, nil); err != nil {
			return err
		}
		if name := redefinedType(f); name != "" {
			return invalid(where, "%s differs from the well-known type of that name: its JSON form would not fit its fields", name)
		}
	}
	if err := s.registry.RegisterFile(f); err != nil {
		return fault.New(fault.DescriptorInvalid, where, "%s", protobufError(err))
	}
	for m := range allNested(f.Messages()) {
		if set, ok := m.(interface{ IsMessageSet() bool }); ok && set.IsMessageSet() {
			s.messageSets[m.FullName()] = true
		}
	}
	s.addFile(f, Unit{Location: where, Source: where, Imported: isForeign(f)})
	return nil
}

// isForeign reports whether f is not part of the program's own services.
func isForeign(f protoreflect.FileDescriptor) bool {
	if IsWellKnown(f.Path()) || Family(f.Path()) != "" {
		return true
	}
	first, _, _ := strings.Cut(string(f.Package()), ".")
	return first == "google" || first == "grpc"
}

func newSet() *Set {
	return &Set{
		registry:    &protoregistry.Files{},
		annotations: map[protoreflect.FullName]*Annotation{},
		origins:     map[string]string{},
		orders:      map[string]func() []int{},
		messageSets: map[protoreflect.FullName]bool{},
	}
}

// finish sorts the files and builds their types.
func (s *Set) finish() {
	slices.SortFunc(s.files, func(a, b File) int { return strings.Compare(a.Descriptor.Path(), b.Descriptor.Path()) })
	s.types = dynamicpb.NewTypes(s.registry)
}
