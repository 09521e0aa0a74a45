package policy

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// NeedingToken returns the messages of p that are never accepted without a token (A40,
// A49): those with their own token, those that use the bearer token, and those that must
// contain one of these. A nested message that is not set needs no token.
func (p *Policy) NeedingToken() Set {
	found, holders := Set{}, map[*Message][]*Message{}
	var todo []*Message
	for _, m := range p.Messages {
		if m.BearerToken || m.TokenField() != nil {
			todo = append(todo, m)
		}
		for _, f := range m.Fields {
			if f.NestsTokens() && f.Desc.Cardinality() == protoreflect.Required {
				holders[f.Child] = append(holders[f.Child], m)
			}
		}
	}
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !found[m] {
			found[m] = true
			todo = append(todo, holders[m]...)
		}
	}
	return found
}

// UnsetValue returns what a reader sees in a field that is not set, in .proto syntax, if
// that is not zero: a declared default, or the first value of a closed enum. It returns
// "" for all other fields, and for required fields, which are always set.
func UnsetValue(d protoreflect.FieldDescriptor) string {
	if d.Cardinality() != protoreflect.Optional || d.Message() != nil {
		return ""
	}
	v := d.Default()
	switch d.Kind() {
	case protoreflect.EnumKind:
		if v.Enum() == 0 {
			return ""
		}
		if named := d.Enum().Values().ByNumber(v.Enum()); named != nil {
			return string(named.Name())
		}
	case protoreflect.StringKind:
		if v.String() == "" {
			return ""
		}
		return strconv.Quote(v.String())
	case protoreflect.BytesKind:
		if len(v.Bytes()) == 0 {
			return ""
		}
		return strconv.Quote(string(v.Bytes()))
	}
	if text := fmt.Sprint(v.Interface()); text != "0" && text != "-0" && text != "false" {
		return text
	}
	return ""
}

// Alternative returns a member of f's oneof that has neither claim nor token, which a
// sender can set instead of f: f is then not set and not compared (A42). It returns nil
// if there is none, and for EXTRACT fields, which would be set again.
func (f *Field) Alternative() protoreflect.FieldDescriptor {
	oneof := f.Desc.ContainingOneof()
	if oneof == nil || f.Parent == nil || f.Claim != Include && !f.Recurses() {
		return nil
	}
	checked := map[protoreflect.FieldDescriptor]bool{}
	for _, other := range f.Parent.Fields {
		checked[other.Desc] = other.IsClaim() || other.Token
	}
	for member := range descset.Each(oneof.Fields()) {
		if !checked[member] {
			return member
		}
	}
	return nil
}
