package policytest

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

// Tamperer changes signed messages as an attacker without a key could.
type Tamperer struct {
	T      *rapid.T
	Filler *Filler
	// Donors are other signed messages, of any type, to take from.
	Donors []*dynamicpb.Message
}

// slot is the place of a value: a whole field, or one element of a list.
type slot struct {
	m     protoreflect.Message
	fd    protoreflect.FieldDescriptor
	index int // whole for all of the field
}

const whole = -1

// slots are all set fields and elements in m, m's own and those within.
func slots(m protoreflect.Message) []slot {
	var all []slot
	inOrder(m, func(fd protoreflect.FieldDescriptor, v protoreflect.Value) {
		all = append(all, slot{m, fd, whole})
		switch {
		case fd.IsMap() || fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				all = append(all, slot{m, fd, i})
				all = append(all, slots(v.List().Get(i).Message())...)
			}
		default:
			all = append(all, slots(v.Message())...)
		}
	})
	return all
}

// inOrder calls f for the set fields of m in the order of the file, so that what
// is drawn can be drawn again.
func inOrder(m protoreflect.Message, f func(protoreflect.FieldDescriptor, protoreflect.Value)) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if fd := fields.Get(i); m.Has(fd) {
			f(fd, m.Get(fd))
		}
	}
}

// messages are m and all messages within it, but those of maps.
func messages(m protoreflect.Message) []protoreflect.Message {
	all := []protoreflect.Message{m}
	for _, s := range slots(m) {
		if v := s.get(); s.fd.Message() != nil && !s.fd.IsMap() && (s.index != whole || !s.fd.IsList()) {
			all = append(all, v.Message())
		}
	}
	return all
}

func (s slot) get() protoreflect.Value {
	if s.index == whole {
		return s.m.Get(s.fd)
	}
	return s.m.Get(s.fd).List().Get(s.index)
}

func (s slot) set(v protoreflect.Value) {
	if s.index == whole {
		s.m.Set(s.fd, v)
		return
	}
	s.m.Mutable(s.fd).List().Set(s.index, v)
}

// remove takes the value out.
func (s slot) remove() {
	if s.index == whole {
		s.m.Clear(s.fd)
		return
	}
	list := s.m.Mutable(s.fd).List()
	for i := s.index; i+1 < list.Len(); i++ {
		list.Set(i, list.Get(i+1))
	}
	list.Truncate(list.Len() - 1)
}

// copyOf returns the value of s, which shares nothing with s.
func (s slot) copyOf() protoreflect.Value {
	if s.fd.Message() != nil && !s.fd.IsMap() && (s.index != whole || !s.fd.IsList()) {
		return protoreflect.ValueOfMessage(proto.Clone(s.get().Message().Interface()).ProtoReflect())
	}
	if s.index == whole {
		return proto.Clone(s.m.Interface()).ProtoReflect().Get(s.fd)
	}
	return s.get()
}

// fits reports whether the value of from can be put into s.
func (s slot) fits(from slot) bool {
	several := func(s slot) bool { return s.fd.IsMap() || s.fd.IsList() && s.index == whole }
	if several(s) || several(from) {
		return s.fd == from.fd && s.index == from.index
	}
	return s.fd.Kind() == from.fd.Kind() && s.fd.Message() == from.fd.Message() && s.fd.Enum() == from.fd.Enum()
}

// Tamper changes m in one to three places.
func (t Tamperer) Tamper(m *dynamicpb.Message) {
	for range rapid.IntRange(1, 3).Draw(t.T, "changes") {
		t.change(m)
	}
}

func (t Tamperer) change(m *dynamicpb.Message) {
	here := slots(m)
	if len(here) == 0 {
		return
	}
	at := rapid.SampledFrom(here).Draw(t.T, "slot")
	switch rapid.IntRange(0, 7).Draw(t.T, "change") {
	case 0, 1: // leave out
		at.remove()
	case 2: // what another message has there, or of the same type
		t.transplant(at)
	case 3: // swap
		other := rapid.SampledFrom(here).Filter(func(s slot) bool { return s.fits(at) }).Draw(t.T, "other")
		if x, y := at.copyOf(), other.copyOf(); !contains(x, other) && !contains(y, at) {
			at.set(y)
			other.set(x)
		}
	case 4: // once more
		if at.index != whole {
			at.m.Mutable(at.fd).List().Append(at.copyOf())
		}
	case 5: // another value
		at.m.Set(at.fd, t.Filler.Value(at.m, at.fd, 0))
	case 6: // a field that was empty
		in := rapid.SampledFrom(messages(m)).Draw(t.T, "message")
		fields := in.Descriptor().Fields()
		if fields.Len() == 0 || in.Descriptor().FullName().Parent() == "google.protobuf" {
			return
		}
		fd := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t.T, "field"))
		if fd.Name() != "tok" {
			in.Set(fd, t.Filler.Value(in, fd, 0))
		}
	case 7: // there, but empty
		if in := at.get(); at.fd.Message() != nil && !at.fd.IsMap() && (at.index != whole || !at.fd.IsList()) {
			proto.Reset(in.Message().Interface())
		}
	}
}

// contains reports whether the slot is within v.
func contains(v protoreflect.Value, s slot) bool {
	m, ok := v.Interface().(protoreflect.Message)
	if !ok {
		return false
	}
	for _, in := range messages(m) {
		if in == s.m {
			return true
		}
	}
	return false
}

// transplant puts what fits out of a donor into at.
func (t Tamperer) transplant(at slot) {
	var fitting []slot
	for _, donor := range t.Donors {
		for _, s := range slots(donor) {
			if at.fits(s) && (at.fd.Name() == "tok") == (s.fd.Name() == "tok") {
				fitting = append(fitting, s)
			}
		}
	}
	if len(fitting) > 0 {
		at.set(rapid.SampledFrom(fitting).Draw(t.T, "donor").copyOf())
	}
}
