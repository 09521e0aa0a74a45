package descset

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// read is the only reader of annotations: it returns the jwt part of an options message,
// or nil. It reads the encoded options, so known, dynamic and unknown fields are the
// same, and interprets them strictly by our own schema (S45, S46). It ignores other
// options (A3).
func (k kind) read(options protoreflect.ProtoMessage) (protoreflect.Message, error) {
	if options == nil || !options.ProtoReflect().IsValid() {
		return nil, nil
	}
	const uninterpreted = 999 // options that a parser without types has left
	m := options.ProtoReflect()
	if f := m.Descriptor().Fields().ByNumber(uninterpreted); f != nil && m.Get(f).List().Len() > 0 {
		return nil, fmt.Errorf("the file's options were never interpreted: recompile it")
	}
	jwt, found, err := k.raw(m)
	name := "the option"
	if found && err == nil && k.within != 0 {
		name = "jwt"
		jwt, found, err = content(jwt, k.within)
	}
	if !found || err != nil {
		return nil, err
	}
	if path := invalidUTF8In(jwt, k.jwt); path != nil {
		return nil, invalidUTF8{k.jwt, path}
	}
	value := dynamicpb.NewMessage(k.jwt)
	if err := (proto.UnmarshalOptions{RecursionLimit: 10}).Unmarshal(jwt, value); err != nil {
		return nil, fmt.Errorf("%s is not of type %s: %s", name, k.as, protobufError(err))
	}
	if where := unknown(value, name); where != "" {
		return nil, fmt.Errorf("%s, which this version of jwtctl does not know in %s and cannot enforce", where, k.as)
	}
	return value, nil
}

// raw returns the bytes of the extension in an options message, whether known, dynamic
// or unknown. It does not encode the other options: a string there that is not UTF-8
// would make that fail.
func (k kind) raw(options protoreflect.Message) (value []byte, found bool, err error) {
	var raw []byte
	options.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Number() != k.number {
			return true
		}
		if f.Message() == nil || f.IsList() || f.IsMap() {
			err = notMessage(k.number)
			return false
		}
		raw, err = k.encode(v.Message())
		return false
	})
	if err != nil {
		return nil, false, err
	}
	return content(append(raw, options.GetUnknown()...), k.number)
}

// encode returns the extension as a field of its options message. Other parts are omitted
// if they cannot be encoded.
func (k kind) encode(extension protoreflect.Message) ([]byte, error) {
	jwt, prefix := extension, protowire.AppendTag(nil, k.number, protowire.BytesType)
	text, err := proto.MarshalOptions{AllowPartial: true}.Marshal(extension.Interface())
	if err == nil {
		return protowire.AppendBytes(prefix, text), nil
	}
	if k.within != 0 {
		f := extension.Descriptor().Fields().ByNumber(k.within)
		if f == nil || f.Message() == nil || f.IsList() || f.IsMap() || !extension.Has(f) {
			return nil, err
		}
		jwt = extension.Get(f).Message()
	}
	if path := findInvalidUTF8(jwt); path != nil {
		return nil, invalidUTF8{k.jwt, path}
	}
	if text, err = (proto.MarshalOptions{AllowPartial: true}).Marshal(jwt.Interface()); err != nil {
		return nil, err
	}
	if k.within != 0 {
		text = protowire.AppendBytes(protowire.AppendTag(nil, k.within, protowire.BytesType), text)
	}
	return protowire.AppendBytes(prefix, text), nil
}

func notMessage(number protoreflect.FieldNumber) error {
	return fmt.Errorf("field %d is not stored as a message", number)
}

// content returns the bytes of the message in field number of raw. Several occurrences
// are merged, as in protobuf.
func content(raw []byte, number protoreflect.FieldNumber) (value []byte, found bool, err error) {
	for m, err := range wireFields(raw) {
		switch {
		case err != nil:
			return nil, false, err
		case m.number != number:
		case m.kind != protowire.BytesType:
			return nil, false, notMessage(number)
		default:
			value, found = append(value, m.bytes()...), true
		}
	}
	return value, found, nil
}

// unknown returns the path of the first field at any depth of m that its schema does
// not have, or has with another type; "" if there is none.
func unknown(m protoreflect.Message, path string) (where string) {
	if u := m.GetUnknown(); len(u) > 0 {
		num, _, _ := protowire.ConsumeTag(u)
		return path + " holds field " + strconv.Itoa(int(num))
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() == nil {
			return true
		}
		for claim := range Each(v.List()) { // static_claim, the only nested message
			if where = unknown(claim.Message(), path+"."+f.TextName()); where != "" {
				return false
			}
		}
		return true
	})
	return where
}
