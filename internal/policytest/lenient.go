package policytest

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Lenient reads protobuf as the most lenient implementations do: a known field
// is read as its type has it, whatever its wire type, and the last value of a
// singular field counts alone, messages included (protobufjs). Of the members of
// a oneof, which such readers may all keep, the first or last counts.
type Lenient struct {
	Types     protoregistry.MessageTypeResolver // of what is in an Any
	FirstOfUs bool                              // the first member of a oneof counts, not the last
}

var errLenient = errors.New("not even a lenient reader takes it")

// Read returns what such a reader sees in wire, which is of type desc; ok is
// false where it would fail.
func (l Lenient) Read(desc protoreflect.MessageDescriptor, wire []byte) (m *dynamicpb.Message, ok bool) {
	m = dynamicpb.NewMessage(desc)
	r := lenientReader{Lenient: l, b: wire}
	return m, r.message(m, 0) == nil && proto.CheckInitialized(m) == nil
}

type lenientReader struct {
	Lenient
	b     []byte
	depth int
}

// message reads fields into m, up to the end of the bytes or, unless 0, of group.
func (r *lenientReader) message(m protoreflect.Message, group protowire.Number) error {
	if r.depth++; r.depth > 100 {
		return errLenient
	}
	defer func() { r.depth-- }()
	for len(r.b) > 0 {
		tag, err := r.varint()
		if err != nil {
			return err
		}
		number, wireType := protowire.Number(tag>>3), protowire.Type(tag&7)
		if number <= 0 {
			return errLenient
		}
		if group != 0 && wireType == protowire.EndGroupType && number == group {
			return nil
		}
		fd := m.Descriptor().Fields().ByNumber(number)
		if fd == nil {
			if err := r.skip(protowire.ConsumeFieldValue(number, wireType, r.b)); err != nil {
				return err
			}
			continue
		}
		if err := r.field(m, fd, wireType); err != nil {
			return err
		}
	}
	if group != 0 {
		return errLenient
	}
	if m.Descriptor().FullName() == "google.protobuf.Any" {
		return r.any(m)
	}
	return nil
}

func (r *lenientReader) field(m protoreflect.Message, fd protoreflect.FieldDescriptor, wireType protowire.Type) error {
	switch {
	case fd.IsMap():
		return r.entry(m, fd)
	case fd.IsList():
		list := m.Mutable(fd).List()
		if wireType != protowire.BytesType || !numeric(fd) {
			v, err := r.one(fd, list.NewElement)
			if err == nil {
				list.Append(v)
			}
			return err
		}
		return r.within(func(r *lenientReader) error {
			for len(r.b) > 0 {
				v, err := r.one(fd, nil)
				if err != nil {
					return err
				}
				list.Append(v)
			}
			return nil
		})
	}
	v, err := r.one(fd, func() protoreflect.Value { return m.NewField(fd) })
	if err != nil {
		return err
	}
	if oneof := fd.ContainingOneof(); r.FirstOfUs && oneof != nil {
		if other := m.WhichOneof(oneof); other != nil && other != fd {
			return nil
		}
	}
	m.Set(fd, v)
	return nil
}

func (r *lenientReader) entry(m protoreflect.Message, fd protoreflect.FieldDescriptor) error {
	entries := m.Mutable(fd).Map()
	key, value := fd.MapKey().Default(), entries.NewValue()
	err := r.within(func(r *lenientReader) error {
		for len(r.b) > 0 {
			tag, err := r.varint()
			if err != nil {
				return err
			}
			switch tag >> 3 {
			case 1:
				key, err = r.one(fd.MapKey(), nil)
			case 2:
				value, err = r.one(fd.MapValue(), entries.NewValue)
			default:
				err = r.skip(protowire.ConsumeFieldValue(protowire.Number(tag>>3), protowire.Type(tag&7), r.b))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		entries.Set(key.MapKey(), value)
	}
	return err
}

// within reads the bytes of one length-delimited value by read.
func (r *lenientReader) within(read func(*lenientReader) error) error {
	b, err := r.bytes()
	if err != nil {
		return err
	}
	return read(&lenientReader{Lenient: r.Lenient, b: b, depth: r.depth})
}

func (r *lenientReader) one(fd protoreflect.FieldDescriptor, fresh func() protoreflect.Value) (protoreflect.Value, error) {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		v := fresh()
		if fd.Kind() == protoreflect.GroupKind {
			return v, r.message(v.Message(), fd.Number())
		}
		return v, r.within(func(r *lenientReader) error { return r.message(v.Message(), 0) })
	case protoreflect.StringKind:
		b, err := r.bytes()
		return protoreflect.ValueOfString(string(b)), err
	case protoreflect.BytesKind:
		b, err := r.bytes()
		return protoreflect.ValueOfBytes(b), err
	}
	v, n := scalars[fd.Kind()].consume(r.b)
	return v, r.skip(n)
}

// any reads what is in an Any in the same way.
func (r *lenientReader) any(m protoreflect.Message) error {
	found, wire := AnyType(r.Types, m)
	if found == nil {
		return nil
	}
	inner, ok := r.Lenient.Read(found.Descriptor(), wire)
	if !ok {
		return errLenient
	}
	again, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(inner)
	m.Set(m.Descriptor().Fields().ByName("value"), protoreflect.ValueOfBytes(again))
	return err
}

func (r *lenientReader) varint() (uint64, error) {
	v, n := protowire.ConsumeVarint(r.b)
	return v, r.skip(n)
}

func (r *lenientReader) bytes() ([]byte, error) {
	v, n := protowire.ConsumeBytes(r.b)
	return v, r.skip(n)
}

// skip continues after the next n bytes; a negative n is an error.
func (r *lenientReader) skip(n int) error {
	if n < 0 {
		return errLenient
	}
	r.b = r.b[n:]
	return nil
}
