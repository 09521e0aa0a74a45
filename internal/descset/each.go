package descset

import (
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Each yields the elements of a protoreflect list in order.
func Each[D any](list interface {
	Len() int
	Get(int) D
}) iter.Seq[D] {
	return func(yield func(D) bool) {
		for i := range list.Len() {
			if !yield(list.Get(i)) {
				return
			}
		}
	}
}

// allNested yields the messages of list and their nested messages, parents first.
func allNested(list protoreflect.MessageDescriptors) iter.Seq[protoreflect.MessageDescriptor] {
	var walk func(protoreflect.MessageDescriptors, func(protoreflect.MessageDescriptor) bool) bool
	walk = func(list protoreflect.MessageDescriptors, yield func(protoreflect.MessageDescriptor) bool) bool {
		for m := range Each(list) {
			if !yield(m) || !walk(m.Messages(), yield) {
				return false
			}
		}
		return true
	}
	return func(yield func(protoreflect.MessageDescriptor) bool) { walk(list, yield) }
}

// wireField is a field of an encoded message.
type wireField struct {
	number protowire.Number
	kind   protowire.Type
	value  []byte // encoded, without the tag
}

// bytes returns the content of a field of kind BytesType.
func (f wireField) bytes() []byte {
	content, _ := protowire.ConsumeBytes(f.value)
	return content
}

// wireFields yields the fields of an encoded message, followed by the error if it is
// malformed.
func wireFields(raw []byte) iter.Seq2[wireField, error] {
	return func(yield func(wireField, error) bool) {
		for len(raw) > 0 {
			number, kind, n := protowire.ConsumeTag(raw)
			if n < 0 {
				yield(wireField{}, protowire.ParseError(n))
				return
			}
			size := protowire.ConsumeFieldValue(number, kind, raw[n:])
			if size < 0 {
				yield(wireField{}, protowire.ParseError(size))
				return
			}
			f := wireField{number, kind, raw[n : n+size]}
			if raw = raw[n+size:]; !yield(f, nil) {
				return
			}
		}
	}
}
