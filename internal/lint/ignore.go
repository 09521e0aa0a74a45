package lint

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// ignore is a comment "jwtctl:ignore rule reason".
type ignore struct {
	on           protoreflect.Descriptor // a file cannot be silenced
	rule, reason string
	at           descset.Position
}

const ignoreMark = "jwtctl:ignore"

// ignoresOf returns the ignore comments of the files, by the full name of the element
// that they are above, or above an option of.
func ignoresOf(files []descset.File) map[protoreflect.FullName][]ignore {
	found := map[protoreflect.FullName][]ignore{}
	for _, f := range files {
		locations := f.Descriptor.SourceLocations()
		for i := 0; !f.Import && i < locations.Len(); i++ {
			l := locations.Get(i)
			comment := strings.Join(l.LeadingDetachedComments, "\n") + "\n" + l.LeadingComments
			if !strings.Contains(comment, ignoreMark) {
				continue
			}
			on := element(f.Descriptor, l.Path)
			at := descset.Position{File: f.Location, Line: l.StartLine + 1, Column: l.StartColumn + 1}
			for line := range strings.Lines(comment) {
				if rest, ok := strings.CutPrefix(strings.TrimSpace(line), ignoreMark); ok {
					rule, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
					found[on.FullName()] = append(found[on.FullName()], ignore{on, rule, strings.TrimSpace(reason), at})
				}
			}
		}
	}
	return found
}

// ignored reports whether a comment with a reason silences the rule for d: on d, or on an
// enclosing element other than the file.
func (f *facts) ignored(d protoreflect.Descriptor, rule string) bool {
	for ; d != nil; d = d.Parent() {
		if _, isFile := d.(protoreflect.FileDescriptor); isFile {
			return false
		}
		for _, i := range f.ignores[d.FullName()] {
			if i.rule == rule && i.reason != "" {
				return true
			}
		}
	}
	return false
}

// element returns what a comment at path is about: a message, field, service or method,
// even if the path leads to its options; otherwise the file.
func element(file protoreflect.FileDescriptor, path protoreflect.SourcePath) protoreflect.Descriptor {
	var at protoreflect.Descriptor = file
	for len(path) > 1 {
		next := child(at, path[0], path[1])
		if next == nil {
			break
		}
		at, path = next, path[2:]
	}
	if len(path) > 0 && path[0] != options(at) {
		return file
	}
	return at
}

// child returns the child of d at index of the field with this number in
// descriptor.proto, or nil if there is none or it cannot be annotated.
func child(d protoreflect.Descriptor, number, index int32) protoreflect.Descriptor {
	switch d := d.(type) {
	case protoreflect.FileDescriptor:
		switch number {
		case 4:
			return nth(d.Messages(), index)
		case 6:
			return nth(d.Services(), index)
		case 7:
			return nth(d.Extensions(), index)
		}
	case protoreflect.MessageDescriptor:
		switch number {
		case 2:
			return nth(d.Fields(), index)
		case 3:
			return nth(d.Messages(), index)
		case 6:
			return nth(d.Extensions(), index)
		}
	case protoreflect.ServiceDescriptor:
		if number == 2 {
			return nth(d.Methods(), index)
		}
	}
	return nil
}

// descriptors is any list of protoreflect.
type descriptors[D protoreflect.Descriptor] interface {
	Len() int
	Get(int) D
}

// nth returns the element at index, which is not trusted: source info is external.
func nth[D protoreflect.Descriptor](list descriptors[D], index int32) protoreflect.Descriptor {
	if index < 0 || int(index) >= list.Len() {
		return nil
	}
	return list.Get(int(index))
}

// options returns the field number of d's options in descriptor.proto.
func options(d protoreflect.Descriptor) int32 {
	switch d.(type) {
	case protoreflect.MessageDescriptor:
		return 7
	case protoreflect.FieldDescriptor:
		return 8
	case protoreflect.ServiceDescriptor:
		return 3
	case protoreflect.MethodDescriptor:
		return 4
	}
	return -1
}

func ignoreInvalid(p *pass) {
	known := map[string]bool{}
	for _, r := range Rules() {
		known[r.ID] = true
	}
	const hint = "write // jwtctl:ignore rule-id reason, with the id of a rule of lint"
	for _, list := range p.ignores {
		for _, i := range list {
			_, onFile := i.on.(protoreflect.FileDescriptor)
			switch {
			case onFile:
				p.report(i.on, i.at, "put it above the message, field, service or method that it is about",
					"this %s comment is not above anything that it could silence", ignoreMark)
			case i.rule == "":
				p.report(i.on, i.at, hint, "a %s comment at %s names no rule", ignoreMark, label(i.on))
			case !known[i.rule]:
				p.report(i.on, i.at, hint, "a %s comment at %s names the unknown rule %q", ignoreMark, label(i.on), i.rule)
			case i.reason == "":
				p.report(i.on, i.at, hint, "a %s comment at %s gives no reason, so %s is not silenced", ignoreMark, label(i.on), i.rule)
			}
		}
	}
}
