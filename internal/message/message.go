// Package message reads and writes messages as strict ProtoJSON: different readers cannot
// take the text for different messages (strictjson's rules), field names are known, and
// its size, depth and the nesting of google.protobuf.Any are limited before protojson
// parses it (S49, S50).
//
// It does not know tokens, claims or annotations, and opens no files.
package message

import (
	"bytes"
	"cmp"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// The default limits (A102). The content of an Any is read once for each Any around it,
// so that nesting has its own limit.
const (
	MaxBytes    = 4 << 20
	MaxDepth    = 100
	MaxAnyDepth = 5
)

// typicalBytes is enough for most messages with a token, so that the encoder need not grow
// its buffer.
const typicalBytes = 512

// Limits limit a message. Zero means the default of that name.
type Limits struct {
	Bytes    int // of the JSON text
	Depth    int // how deep objects and arrays may nest
	AnyDepth int // how deep objects with "@type" may nest
}

// Resolver finds the types of Any messages, and extensions by name. descset.Set.Types()
// returns one.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// Codec reads and writes messages. It is safe for concurrent use if its Resolver is.
type Codec struct {
	types  Resolver
	limits Limits
	shapes sync.Map // MessageDescriptor → *shape
}

// New returns a Codec with limits that looks up types in types.
func New(types Resolver, limits Limits) *Codec {
	limits = Limits{cmp.Or(limits.Bytes, MaxBytes), cmp.Or(limits.Depth, MaxDepth), cmp.Or(limits.AnyDepth, MaxAnyDepth)}
	return &Codec{types: types, limits: limits}
}

// Read parses data as a single message of type desc. A member "@type" of the message
// itself must name desc, and is not a field; well-known types with their own JSON form
// have no such member.
//
// It returns message_malformed (A41, S49) with line and column, or limit_exceeded (S50).
func (c *Codec) Read(data []byte, desc protoreflect.MessageDescriptor) (*dynamicpb.Message, error) {
	if err := c.scan(data); err != nil {
		return nil, err
	}
	if !hasSpecialJSON(desc) {
		fields, err := withoutType(data, desc.FullName())
		if err != nil {
			return nil, err
		}
		data = fields
	}
	m := dynamicpb.NewMessage(desc)
	if err := c.fill(m, data); err != nil {
		return nil, err
	}
	return m, nil
}

// Unmarshal parses value, which must be a single message, into m. Errors are those of
// Read; m must not be used after an error.
func (c *Codec) Unmarshal(value strictjson.Value, m protoreflect.Message) error {
	if err := c.scan(value); err != nil {
		return err
	}
	if err := c.fill(m, value); err != nil {
		return err
	}
	return nil
}

func (c *Codec) fill(m protoreflect.Message, data []byte) *fault.Error {
	// Discarding unknown fields would check less than what was sent.
	of := c.shapeOf(m.Descriptor())
	err := protojson.UnmarshalOptions{Resolver: c.types, AllowPartial: !of.requires}.Unmarshal(data, m.Interface())
	switch {
	case err != nil:
		return malformed("%s", reason(err))
	case of.times:
		return c.checkTimes(m, data)
	}
	return nil
}

// Form is how Write formats a message; the zero Form is compact.
type Form struct {
	ProtoNames bool // my_token rather than myToken
	Indent     bool // with two spaces
}

// Write returns m as canonical ProtoJSON with a newline; equal messages give the same
// bytes. Nothing is omitted: content that ProtoJSON cannot represent is
// message_malformed, and nesting that Read would refuse is limit_exceeded.
func (c *Codec) Write(m protoreflect.Message, form Form) ([]byte, error) {
	text, err := c.encode(m, form.ProtoNames)
	if err != nil {
		return nil, err
	}
	if form.Indent {
		if err := text.Indent(jsontext.WithIndent("  ")); err != nil {
			return nil, malformed("cannot be written as valid JSON")
		}
	}
	return append(text, '\n'), nil
}

// Marshal is like Write in its compact form, without the newline.
func (c *Codec) Marshal(m protoreflect.Message) (strictjson.Value, error) {
	text, err := c.encode(m, false)
	if err != nil {
		return nil, err
	}
	return text, nil
}

func (c *Codec) encode(m protoreflect.Message, protoNames bool) (jsontext.Value, *fault.Error) {
	if err := c.complete(m, 0); err != nil {
		return nil, err
	}
	out, err := protojson.MarshalOptions{Resolver: c.types, UseProtoNames: protoNames, AllowPartial: !c.shapeOf(m.Descriptor()).requires}.MarshalAppend(make([]byte, 0, typicalBytes), m.Interface())
	if err != nil {
		return nil, malformed("%s", reason(err))
	}
	// protojson varies its white space on purpose. Two fields can have the same JSON
	// name, and maps and lists nest deeper than messages do: write nothing that Read
	// would refuse.
	text := jsontext.Value(out)
	if err := text.Format(jsontext.PreserveRawStrings(true)); err != nil {
		return nil, syntax(out, err)
	}
	if c.flat(text) {
		return text, nil
	}
	if err := c.walk(text); err != nil {
		return nil, err
	}
	return text, nil
}

// complete returns a fault if ProtoJSON would omit part of m, or could not read it within
// limits: unknown fields, and nested Any. A message that was decoded from protobuf can
// have both.
func (c *Codec) complete(m protoreflect.Message, anys int) *fault.Error {
	if len(m.GetUnknown()) > 0 {
		return malformed("a %s in it has a field that the type does not declare", m.Descriptor().FullName())
	}
	if m.Descriptor().FullName() == anyName {
		if anys == c.limits.AnyDepth {
			return c.tooManyAnys()
		}
		inner, err := c.unpack(m)
		if inner == nil || err != nil {
			return err
		}
		return c.complete(inner, anys+1)
	}
	var bad *fault.Error
	below := func(v protoreflect.Value) bool {
		bad = c.complete(v.Message(), anys)
		return bad == nil
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			if fd.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { return below(v) })
			}
		case fd.Message() == nil:
		case fd.IsList():
			for i := 0; i < v.List().Len() && below(v.List().Get(i)); i++ {
			}
		default:
			below(v)
		}
		return bad == nil
	})
	return bad
}

