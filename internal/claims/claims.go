// Package claims converts a field's value to a JSON claim and back, and compares the two,
// for every kind of protobuf field (A43, A47, A80–A84).
//
// A claim is parsed as the field's type only (A82). A scalar field accepts one kind of
// JSON: strings for string and bytes (base64 of either alphabet, with or without padding,
// otherwise canonical), true and false for bool, integral numbers for 32-bit integers,
// integral numbers and strings of such for 64-bit integers (1.0 and 1e3 are integral),
// numbers and "NaN", "Infinity" and "-Infinity" for float and double, names and numbers
// for enums. Messages accept what protojson does. null is a value of
// google.protobuf.Value and NullValue only, never an absent claim. Floats are compared by
// value: -0 equals 0, and NaN equals NaN.
//
// The package does not know tokens or annotations: package policy decides which claim
// belongs to which field (A48).
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

// Codec converts and compares. It is immutable, and safe for concurrent use if its
// resolver is.
//
// In its methods, fd is a field of the message that the value comes from or goes to, and
// a claim is a strict JSON value, as strictjson returns it.
type Codec struct {
	messages *message.Codec
}

// New returns a Codec that looks up extensions, and the types in Any messages, in types.
func New(types message.Resolver) *Codec {
	return &Codec{messages: message.New(types, message.Limits{})}
}

// Normalize ensures that all implementations read the same from m (A38); see
// message.Codec.Normalize.
func (c *Codec) Normalize(m protoreflect.Message, s message.Strictness) error {
	return c.messages.Normalize(m, s)
}

// Empty reports whether m's field is empty: not set if it has presence, and otherwise
// zero or without elements (A43).
func Empty(m protoreflect.Message, fd protoreflect.FieldDescriptor) bool { return !m.Has(fd) }

// Value returns the claim for v, a value of fd (A80, A81). It is compact, and the same
// bytes for equal values. 64-bit integers in the field itself, its elements or map values
// are numbers up to 2^53; within messages they are strings.
//
// It returns message_malformed if ProtoJSON cannot represent v completely: text that is
// not UTF-8, an Any of unknown type, a Timestamp out of range, a message with unknown
// fields. It can also return limit_exceeded.
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

// Parse sets into's field, which must be empty, to the claim (EXTRACT, A44). It returns
// claim_mismatch if the claim is not a value of the field's type, or if another member of
// the field's oneof is set and would be lost; into is then unchanged.
func (c *Codec) Parse(fd protoreflect.FieldDescriptor, claim strictjson.Value, into protoreflect.Message) error {
	if other := Sibling(fd, into); other != nil {
		return fault.New(fault.ClaimMismatch, string(fd.FullName()), "would replace %s, which is set in the same oneof", other.Name())
	}
	v, ok := c.parse(fd, claim, into)
	if !ok {
		return typeMismatch(fd, claim)
	}
	into.Set(fd, v)
	return nil
}

// Sibling returns the member of fd's oneof that is set in m and that setting fd would
// drop; nil for none.
func Sibling(fd protoreflect.FieldDescriptor, m protoreflect.Message) protoreflect.FieldDescriptor {
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

// Equal returns nil if the claim, parsed as fd's type, equals v, and claim_mismatch
// otherwise (A82).
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
	case fd.Kind() == protoreflect.StringKind: // the most common kind, without a copy
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

// equalForm compares parsed with m after a conversion to JSON and back: the bytes within
// an Any depend on the encoder.
func (c *Codec) equalForm(parsed, m protoreflect.Message) bool {
	text, err := c.messages.Marshal(m)
	if err != nil {
		return false
	}
	again := m.New()
	return c.messages.Unmarshal(text, again) == nil && proto.Equal(parsed.Interface(), again.Interface())
}

// differs returns the error for a claim that does not equal its field, without either
// value.
func (c *Codec) differs(fd protoreflect.FieldDescriptor, claim strictjson.Value) error {
	scratch := dynamicpb.NewMessage(fd.ContainingMessage())
	if _, fits := c.parse(fd, claim, scratch); fits {
		return fault.New(fault.ClaimMismatch, string(fd.FullName()), "the field does not equal the claim")
	}
	return typeMismatch(fd, claim)
}

// typeMismatch returns the error for a claim that is not a value of the field's type.
func typeMismatch(fd protoreflect.FieldDescriptor, claim strictjson.Value) error {
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
	return "null"
}
