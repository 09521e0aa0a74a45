// Package claims turns a field's value into a JSON claim and back, and says
// whether a claim is a field's value, for every kind of protobuf field
// (annotations.md A43, A47, A80–A84).
//
// A claim is read as the field's type and nothing else (A82). Scalar fields
// take one kind of JSON: strings for string and bytes (base64 of either
// alphabet, with or without padding, in one spelling), true and false for bool,
// integral numbers for 32-bit integers, integral numbers and strings of such for
// 64-bit ones (1.0 and 1e3 are integral), numbers and "NaN", "Infinity" and
// "-Infinity" for float and double, names and numbers for enums. Messages take
// what protojson takes. null is the value of google.protobuf.Value and NullValue
// alone, never an absent claim. Floats compare by value, so -0 is 0, and NaN is
// NaN.
//
// It knows neither tokens nor annotations: which claim belongs to which field is
// for policy to say (A48). It imports message, for claims that are messages,
// fault and strictjson.
package claims

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// Codec converts and compares. It does not change, and is safe for concurrent
// use where its resolver is.
//
// In its methods fd is a field of the message that the value comes from or goes
// to, and a claim is one strict JSON value, as strictjson returns it.
type Codec struct {
	messages *message.Codec
}

// New returns a Codec that finds what is in an Any, and extensions, in types.
func New(types message.Resolver) *Codec {
	return &Codec{messages: message.New(types, message.Limits{})}
}

// Settle makes sure that all readers read the same from m (A38); see
// message.Codec.Settle.
func (c *Codec) Settle(m protoreflect.Message, s message.Strictness) error {
	return c.messages.Settle(m, s)
}

// Empty reports whether m's field is empty: not set where that is known, and else
// the zero value or without elements (A43).
func Empty(m protoreflect.Message, fd protoreflect.FieldDescriptor) bool { return !m.Has(fd) }