// unpack returns the message in an Any, or nil for an empty one.
func (c *Codec) unpack(m protoreflect.Message) (protoreflect.Message, *fault.Error) {
	fields := m.Descriptor().Fields()
	url := m.Get(fields.ByName("type_url")).String()
	value := m.Get(fields.ByName("value")).Bytes()
	if url == "" && len(value) == 0 {
		return nil, nil
	}
	found, err := c.types.FindMessageByURL(url)
	if err != nil {
		return nil, unknownType(url)
	}
	inner := found.New()
	// Partial, as in protojson. A level of JSON is up to three levels of protobuf: a
	// Value, its Struct, and an entry of its map.
	options := proto.UnmarshalOptions{AllowPartial: true, Resolver: c.types, RecursionLimit: 3 * c.limits.Depth}
	return inner, c.decode(options, value, inner)
}

// Decode decodes protobuf into m. An error is message_malformed, also if messages nest
// deeper than Limits.Depth: encoding such a message costs its size times its depth. m
// must not be used after an error. Do not use proto.Unmarshal for a dynamic message from
// outside: see decode. Until Normalize has checked m, different implementations may read
// different messages from wire.
func (c *Codec) Decode(wire []byte, m protoreflect.Message) error {
	options := proto.UnmarshalOptions{Resolver: c.types, RecursionLimit: c.limits.Depth, AllowPartial: !c.shapeOf(m.Descriptor()).requires}
	if err := c.decode(options, wire, m); err != nil {
		return err
	}
	return nil
}

// decode refuses map entries whose key or value has another wire type, which leaves no
// trace after decoding (A38). It also prevents a panic in protobuf-go 1.36.12, whose
// decoder of dynamic messages fails if a map entry has a second key of another wire type
// (found by FuzzF8_Wire).
func (c *Codec) decode(options proto.UnmarshalOptions, wire []byte, m protoreflect.Message) (bad *fault.Error) {
	defer func() {
		if recover() != nil {
			bad = malformed("not a valid protobuf encoding of %s", m.Descriptor().FullName())
		}
	}()
	if bad := c.entries(wire, m.Descriptor(), 0); bad != nil {
		return bad
	}
	if err := options.Unmarshal(wire, m.Interface()); err != nil {
		return malformed("not a valid protobuf encoding of %s", m.Descriptor().FullName())
	}
	return nil
}

// isBOM reports whether data starts with a byte order mark, which gets a specific error.
func isBOM(data []byte) bool { return bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) }
