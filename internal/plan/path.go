package plan

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Path leads from a message to a nested field: "friends[2].tok". It is cheap to extend,
// and formatted only when needed.
type Path []step

type step struct {
	field protoreflect.FieldDescriptor
	index int // -1 unless an element of a list
}

// NoIndex is the index of a field that is not a list.
const NoIndex = -1

// To returns the path to element index of fd, or to fd if index is NoIndex. It may share
// p's memory: use Clone to keep a path beyond the next To.
func (p Path) To(fd protoreflect.FieldDescriptor, index int) Path { return append(p, step{fd, index}) }

// Clone returns a copy of p.
func (p Path) Clone() Path { return slices.Clone(p) }

// String returns the path with the names in the .proto file.
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
