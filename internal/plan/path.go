package plan

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Path leads from a message to a field within: "friends[2].tok". It is cheap to
// extend, and made a text only for those who read it.
type Path []step

type step struct {
	field protoreflect.FieldDescriptor
	index int // -1 except for an element of a list
}

// Single is the index of a field that is not a list.
const Single = -1

// To returns the path to element index of fd, or to fd if index is Single. It
// may share p's memory: what shall outlive the next To needs Clone.
func (p Path) To(fd protoreflect.FieldDescriptor, index int) Path { return append(p, step{fd, index}) }

// Clone returns a copy of p.
func (p Path) Clone() Path { return slices.Clone(p) }

// String returns the path with the names of the .proto file.
func (p Path) String() string {
	var b []byte
	for i, s := range p {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, s.field.TextName()...)
		if s.index >= 0 {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
		}
	}
	return string(b)
}
