// Package descset links protobuf descriptors into one immutable Set, and reads the jwt
// annotations from it, each with its position. Descriptors come from descriptor sets
// of protoc and images of Buf in binary, JSON and gzip, from the generated code that
// is linked into a program, or from sources that package protofile has compiled.
//
// It fails closed: an annotation that is there and cannot be read is an error,
// never "no annotation" (S45, S46). It judges no annotation: what one means is
// for policy to say. It opens no file but the sets that it is given.
//
// The making of descriptors stays behind this door and that of protofile.
package descset

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Set is a set of linked descriptors. It does not change, and is safe for
// concurrent use.
type Set struct {
	files       []File
	registry    *protoregistry.Files
	types       *dynamicpb.Types
	annotations map[protoreflect.FullName]*Annotation
	origins     map[string]string       // import name → the file of its positions
	orders      map[string]func() []int // import name → its locations by path, sorted when first needed
	messageSets map[protoreflect.FullName]bool
	warnings    []Warning
}

// File is one file of a Set.
type File struct {
	Descriptor protoreflect.FileDescriptor
	// Where is the path it was read from, or the descriptor set that held it.
	Where string
	// Import reports that the file was not named: others import it.
	Import bool
	// SourceInfo says that positions and comments are known.
	SourceInfo bool
}

// IsSource reports whether the file was read as a .proto source, which Where is
// the path of.
func (f File) IsSource() bool {
	_, _, inSet := strings.Cut(f.Where, ": ")
	return !inSet && strings.HasSuffix(f.Where, ".proto")
}

// Warning is what a set lacks, and what follows from it.
type Warning struct {
	Where, Text string
}

func (w Warning) String() string { return w.Where + ": " + w.Text }

// Link puts inputs together and links them into a set, with their annotations. A file
// that several inputs have must be the same in all. The error is a *fault.Error:
// descriptor_limit, descriptor_invalid, import_not_found or annotation_unreadable.
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

// Files returns every file, sorted by import name.
func (s *Set) Files() []File { return slices.Clone(s.files) }

// Warnings returns what the inputs lack, in their order.
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

// Messages returns the messages of all files that are not imports, nested ones
// behind the one that holds them, sorted as Services are. The entries of maps
// are not among them.
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

// Message returns the message called name, of any file; nil if there is none.
func (s *Set) Message(name string) protoreflect.MessageDescriptor {
	d, _ := s.registry.FindDescriptorByName(protoreflect.FullName(name))
	m, _ := d.(protoreflect.MessageDescriptor)
	return m
}

// Service returns the service called name, of any file; nil if there is none.
func (s *Set) Service(name string) protoreflect.ServiceDescriptor {
	d, _ := s.registry.FindDescriptorByName(protoreflect.FullName(name))
	service, _ := d.(protoreflect.ServiceDescriptor)
	return service
}

// Method returns the method that "pkg.Service/Method" names, in exactly this
// spelling (S60); nil if there is none.
func (s *Set) Method(name string) protoreflect.MethodDescriptor {
	service, method, _ := strings.Cut(name, "/")
	if d := s.Service(service); d != nil {
		return d.Methods().ByName(protoreflect.Name(method))
	}
	return nil
}

// Annotated reports whether anything in the set has an annotation.
func (s *Set) Annotated() bool { return len(s.annotations) > 0 }

// Types resolves the set's messages and extensions, for reading and writing
// ProtoJSON with Any in it.
func (s *Set) Types() *dynamicpb.Types { return s.types }

// Annotation returns the jwt annotation of a field, message, method or service
// of the set; nil if it has none.
func (s *Set) Annotation(d protoreflect.Descriptor) *Annotation { return s.annotations[d.FullName()] }