// Value returns the claim that v, a value of fd, makes (A80, A81): compact, and
// the same bytes for equal values. 64-bit integers of the field itself, of its
// elements and map values are numbers up to 2^53; within messages they are
// strings.
//
// It returns message_malformed for what ProtoJSON cannot hold whole: text that
// is not UTF-8, an Any of unknown type, a Timestamp out of range, a message with
// fields its type does not know; and limit_exceeded.
func (c *Codec) Value(fd protoreflect.FieldDescriptor, v protoreflect.Value) (strictjson.Value, error) {
	w := writer{messages: c.messages, out: make(strictjson.Value, 0, 32)}
	switch {
	case fd.IsList():
		w.list(fd, v.List())
	case !fd.IsMap():
		w.one(fd, v)
	default:
		members, err := c.RawEntries(fd, v)
		if err != nil {
			return nil, err
		}
		w.object(members)
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.out, nil
}

// Parse puts the claim into into's field, which is empty (EXTRACT, A44). It
// returns claim_mismatch where the claim is not a value of the field's type, or
// where another member of the field's oneof is set and would be lost; into is
// then unchanged.
func (c *Codec) Parse(fd protoreflect.FieldDescriptor, claim strictjson.Value, into protoreflect.Message) error {
	if other := sibling(fd, into); other != nil {
		return fault.New(fault.ClaimMismatch, string(fd.FullName()), "it would replace %s, which is set, of the same oneof", other.Name())
	}
	v, ok := c.parse(fd, claim, into)
	if !ok {
		return misfit(fd, claim)
	}
	into.Set(fd, v)
	return nil
}

func sibling(fd protoreflect.FieldDescriptor, m protoreflect.Message) protoreflect.FieldDescriptor {
	oneof := fd.ContainingOneof()
	if oneof == nil {
		return nil
	}
	if set := m.WhichOneof(oneof); set != nil && set.Number() != fd.Number() {
		return set
	}
	return nil
}

func (c *Codec) parse(fd protoreflect.FieldDescriptor, claim strictjson.Value, into protoreflect.Message) (protoreflect.Value, bool) {
	switch {
	case fd.IsList():
		field := into.NewField(fd)
		return field, c.parseList(fd, claim, field.List())
	case fd.IsMap():
		field := into.NewField(fd)
		return field, c.parseMap(fd, claim, field.Map())
	}
	return c.one(fd, claim, func() protoreflect.Value { return into.NewField(fd) })
}

func (c *Codec) parseList(fd protoreflect.FieldDescriptor, claim strictjson.Value, list protoreflect.List) bool {
	elements, err := strictjson.Elements(claim, message.MaxDepth)
	if err != nil {
		return false
	}
	for e := range elements {
		v, ok := c.one(fd, e, list.NewElement)
		if !ok {
			return false
		}
		list.Append(v)
	}
	return true
}

func (c *Codec) parseMap(fd protoreflect.FieldDescriptor, claim strictjson.Value, entries protoreflect.Map) bool {
	members, err := strictjson.Object(claim, message.MaxDepth)
	if err != nil || !stringKeys(fd) {
		return false
	}
	for _, m := range members {
		v, ok := c.one(fd.MapValue(), m.Value, entries.NewValue)
		if !ok {
			return false
		}
		entries.Set(mapKey(m.Name), v)
	}
	return true
}

// Equal returns nil if the claim, read as fd's type, is v, a value of fd, and
// claim_mismatch if it is another or none (A82).
func (c *Codec) Equal(fd protoreflect.FieldDescriptor, v protoreflect.Value, claim strictjson.Value) error {
	if !c.equal(fd, v, claim) {
		return c.differs(fd, claim)
	}
	return nil
}

func (c *Codec) equal(fd protoreflect.FieldDescriptor, v protoreflect.Value, claim strictjson.Value) bool {
	switch {
	case fd.IsList():
		return c.equalList(fd, v.List(), claim)
	case fd.IsMap():
		return c.equalMap(fd, v.Map(), claim)
	}
	return c.equalOne(fd, v, claim)
}

func (c *Codec) equalList(fd protoreflect.FieldDescriptor, list protoreflect.List, claim strictjson.Value) bool {
	elements, err := strictjson.Elements(claim, message.MaxDepth)
	if err != nil {
		return false
	}
	n := 0
	for e := range elements {
		if n == list.Len() || !c.equalOne(fd, list.Get(n), e) {
			return false
		}
		n++
	}
	return n == list.Len()
}

func (c *Codec) equalMap(fd protoreflect.FieldDescriptor, entries protoreflect.Map, claim strictjson.Value) bool {
	members, err := strictjson.Object(claim, message.MaxDepth)
	if err != nil || !stringKeys(fd) || len(members) != entries.Len() {
		return false
	}
	for _, m := range members {
		v := entries.Get(mapKey(m.Name))
		if !v.IsValid() || !c.equalOne(fd.MapValue(), v, m.Value) {
			return false
		}
	}
	return true
}

func (c *Codec) equalOne(fd protoreflect.FieldDescriptor, v protoreflect.Value, claim strictjson.Value) bool {
	switch {
	case fd.Kind() == protoreflect.StringKind: // the most frequent claim, without a copy of it
		text, ok := content(claim)
		return ok && string(text) == v.String()
	case fd.Message() == nil:
		parsed, ok := scalar(fd, claim)
		return ok && parsed.Equal(v)
	}
	m := v.Message()
	parsed, ok := c.one(fd, claim, func() protoreflect.Value { return protoreflect.ValueOfMessage(m.New()) })
	return ok && (proto.Equal(parsed.Message().Interface(), m.Interface()) || c.equalForm(parsed.Message(), m))
}

// equalForm compares parsed with what m is when it has been JSON once: the
// bytes within an Any depend on who wrote them.
func (c *Codec) equalForm(parsed, m protoreflect.Message) bool {
	text, err := c.messages.Marshal(m)
	if err != nil {
		return false
	}
	again := m.New()
	return c.messages.Unmarshal(text, again) == nil && proto.Equal(parsed.Interface(), again.Interface())
}

// differs says why a field is not its claim, and never what either holds.
func (c *Codec) differs(fd protoreflect.FieldDescriptor, claim strictjson.Value) error {
	scratch := dynamicpb.NewMessage(fd.ContainingMessage())
	if _, fits := c.parse(fd, claim, scratch); fits {
		return fault.New(fault.ClaimMismatch, string(fd.FullName()), "the field is not equal to the claim")
	}
	return misfit(fd, claim)
}

// misfit says that a claim has no value of the field's type.
func misfit(fd protoreflect.FieldDescriptor, claim strictjson.Value) error {
	return fault.New(fault.ClaimMismatch, string(fd.FullName()), "the claim is %s, but the field is %s", jsonKind(claim), policy.TypeName(fd))
}

func jsonKind(claim strictjson.Value) string {
	switch claim.Kind() {
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "a null"
}
