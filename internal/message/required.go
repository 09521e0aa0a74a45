package message

import "google.golang.org/protobuf/reflect/protoreflect"

// requires says whether a message of desc can be without a required field: few
// types can, and to look for what is missing is a walk over all of a message.
func (c *Codec) requires(desc protoreflect.MessageDescriptor) bool {
	if known, ok := c.required.Load(desc); ok {
		return known.(bool)
	}
	found := requiredBelow(desc, map[protoreflect.MessageDescriptor]bool{})
	c.required.Store(desc, found)
	return found
}

// requiredBelow looks for a required field in desc and the types of its fields,
// but for those seen. What an extension is nobody knows beforehand.
func requiredBelow(desc protoreflect.MessageDescriptor, seen map[protoreflect.MessageDescriptor]bool) bool {
	if seen[desc] {
		return false
	}
	seen[desc] = true
	if desc.RequiredNumbers().Len() > 0 || desc.ExtensionRanges().Len() > 0 {
		return true
	}
	for i := range desc.Fields().Len() {
		if of := desc.Fields().Get(i).Message(); of != nil && requiredBelow(of, seen) {
			return true
		}
	}
	return false
}
