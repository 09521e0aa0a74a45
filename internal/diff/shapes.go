package diff

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// shapes compares types by the form of their values in JSON and on the wire. Type names
// do not matter, nor do fields that one of them lacks, since a claim with an unknown
// member matches no message. It holds the pairs of messages being compared.
type shapes map[[2]protoreflect.MessageDescriptor]bool

// differ returns the difference between fields a and b, or "". without ignores the
// content of their messages.
func (s shapes) differ(a, b protoreflect.FieldDescriptor, without bool) string {
	switch {
	case a.Number() != b.Number():
		return fmt.Sprintf("%s, which was number %d", typeOf(b), a.Number())
	case a.Kind() != b.Kind() || a.IsList() != b.IsList() || a.IsMap() != b.IsMap():
		return fmt.Sprintf("%s, no longer %s", typeOf(b), typeOf(a))
	case a.IsMap():
		if what := s.differ(a.MapKey(), b.MapKey(), false); what != "" {
			return what
		}
		return s.differ(a.MapValue(), b.MapValue(), false)
	case policy.UnsetValue(a) != policy.UnsetValue(b):
		return fmt.Sprintf("unset, it reads as %s, and read as %s before", unset(b), unset(a))
	case a.Enum() != nil:
		return enums(a.Enum(), b.Enum())
	case a.Message() != nil && !without:
		return s.messages(a.Message(), b.Message())
	}
	return ""
}

// unset returns what a reader sees in a field that is not set.
func unset(d protoreflect.FieldDescriptor) string {
	if value := policy.UnsetValue(d); value != "" {
		return value
	}
	return "empty"
}

func enums(a, b protoreflect.EnumDescriptor) string {
	if a.IsClosed() != b.IsClosed() {
		return fmt.Sprintf("%s is open to unknown values: %v, no longer %v", b.FullName(), !b.IsClosed(), !a.IsClosed())
	}
	if old, now := a.Values().Get(0), b.Values().Get(0); old.Name() != now.Name() {
		return fmt.Sprintf("the first value of %s is %s, was %s", b.FullName(), now.Name(), old.Name())
	}
	for old := range descset.Each(a.Values()) {
		if now := b.Values().ByName(old.Name()); now != nil && now.Number() != old.Number() {
			return fmt.Sprintf("%s is %d, was %d", now.FullName(), now.Number(), old.Number())
		}
	}
	return ""
}

// wellKnown reports whether the JSON form of a type depends on its name.
func wellKnown(m protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(string(m.FullName()), "google.protobuf.")
}

func (s shapes) messages(a, b protoreflect.MessageDescriptor) string {
	if s[[2]protoreflect.MessageDescriptor{a, b}] {
		return ""
	}
	s[[2]protoreflect.MessageDescriptor{a, b}] = true
	if (wellKnown(a) || wellKnown(b)) && a.FullName() != b.FullName() {
		return fmt.Sprintf("%s, no longer %s", b.FullName(), a.FullName())
	}
	for old := range descset.Each(a.Fields()) {
		now := b.Fields().ByName(old.Name())
		if now == nil {
			continue
		}
		if what := s.differ(old, now, false); what != "" {
			return what
		}
		if required := old.Cardinality() == protoreflect.Required; required != (now.Cardinality() == protoreflect.Required) {
			return fmt.Sprintf("whether %s must be set: %v, no longer %v", now.FullName(), !required, required)
		}
		if old.HasPresence() != now.HasPresence() {
			return fmt.Sprintf("the presence of %s", now.FullName())
		}
	}
	return ""
}
