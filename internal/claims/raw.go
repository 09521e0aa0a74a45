package claims

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// RawEntries returns the entries of v, a value of the map fd, as claims sorted by name
// (A60). Errors are those of Value, and internal for a map whose keys are not strings,
// which lint refuses (A83).
func (c *Codec) RawEntries(fd protoreflect.FieldDescriptor, v protoreflect.Value) ([]strictjson.Member, error) {
	if !stringKeys(fd) {
		return nil, noStringKeys(fd)
	}
	members := make([]strictjson.Member, 0, v.Map().Len())
	var err error
	v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		w := writer{messages: c.messages}
		w.one(fd.MapValue(), v)
		err = w.err
		members = append(members, strictjson.Member{Name: k.String(), Value: w.out})
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b strictjson.Member) int { return cmp.Compare(a.Name, b.Name) })
	return members, nil
}

// RawFill clears into's map fd, and adds every claim that matches its value type (A47).
// Only the JSON type counts: a string is not taken for a number, nor a number for an
// enum. It returns internal for a map whose keys are not strings.
func (c *Codec) RawFill(fd protoreflect.FieldDescriptor, claims []strictjson.Member, into protoreflect.Message) error {
	if !stringKeys(fd) {
		return noStringKeys(fd)
	}
	field := into.NewField(fd)
	for _, claim := range claims {
		if !fits(fd.MapValue(), claim.Value) {
			continue
		}
		if v, ok := c.one(fd.MapValue(), claim.Value, field.Map().NewValue); ok {
			field.Map().Set(mapKey(claim.Name), v)
		}
	}
	into.Clear(fd)
	if field.Map().Len() > 0 {
		into.Set(fd, field)
	}
	return nil
}

// fits reports whether claim has the JSON type that A47 requires for values of fd; Parse
// accepts more.
func fits(fd protoreflect.FieldDescriptor, claim strictjson.Value) bool {
	switch fd.Kind() {
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind, protoreflect.FloatKind, protoreflect.DoubleKind:
		return claim.Kind() == '0'
	case protoreflect.EnumKind:
		return claim.Kind() != '0'
	}
	return true
}

func noStringKeys(fd protoreflect.FieldDescriptor) error {
	return fault.New(fault.Internal, string(fd.FullName()), "only a map with string keys can hold claims")
}
