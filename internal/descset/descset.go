// Package descset links protobuf descriptors into one immutable Set, and reads the JWT
// annotations from it, with their positions. Descriptors come from descriptor sets of
// protoc and Buf images in binary, JSON and gzip, from generated code linked into a
// program, or from sources compiled by package protofile.
//
// It fails closed: an annotation that cannot be read is an error, never "no annotation"
// (S45, S46). It does not judge annotations: package policy interprets them. It opens no
// files except the given sets.
//
// Only this package and protofile make descriptors.
package descset

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Set is a set of linked descriptors. It is immutable and safe for concurrent use.
type Set struct {
	files       []File
	registry    *protoregistry.Files
	types       *dynamicpb.Types
	annotations map[protoreflect.FullName]*Annotation
	origins     map[string]string       // import name → the file of its positions
	orders      map[string]func() []int // import name → its locations by path, sorted on first use
	messageSets map[protoreflect.FullName]bool
	warnings    []Warning
}

// File is one file of a Set.
type File struct {
	Descriptor protoreflect.FileDescriptor
	// Location is the path from which it was read, or the descriptor set that contains it.
	Location string
	// Import is set if the file was not named as input, but is imported by others.
	Import bool
	// SourceInfo is set if positions and comments are known.
	SourceInfo bool
}

// IsSource reports whether the file was read from a .proto source, at the path Location.
func (f File) IsSource() bool {
	_, _, inSet := strings.Cut(f.Location, ": ")
	return !inSet && strings.HasSuffix(f.Location, ".proto")
}

// Warning is something that a set lacks, and its consequence.
type Warning struct {
	Location, Text string
}

func (w Warning) String() string { return w.Location + ": " + w.Text }

// Link merges inputs and links them into a set, with their annotations. A file in several
// inputs must be the same in all. The error is a *fault.Error: descriptor_limit,
// descriptor_invalid, import_not_found or annotation_unreadable.
func Link(schema *Schema, inputs ...[]Unit) (*Set, error) {
	p, err := merge(schema, inputs)
	if err != nil {
		return nil, err
	}
	set, err := p.link()
	if err != nil {
		return nil, err
	}
	if err := set.annotate(schema); err != nil {
		return nil, err
	}
	return set, nil
}

// Files returns all files, sorted by import name.
func (s *Set) Files() []File { return slices.Clone(s.files) }

// Warnings returns what the inputs lack, in the order of the inputs.
func (s *Set) Warnings() []Warning { return slices.Clone(s.warnings) }

// Services returns the services of all files that are not imports, sorted by
// file and then in the order of the file.
func (s *Set) Services() []protoreflect.ServiceDescriptor {
	var list []protoreflect.ServiceDescriptor
	for _, f := range s.files {
		if !f.Import {
			list = slices.AppendSeq(list, Each(f.Descriptor.Services()))
		}
	}
	return list
}

// Messages returns the messages of all files that are not imports, sorted like Services,
// with nested messages after their parent. Map entries are not included.
func (s *Set) Messages() []protoreflect.MessageDescriptor {
	var list []protoreflect.MessageDescriptor
	for _, f := range s.files {
		if !f.Import {
			list = appendMessages(list, f.Descriptor.Messages())
		}
	}
	return list
}

func appendMessages(list []protoreflect.MessageDescriptor, all protoreflect.MessageDescriptors) []protoreflect.MessageDescriptor {
	for m := range Each(all) {
		if !m.IsMapEntry() {
			list = appendMessages(append(list, m), m.Messages())
		}
	}
	return list
}

// Message returns the message called name in any file, or nil.
func (s *Set) Message(name string) protoreflect.MessageDescriptor {
	d, _ := s.registry.FindDescriptorByName(protoreflect.FullName(name))
	m, _ := d.(protoreflect.MessageDescriptor)
	return m
}

// Service returns the service called name in any file, or nil.
func (s *Set) Service(name string) protoreflect.ServiceDescriptor {
	d, _ := s.registry.FindDescriptorByName(protoreflect.FullName(name))
	service, _ := d.(protoreflect.ServiceDescriptor)
	return service
}

// Method returns the method called "pkg.Service/Method", in exactly this spelling (S60),
// or nil.
func (s *Set) Method(name string) protoreflect.MethodDescriptor {
	service, method, _ := strings.Cut(name, "/")
	if d := s.Service(service); d != nil {
		return d.Methods().ByName(protoreflect.Name(method))
	}
	return nil
}

// Annotated reports whether any element in the set has an annotation.
func (s *Set) Annotated() bool { return len(s.annotations) > 0 }

// Spellings returns how many elements have an annotation of each package, "jwtctl.v1" or
// "kalix" (A111).
func (s *Set) Spellings() map[string]int {
	counts := map[string]int{}
	for _, first := range s.annotations {
		for a := first; a != nil; a = a.Other {
			counts[a.Package]++
		}
	}
	return counts
}

// Types returns a resolver of the set's messages and extensions, for reading and writing
// ProtoJSON with Any.
func (s *Set) Types() *dynamicpb.Types { return s.types }

// Annotation returns the JWT annotation of a field, message, method or service of the
// set, or nil.
func (s *Set) Annotation(d protoreflect.Descriptor) *Annotation { return s.annotations[d.FullName()] }
