// Package descset reads protobuf descriptors in every form a user has them in:
// .proto sources, compiled in-process; descriptor sets of protoc; images of Buf
// in binary, JSON and gzip. It links them into one immutable Set, and reads the
// jwt annotations from it, each with its position.
//
// It fails closed: an annotation that is there and cannot be read is an error,
// never "no annotation" (S45, S46). It judges no annotation: what one means is
// for policy to say. It opens no file but those under the import paths and the
// sets that Sources names.
//
// It imports files and fault. protocompile and the making of descriptors live
// behind this door.
package descset

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Sources says what to read. Paths are relative to the working folder.
type Sources struct {
	// ImportPaths are the folders in which imports are looked for, in order.
	// Without any, the folders and patterns of Protos are their own import
	// paths, and the working folder is one for single files.
	ImportPaths []string
	// Protos are .proto files, folders (every .proto file below), and patterns
	// with *, ?, [] and **. Folders called node_modules or with a dot in front
	// are passed over.
	Protos []string
	// DescriptorSets are files that hold a FileDescriptorSet or a Buf image;
	// "-" is Stdin.
	DescriptorSets []string
	Stdin          io.Reader
}

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

// Warning is what a set lacks, and what follows from it.
type Warning struct {
	Where, Text string
}

func (w Warning) String() string { return w.Where + ": " + w.Text }

// Load reads, compiles and links src. The error is a *fault.Error, or several
// joined (every syntax error of a file is reported): descriptor_unreadable,
// descriptor_limit, descriptor_invalid, proto_syntax, import_not_found,
// import_not_allowed, annotation_unreadable, file_too_large, interrupted, or
// usage where src names nothing.
func Load(ctx context.Context, src Sources) (set *Set, err error) {
	defer func() {
		if v := recover(); v != nil { // no input is worth a crash (S51, S52)
			set, err = nil, fault.New(fault.DescriptorInvalid, "descriptors", "the compiler failed on them: %s", brief(fmt.Sprint(v)))
		}
	}()
	if len(src.Protos)+len(src.DescriptorSets) == 0 {
		return nil, fault.New(fault.UsageError, "descriptors", "no .proto file or descriptor set is named")
	}
	schema, err := loadSchema()
	if err != nil {
		return nil, err
	}
	sets, err := readSets(src, schema)
	if err != nil {
		return nil, err
	}
	compiled, err := compile(ctx, schema, src, sets)
	if err != nil {
		return nil, err
	}
	p, err := merge(schema, append([][]unit{compiled}, sets...))
	if err != nil {
		return nil, err
	}
	set, err = p.link()
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
		for i := 0; !f.Import && i < f.Descriptor.Services().Len(); i++ {
			list = append(list, f.Descriptor.Services().Get(i))
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
	for i := range all.Len() {
		if m := all.Get(i); !m.IsMapEntry() {
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

// Types resolves the set's messages and extensions, for reading and writing
// ProtoJSON with Any in it.
func (s *Set) Types() *dynamicpb.Types { return s.types }

// Annotation returns the jwt annotation of a field, message, method or service
// of the set; nil if it has none.
func (s *Set) Annotation(d protoreflect.Descriptor) *Annotation { return s.annotations[d.FullName()] }
