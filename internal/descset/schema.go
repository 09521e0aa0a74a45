package descset

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// embedded holds the schema of the annotations, of our own text (A2).
//
//go:embed kalix/*.proto
var embedded embed.FS

// extension is the number of all four options (annotations.md, section 1).
const extension = 1080

// schema is our own reading of the annotations (A1): nothing of what an input
// says about them decides how they are read.
type schema struct {
	kinds []kind
	types *dynamicpb.Types
	files map[string]protoreflect.FileDescriptor
	// bundled reads the bundle when a file first imports of it.
	bundled func() *protoregistry.Files
	// What another copy of the schema must agree with, by full name.
	extensions map[string]*descriptorpb.FieldDescriptorProto
	messages   map[string]*descriptorpb.DescriptorProto
}

// kind is one of the four things that can be annotated.
type kind struct {
	name    string                   // of the extension in package kalix
	options protoreflect.FieldNumber // of "options" in its descriptor
	number  protoreflect.FieldNumber // of jwt in the extension's message
	jwt     protoreflect.MessageDescriptor
}

// Positions of the kinds in schema.kinds.
const (
	kindField = iota
	kindMessage
	kindMethod
	kindService
)

// kinds are the names of the options that can hold a JWT annotation.
var kinds = []string{kindField: "field", kindMessage: "message", kindMethod: "method", kindService: "service"}

// loadSchema compiles the embedded schema.
func loadSchema(ctx context.Context) (*schema, error) {
	s := &schema{
		bundled:    sync.OnceValue(readBundle),
		extensions: map[string]*descriptorpb.FieldDescriptorProto{},
		messages:   map[string]*descriptorpb.DescriptorProto{},
	}
	files, err := compileFiles(ctx, []string{"kalix/annotations.proto", "kalix/jwt.proto"}, false, func(name string) (resolved, error) {
		if f := s.standard(name); f != nil {
			return resolved{desc: f}, nil
		}
		return findEmbedded(name)
	}, reporter.NewReporter(nil, nil))
	if err != nil {
		return nil, compileFault(err, nil)
	}
	options := []protoreflect.FieldNumber{kindField: 8, kindMessage: 7, kindMethod: 4, kindService: 3}
	for i, name := range kinds {
		ext := files[0].Extensions().ByName(protoreflect.Name(name))
		jwt := ext.Message().Fields().ByName("jwt")
		s.kinds = append(s.kinds, kind{name: name, options: options[i], number: jwt.Number(), jwt: jwt.Message()})
		s.extensions["kalix."+name] = protodesc.ToFieldDescriptorProto(ext)
		// Of the options' message only jwt is ours to check (A3).
		s.messages["kalix."+string(ext.Message().Name())] = &descriptorpb.DescriptorProto{
			Field: []*descriptorpb.FieldDescriptorProto{protodesc.ToFieldDescriptorProto(jwt)},
		}
	}
	for i := range files[1].Messages().Len() {
		m := files[1].Messages().Get(i)
		s.messages[string(m.FullName())] = protodesc.ToDescriptorProto(m)
	}
	registry := &protoregistry.Files{}
	registerStandard(registry, files[0])
	s.types, s.files = dynamicpb.NewTypes(registry), map[string]protoreflect.FileDescriptor{}
	registry.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		s.files[f.Path()] = f
		return true
	})
	return s, nil
}

func findEmbedded(name string) (resolved, error) {
	text, err := embedded.ReadFile(name)
	return resolved{source: bytes.NewReader(text)}, err
}

// check says whether f declares the options of Kalix otherwise than the wire
// contract has them (A1, S45). With such a schema an annotation would be stored
// where nobody looks for it, or be read as something else.
func (s *schema) check(where string, f *descriptorpb.FileDescriptorProto) error {
	c := checker{schema: s, where: where, pkg: f.GetPackage()}
	if err := c.extensions(c.pkg, f.GetExtension()); err != nil {
		return err
	}
	return c.messages(c.pkg, f.GetMessageType())
}

type checker struct {
	*schema
	where, pkg string
}

func (c checker) extensions(scope string, list []*descriptorpb.FieldDescriptorProto) error {
	for _, theirs := range list {
		name := strings.TrimPrefix(scope+"."+theirs.GetName(), ".")
		for _, k := range c.kinds {
			ourName := "kalix." + k.name
			ours := c.schema.extensions[ourName]
			if name != ourName && (theirs.GetNumber() != extension || theirs.GetExtendee() != ours.GetExtendee()) {
				continue
			}
			if name != ourName || theirs.GetExtendee() != ours.GetExtendee() {
				return c.differs(name, "it takes the place of %s, number %d of %s", ourName, extension, ours.GetExtendee()[1:])
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
		if ours := c.schema.messages[name]; ours != nil {
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
						return c.differs(name+"."+v.GetName(), "it is %d, where %s is %d", v.GetNumber(), w.GetName(), w.GetNumber())
					}
				}
			}
		}
	}
	return nil
}

// field compares what decides how a field is stored and what it is called.
func (c checker) field(name string, theirs, ours *descriptorpb.FieldDescriptorProto) error {
	repeated := descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	if theirs.GetNumber() == ours.GetNumber() && theirs.GetName() == ours.GetName() &&
		theirs.GetType() == ours.GetType() && theirs.GetTypeName() == ours.GetTypeName() &&
		(theirs.GetLabel() == repeated) == (ours.GetLabel() == repeated) {
		return nil
	}
	return c.differs(name, "it is %s, where jwtctl's schema has %s", signature(theirs), signature(ours))
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
	f := fault.New(fault.AnnotationUnreadable, c.where+": "+name, format, args...)
	f.Why = "another schema for the annotations: " + f.Why
	return f.WithHint("remove this copy of the schema: jwtctl brings its own kalix/annotations.proto")
}
