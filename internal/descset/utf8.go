package descset

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// invalidUTF8 is the error for an annotation with a string that is not UTF-8. protoc compiles
// it with a warning, but it has no meaning in a JSON claim.
type invalidUTF8 struct {
	of   protoreflect.MessageDescriptor
	path []int32 // as Annotation.Position takes it
}

func (b invalidUTF8) Error() string { return b.name() + " is not valid UTF-8" }

// name returns the member with the string: "name", "static_claim.value".
func (b invalidUTF8) name() string {
	var parts []string
	for d, path := b.of, b.path; d != nil && len(path) > 0; path = path[1:] {
		f := d.Fields().ByNumber(protoreflect.FieldNumber(path[0]))
		if f == nil {
			break
		}
		parts = append(parts, string(f.Name()))
		if d = f.Message(); f.IsList() && len(path) > 1 {
			path = path[1:]
		}
	}
	return strings.Join(parts, ".")
}

// invalidUTF8In returns the path of the first string in raw, a message of type d, that is not
// UTF-8, or nil.
func invalidUTF8In(raw []byte, d protoreflect.MessageDescriptor) []int32 {
	count := map[protowire.Number]int32{}
	for m, err := range wireFields(raw) {
		if err != nil {
			return nil // another error
		}
		f := d.Fields().ByNumber(m.number)
		if f == nil || m.kind != protowire.BytesType {
			continue
		}
		path := []int32{int32(m.number)}
		if f.IsList() {
			path = append(path, count[m.number])
			count[m.number]++
		}
		text := m.bytes()
		switch {
		case f.Kind() == protoreflect.StringKind && !utf8.Valid(text):
			return path
		case f.Message() != nil:
			if inner := invalidUTF8In(text, f.Message()); inner != nil {
				return append(path, inner...)
			}
		}
	}
	return nil
}

// findInvalidUTF8 is invalidUTF8In for a message in memory, which then cannot be encoded.
func findInvalidUTF8(m protoreflect.Message) (found []int32) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		check := func(v protoreflect.Value, path ...int32) bool {
			switch {
			case f.Kind() == protoreflect.StringKind && !utf8.ValidString(v.String()):
				found = path
			case f.Message() != nil:
				if inner := findInvalidUTF8(v.Message()); inner != nil {
					found = append(path, inner...)
				}
			}
			return found == nil
		}
		number := int32(f.Number())
		if f.IsMap() {
			return true // annotations have none
		}
		if !f.IsList() {
			return check(v, number)
		}
		for i := range v.List().Len() {
			if !check(v.List().Get(i), number, int32(i)) {
				return false
			}
		}
		return true
	})
	return found
}
