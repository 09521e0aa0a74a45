package descset

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// compiledSchema is a descriptor set of kalix/*.proto in this folder, of our own
// text (A2), and of proto/jwtctl/v1/annotations.proto (A110). As bytes it costs
// nothing until a command reads descriptors.
//
//go:embed schema.binpb
var compiledSchema []byte

// Schema is our own definition of the annotations (A1, A110): the declarations in an
// input do not affect how annotations are read.
type Schema struct {
	// kinds are the elements that can be annotated, each in both spellings.
	kinds [][]kind
	types *dynamicpb.Types
	files map[string]protoreflect.FileDescriptor
	// bundled unpacks the bundle on first use.
	bundled func() *bundle
	// MaxSet is the maximum size of a decompressed descriptor set in bytes; the default
	// is 64 MiB. Set it before reading any.
	MaxSet int64
	// What other copies of the schema must match, by full name.
	extensions map[string]*descriptorpb.FieldDescriptorProto
	messages   map[string]*descriptorpb.DescriptorProto
}

// kind is one of the four kinds of annotated elements, in one spelling.
type kind struct {
	extension protoreflect.FullName    // kalix.field
	options   protoreflect.FieldNumber // of "options" in its descriptor
	number    protoreflect.FieldNumber // of the extension
	// within is the number of jwt in the extension's message; 0 where the
	// extension is the annotation itself (A110).
	within protoreflect.FieldNumber
	// as is the message as its spelling declares it, and jwt that of package kalix, which
	// is used to read it.
	as  protoreflect.FullName
	jwt protoreflect.MessageDescriptor
}

// option returns the name of the annotation for messages.
func (k kind) option() string {
	if k.within != 0 {
		return "(" + string(k.extension) + ").jwt"
	}
	return "(" + string(k.extension) + ")"
}

// Indexes in schema.kinds.
const (
	kindField = iota
	kindMessage
	kindMethod
	kindService
)

// Kinds are the names of the options that can hold a JWT annotation.
var Kinds = []string{kindField: "field", kindMessage: "message", kindMethod: "method", kindService: "service"}

// The two spellings: the vendor's, and our own.
const (
	kalixFile  = "kalix/annotations.proto"
	jwtFile    = "kalix/jwt.proto"
	JwtctlFile = "jwtctl/v1/annotations.proto"
)

// LoadSchema links the compiled schema.
func LoadSchema() (*Schema, error) {
	s := &Schema{
		bundled:    sync.OnceValue(readBundle),
		MaxSet:     maxSet,
		extensions: map[string]*descriptorpb.FieldDescriptorProto{},
		messages:   map[string]*descriptorpb.DescriptorProto{},
		files:      map[string]protoreflect.FileDescriptor{},
	}
	registry, err := linkAll(compiledSchema)
	if err != nil {
		return nil, fault.New(fault.Internal, "schema.binpb", "%w", err)
	}
	registry.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		s.files[f.Path()] = f
		return true
	})
	options := []protoreflect.FieldNumber{kindField: 8, kindMessage: 7, kindMethod: 4, kindService: 3}
	for i, name := range Kinds {
		vendors := s.files[kalixFile].Extensions().ByName(protoreflect.Name(name))
		jwt := vendors.Message().Fields().ByName("jwt")
		ours := s.files[JwtctlFile].Extensions().ByName(protoreflect.Name(name))
		s.kinds = append(s.kinds, []kind{
			{vendors.FullName(), options[i], vendors.Number(), jwt.Number(), jwt.Message().FullName(), jwt.Message()},
			{ours.FullName(), options[i], ours.Number(), 0, ours.Message().FullName(), jwt.Message()},
		})
		s.extensions[string(vendors.FullName())] = protodesc.ToFieldDescriptorProto(vendors)
		s.extensions[string(ours.FullName())] = protodesc.ToFieldDescriptorProto(ours)
		// Of the vendor's options messages we only check jwt (A3).
		s.messages[string(vendors.Message().FullName())] = &descriptorpb.DescriptorProto{
			Field: []*descriptorpb.FieldDescriptorProto{protodesc.ToFieldDescriptorProto(jwt)},
		}
	}
	for _, name := range []string{jwtFile, JwtctlFile} {
		for m := range Each(s.files[name].Messages()) {
			s.messages[string(m.FullName())] = protodesc.ToDescriptorProto(m)
		}
	}
	s.types = dynamicpb.NewTypes(registry)
	return s, nil
}

