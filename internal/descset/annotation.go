package descset

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Annotation is the JWT annotation of a field, message, method or service. An empty
// option is an annotation too: on a method it replaces that of the service (A10).
type Annotation struct {
	// Descriptor is what is annotated.
	Descriptor protoreflect.Descriptor
	// Option is the spelling of the annotation: (kalix.field).jwt, (jwtctl.v1.field).
	Option string
	// Package is that of the spelling: "kalix", "jwtctl.v1".
	Package string
	// JWT is the kalix.Jwt…Options message of jwtctl's own schema, for either spelling of
	// the annotation (A111) and whatever schema the input was compiled with. Callers must
	// not modify it. An enum may hold a number without a name: package policy judges that
	// (S46).
	JWT protoreflect.Message
	// Other is the annotation of the same element in the other spelling, which is an
	// error (A111); usually nil.
	Other *Annotation

	set  *Set
	path []int32 // of jwt in the file, if positions are known
}

// Position is a position in a source file. For a file of a descriptor set, File is its
// import name, as in compiler messages. Line and Column count from 1; they are 0 without
// source info.
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Position returns the position of the part of the annotation at path, given by field
// numbers and indexes of repeated fields: Position(8, 1) is the second static_claim of a
// field. If the source info is not that detailed (only our own compiler's is), it returns
// the position of the enclosing part: the whole annotation (as without a path), or the
// annotated element.
func (a *Annotation) Position(path ...int32) Position {
	locations := a.Descriptor.ParentFile().SourceLocations()
	for full := append(slices.Clone(a.path), path...); len(full) > 0 && len(full) >= len(a.path)-1; full = full[:len(full)-1] {
		if l := locations.ByPath(full); l.Path != nil {
			return a.set.at(l, a.Descriptor)
		}
		if len(full) < len(a.path) {
			break
		}
		if l, ok := a.set.first(a.Descriptor.ParentFile(), full); ok {
			return a.set.at(l, a.Descriptor)
		}
	}
	return a.set.Position(a.Descriptor)
}

// Position returns the position of the declaration of d.
func (s *Set) Position(d protoreflect.Descriptor) Position {
	return s.at(d.ParentFile().SourceLocations().ByDescriptor(d), d)
}

func (s *Set) at(l protoreflect.SourceLocation, d protoreflect.Descriptor) Position {
	p := Position{File: s.origins[d.ParentFile().Path()]}
	if l.Path != nil {
		p.Line, p.Column = l.StartLine+1, l.StartColumn+1
	}
	return p
}

// first returns the first location of file below prefix: if an option is set by several
// statements ("(kalix.method).jwt.validate = …"), none has exactly that path.
func (s *Set) first(file protoreflect.FileDescriptor, prefix protoreflect.SourcePath) (found protoreflect.SourceLocation, ok bool) {
	list := file.SourceLocations()
	order := s.orders[file.Path()]()
	at, _ := slices.BinarySearchFunc(order, prefix, func(i int, p protoreflect.SourcePath) int { return slices.Compare(list.Get(i).Path, p) })
	for _, i := range order[at:] {
		l := list.Get(i)
		if len(l.Path) < len(prefix) || !slices.Equal(l.Path[:len(prefix)], prefix) {
			break
		}
		if !ok || cmp.Or(cmp.Compare(l.StartLine, found.StartLine), cmp.Compare(l.StartColumn, found.StartColumn)) < 0 {
			found, ok = l, true
		}
	}
	return found, ok
}

// pathOrder returns the indexes of a file's locations, sorted by path.
func pathOrder(file protoreflect.FileDescriptor) []int {
	list := file.SourceLocations()
	order := make([]int, list.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return slices.Compare(list.Get(a).Path, list.Get(b).Path) })
	return order
}

// annotate reads the annotations of all files. It fails if one cannot be read (S45).
func (s *Set) annotate(schema *Schema) (err error) {
	read := func(kind int, d protoreflect.Descriptor) {
		if err == nil {
			err = s.read(schema.kinds[kind], d)
		}
	}
	for _, file := range s.files {
		f := file.Descriptor
		if IsWellKnown(f.Path()) {
			continue
		}
		for x := range Each(f.Extensions()) {
			read(kindField, x)
		}
		for m := range allNested(f.Messages()) {
			read(kindMessage, m)
			for field := range Each(m.Fields()) {
				read(kindField, field)
			}
			for x := range Each(m.Extensions()) {
				read(kindField, x)
			}
		}
		for service := range Each(f.Services()) {
			read(kindService, service)
			for method := range Each(service.Methods()) {
				read(kindMethod, method)
			}
		}
	}
	return err
}

// read reads the annotation of d in each spelling.
func (s *Set) read(spellings []kind, d protoreflect.Descriptor) error {
	for _, k := range spellings {
		jwt, err := k.read(d.Options())
		if jwt == nil && err == nil {
			continue
		}
		a := &Annotation{Descriptor: d, Option: k.option(), Package: string(k.extension.Parent()), JWT: jwt, set: s}
		if at := d.ParentFile().SourceLocations().ByDescriptor(d).Path; at != nil {
			a.path = append(slices.Clone(at), int32(k.options), int32(k.number))
			if k.within != 0 {
				a.path = append(a.path, int32(k.within))
			}
		}
		if err != nil {
			var bad invalidUTF8
			if errors.As(err, &bad) {
				return fault.New(fault.AnnotationUnreadable, a.Position(bad.path...).String(), "%s.%s of %s is not valid UTF-8", k.option(), bad.name(), d.FullName()).
					WithHint(`save the .proto file as UTF-8, and write characters, not byte escapes such as \xe9`)
			}
			return fault.New(fault.AnnotationUnreadable, a.Position().String(), "the option (%s) of %s: %w", k.extension, d.FullName(), err)
		}
		if first := s.annotations[d.FullName()]; first != nil {
			first.Other = a
			continue
		}
		s.annotations[d.FullName()] = a
	}
	return nil
}
