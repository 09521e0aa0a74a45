package protofile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// kalixPackage is the package whose options have other members than jwt.
const kalixPackage = "kalix."

// mentionsKalix reports whether a source may have an option of package kalix.
func mentionsKalix(text []byte) bool { return bytes.Contains(text, []byte("kalix")) }

// removeOtherKalixOptions removes from a parsed source the options of package kalix that are not about
// JWTs, before anything resolves them: releases of the vendor's SDK add members that no
// published schema has, and none of them is checked here (A3).
//
// Options about JWTs stay and are read strictly. Options with a similar name stay too, as
// errors: a typo must not open a method.
func removeOtherKalixOptions(source parser.Result, handler *reporter.Handler) error {
	return optionFilter{source, handler}.walk(source.FileDescriptorProto().ProtoReflect())
}

type optionFilter struct {
	parser.Result
	handler *reporter.Handler
}

// walk removes such options from m, a descriptor or its options.
func (l optionFilter) walk(m protoreflect.Message) error {
	for field := range descset.Each(m.Descriptor().Fields()) {
		var err error
		switch {
		case field.Message() == nil || !m.Has(field):
		case field.Name() == "uninterpreted_option":
			err = l.filter(m.Mutable(field).List())
		case field.IsList():
			for element := range descset.Each(m.Get(field).List()) {
				if err == nil {
					err = l.walk(element.Message())
				}
			}
		default:
			err = l.walk(m.Get(field).Message())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// filter removes the options that are not to be interpreted.
func (l optionFilter) filter(options protoreflect.List) error {
	kept := 0
	for option := range descset.Each(options) {
		keep, err := l.keep(option.Message().Interface().(*descriptorpb.UninterpretedOption))
		if err != nil {
			return err
		}
		if keep {
			options.Set(kept, option)
			kept++
		}
	}
	options.Truncate(kept)
	return nil
}

// keep reports whether option is to be interpreted, and removes other parts from its
// literal.
func (l optionFilter) keep(option *descriptorpb.UninterpretedOption) (bool, error) {
	parts := option.GetName()
	name := strings.TrimPrefix(parts[0].GetNamePart(), ".")
	if !parts[0].GetIsExtension() || !strings.HasPrefix(name, kalixPackage) {
		return true, nil
	}
	if kind := strings.TrimPrefix(name, kalixPackage); resemblesJWT(kind) {
		return false, l.handler.HandleErrorWithPos(l.AST().NodeInfo(l.OptionNamePartNode(parts[0])), misspelled{"(" + name + ")", annotations("kalix")})
	}
	if len(parts) > 1 {
		return l.isJWT(parts[1].GetNamePart(), "("+name+").", l.OptionNamePartNode(parts[1]))
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
			if keep, err = l.isJWT(string(e.Name.Name.AsIdentifier()), "("+name+").", e.Name); err != nil {
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

// isJWT reports whether member is the one about JWTs. A similar name is an error.
func (l optionFilter) isJWT(member, of string, at ast.Node) (bool, error) {
	if member == "jwt" {
		return true, nil
	}
	if !resemblesJWT(member) {
		return false, nil
	}
	return false, l.handler.HandleErrorWithPos(l.AST().NodeInfo(at), misspelled{of + member, "did you mean " + of + "jwt?"})
}

// misspelled is the error for an option with a name similar to jwt.
type misspelled struct{ option, hint string }

func (m misspelled) Error() string { return "unknown option " + m.option }

// annotations describes where the JWT annotations of a package are.
func annotations(pkg string) string {
	member := ""
	if pkg == "kalix" {
		member = ".jwt"
	}
	return fmt.Sprintf("JWT annotations are (%s.service)%[2]s, (%[1]s.method)%[2]s, (%[1]s.message)%[2]s and (%[1]s.field)%[2]s", pkg, member)
}

// resemblesJWT reports whether name contains jwt, or differs from it in case, one letter, or
// the order of two.
func resemblesJWT(name string) bool {
	lower := strings.ToLower(name)
	switch lower {
	case "wjt", "jtw":
		return true
	}
	return strings.Contains(lower, "jwt") || len(lower) >= 2 && suggest.Distance(lower, "jwt") == 1
}