// File returns the schema's file called name, or nil.
func (s *Schema) File(name string) protoreflect.FileDescriptor { return s.files[name] }

// Files returns the names of the files of the schema, in no order.
func (s *Schema) Files() []string { return slices.Collect(maps.Keys(s.files)) }

// Family returns the schema that the file called name belongs to, or "". Files of a
// family differ only by version.
func Family(name string) string {
	if isKalix(name) {
		return "kalix"
	}
	if name == JwtctlFile {
		return "jwtctl"
	}
	return ""
}

// check returns an error if f declares the options differently from the wire contract
// (A1, A110, S45). With such a schema an annotation would be stored elsewhere, or read as
// something else.
func (s *Schema) check(where string, f *descriptorpb.FileDescriptorProto) error {
	c := checker{Schema: s, location: where, pkg: f.GetPackage()}
	if err := c.extensions(c.pkg, f.GetExtension()); err != nil {
		return err
	}
	return c.messages(c.pkg, f.GetMessageType())
}

type checker struct {
	*Schema
	location, pkg string
}

func (c checker) extensions(scope string, list []*descriptorpb.FieldDescriptorProto) error {
	for _, theirs := range list {
		name := strings.TrimPrefix(scope+"."+theirs.GetName(), ".")
		for ourName, ours := range c.Schema.extensions {
			if name != ourName && (theirs.GetNumber() != ours.GetNumber() || theirs.GetExtendee() != ours.GetExtendee()) {
				continue
			}
			if name != ourName || theirs.GetExtendee() != ours.GetExtendee() {
				return c.differs(name, "uses number %d of %s, which belongs to %s", ours.GetNumber(), ours.GetExtendee()[1:], ourName)
			}
			if err := c.field(name, theirs, ours); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c checker) messages(scope string, list []*descriptorpb.DescriptorProto) error {
	for _, theirs := range list {
		name := strings.TrimPrefix(scope+"."+theirs.GetName(), ".")
		if err := c.extensions(name, theirs.GetExtension()); err != nil {
			return err
		}
		if ours := c.Schema.messages[name]; ours != nil {
			if err := c.message(name, theirs, ours); err != nil {
				return err
			}
		}
		if err := c.messages(name, theirs.GetNestedType()); err != nil {
			return err
		}
	}
	return nil
}

func (c checker) message(name string, theirs, ours *descriptorpb.DescriptorProto) error {
	for _, our := range ours.GetField() {
		for _, their := range theirs.GetField() {
			if their.GetNumber() == our.GetNumber() || their.GetName() == our.GetName() {
				if err := c.field(name+"."+their.GetName(), their, our); err != nil {
					return err
				}
			}
		}
	}
	for _, our := range ours.GetEnumType() {
		for _, their := range theirs.GetEnumType() {
			if their.GetName() != our.GetName() {
				continue
			}
			for _, v := range their.GetValue() {
				for _, w := range our.GetValue() {
					if (v.GetNumber() == w.GetNumber()) != (v.GetName() == w.GetName()) {
						return c.differs(name+"."+v.GetName(), "is %d, but %s is %d", v.GetNumber(), w.GetName(), w.GetNumber())
					}
				}
			}
		}
	}
	return nil
}

// field compares what determines the encoding and name of a field.
func (c checker) field(name string, theirs, ours *descriptorpb.FieldDescriptorProto) error {
	repeated := descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	if theirs.GetNumber() == ours.GetNumber() && theirs.GetName() == ours.GetName() &&
		theirs.GetType() == ours.GetType() && theirs.GetTypeName() == ours.GetTypeName() &&
		(theirs.GetLabel() == repeated) == (ours.GetLabel() == repeated) {
		return nil
	}
	return c.differs(name, "is %s, but jwtctl's schema has %s", signature(theirs), signature(ours))
}

func signature(f *descriptorpb.FieldDescriptorProto) string {
	text := strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
	if f.GetTypeName() != "" {
		text = strings.TrimPrefix(f.GetTypeName(), ".")
	}
	if f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED {
		text = "repeated " + text
	}

	return fmt.Sprintf("%s %s = %d", text, f.GetName(), f.GetNumber())
}

func (c checker) differs(name, format string, args ...any) error {
	f := fault.New(fault.AnnotationUnreadable, c.location+": "+name, format, args...)
	f.Reason = "another schema for the annotations: " + f.Reason
	file := kalixFile
	if strings.HasPrefix(name, "jwtctl.") {
		file = JwtctlFile
	}
	return f.WithHint("remove this copy of the schema: jwtctl has %s built in", file)
}
