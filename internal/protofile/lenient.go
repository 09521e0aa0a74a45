package protofile

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// kalixPackage is the package whose options have more members than jwt.
const kalixPackage = "kalix."

// namesKalix reports whether a source can have an option of package kalix.
func namesKalix(text []byte) bool { return bytes.Contains(text, []byte("kalix")) }

// leaveOut removes from a parsed source the options of package kalix that are
// not about JWTs, before anything resolves them: releases of the vendor's SDK add
// members that no published schema has, and none of them is judged here (A3).
//
// What is about JWTs stays and is read strictly. So does what is nearly called
// jwt, as an error: a slip must not open a method.
func leaveOut(source parser.Result, handler *reporter.Handler) error {
	l := leaver{source, handler}
	return l.file(source.FileDescriptorProto())
}

type leaver struct {
	parser.Result
	handler *reporter.Handler
}

func (l leaver) file(f *descriptorpb.FileDescriptorProto) error {
	if o := f.GetOptions(); o != nil {
		if err := l.filter(&o.UninterpretedOption); err != nil {
			return err
		}
	}
	for _, s := range f.GetService() {
		if o := s.GetOptions(); o != nil {
			if err := l.filter(&o.UninterpretedOption); err != nil {
				return err
			}
		}
		for _, m := range s.GetMethod() {
			if o := m.GetOptions(); o != nil {
				if err := l.filter(&o.UninterpretedOption); err != nil {
					return err
				}
			}
		}
	}
	if err := l.fields(f.GetExtension()); err != nil {
		return err
	}
	return l.messages(f.GetMessageType())
}

func (l leaver) messages(list []*descriptorpb.DescriptorProto) error {
	for _, m := range list {
		if o := m.GetOptions(); o != nil {
			if err := l.filter(&o.UninterpretedOption); err != nil {
				return err
			}
		}
		if err := l.fields(slices.Concat(m.GetField(), m.GetExtension())); err != nil {
			return err
		}
		if err := l.messages(m.GetNestedType()); err != nil {
			return err
		}
	}
	return nil
}

func (l leaver) fields(list []*descriptorpb.FieldDescriptorProto) error {
	for _, f := range list {
		if o := f.GetOptions(); o != nil {
			if err := l.filter(&o.UninterpretedOption); err != nil {
				return err
			}
		}
	}
	return nil
}

// filter removes the options that are left out from list.
func (l leaver) filter(list *[]*descriptorpb.UninterpretedOption) error {
	kept := (*list)[:0]
	for _, option := range *list {
		keep, err := l.keep(option)
		if err != nil {
			return err
		}
		if keep {
			kept = append(kept, option)
		}
	}
	*list = kept
	return nil
}

// keep reports whether option is one to interpret, and removes from its literal
// what is not.
func (l leaver) keep(option *descriptorpb.UninterpretedOption) (bool, error) {
	parts := option.GetName()
	name := strings.TrimPrefix(parts[0].GetNamePart(), ".")
	if !parts[0].GetIsExtension() || !strings.HasPrefix(name, kalixPackage) {
		return true, nil
	}
	if len(parts) > 1 {
		return l.about(parts[1].GetNamePart(), "("+name+").", l.OptionNamePartNode(parts[1]))
	}
	literal, isLiteral := l.OptionNode(option).GetValue().(*ast.MessageLiteralNode)
	if !isLiteral {
		return slices.Contains(descset.Kinds, strings.TrimPrefix(name, kalixPackage)), nil
	}
	elements, seps := literal.Elements[:0:0], literal.Seps[:0:0]
	for i, e := range literal.Elements {
		keep := false
		if !e.Name.IsExtension() && !e.Name.IsAnyTypeReference() {
			var err error
			if keep, err = l.about(string(e.Name.Name.AsIdentifier()), "("+name+").", e.Name); err != nil {
				return false, err
			}
		}
		if keep {
			elements, seps = append(elements, e), append(seps, literal.Seps[i])
		}
	}
	empty := len(literal.Elements) == 0
	literal.Elements, literal.Seps = elements, seps
	return empty || len(elements) > 0, nil
}

// about reports whether member is that of JWTs. One that is nearly called so is
// an error.
func (l leaver) about(member, of string, at ast.Node) (bool, error) {
	if member == "jwt" {
		return true, nil
	}
	if !nearlyJWT(member) {
		return false, nil
	}
	return false, l.handler.HandleErrorWithPos(l.AST().NodeInfo(at), misspelled{of, member})
}

// misspelled is the error of an option that is nearly called jwt.
type misspelled struct{ of, member string }

func (m misspelled) Error() string { return "unknown option " + m.of + m.member }

// nearlyJWT reports whether name is jwt except for its case, one letter, or the
// order of two.
func nearlyJWT(name string) bool {
	lower := strings.ToLower(name)
	switch lower {
	case "jwt", "wjt", "jtw":
		return true
	}
	return len(lower) >= 2 && suggest.Distance(lower, "jwt") == 1
}
