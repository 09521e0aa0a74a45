// Package message reads and writes whole messages as strict ProtoJSON: the
// text is JSON that no two readers can take for different messages (strictjson's
// rules), the field names are known, and its size, depth and the nesting of
// google.protobuf.Any are bounded before protojson sees it (S49, S50).
//
// It knows nothing of tokens, claims and annotations, and opens no file. It
// imports fault, keys (for the text of errors), strictjson and its JSON library.
package message

import (
	"bytes"
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

// The limits of a message that no one set others for (A102). What is in an Any
// is read once for each Any around it, so that nesting has a bound of its own.
const (
	MaxBytes    = 4 << 20
	MaxDepth    = 100
	MaxAnyDepth = 5
)

// usualBytes is room for most messages with a token, so that the encoder need not
// find it bit by bit.
const usualBytes = 512

// Limits bound a message. A zero stands for the constant of that name.
type Limits struct {
	Bytes    int // of the JSON text
	Depth    int // how many objects and arrays may nest in each other
	AnyDepth int // how many objects with "@type" may nest in each other
}

// Resolver finds the types of what is in an Any, and extensions by name.
// descset.Set.Types() is one.
type Resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// Codec reads and writes messages. It is safe for concurrent use where its
// Resolver is.
type Codec struct {
	types  Resolver
	limits Limits
	shapes sync.Map // MessageDescriptor → *shape
}

// New returns a Codec that knows types, within limits.
func New(types Resolver, limits Limits) *Codec {
	orDefault := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	orDefault(&limits.Bytes, MaxBytes)
	orDefault(&limits.Depth, MaxDepth)
	orDefault(&limits.AnyDepth, MaxAnyDepth)
	return &Codec{types: types, limits: limits}
}

// Read returns the one message in data, which is of type desc. A member "@type"
// of the message itself must name desc, and is not a field; the well-known types
// that have a JSON form of their own have no such member.
//
// It returns message_malformed (A41, S49) with line and column, or
// limit_exceeded (S50).
func (c *Codec) Read(data []byte, desc protoreflect.MessageDescriptor) (*dynamicpb.Message, error) {
	if err := c.scan(data); err != nil {
		return nil, err
	}
	if !hasOwnForm(desc) {
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

// Unmarshal reads value, which is one message and nothing else, into m.
// The errors are those of Read; m is of no use after one.
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
	// To discard unknown fields would be to check less than what was sent.
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

// Form is how Write lays out a message; the zero Form is compact.
type Form struct {
	ProtoNames bool // my_token rather than myToken
	Indent     bool // by two spaces
}

// Write returns m as canonical ProtoJSON and a line feed: the same bytes for
// equal messages. Nothing of m is left out: what has no place in ProtoJSON is
// message_malformed, and what Read would not take again for its nesting is
// limit_exceeded.
func (c *Codec) Write(m protoreflect.Message, form Form) ([]byte, error) {
	text, err := c.encode(m, form.ProtoNames)
	if err != nil {
		return nil, err
	}
	if form.Indent {
		if err := text.Indent(jsontext.WithIndent("  ")); err != nil {
			return nil, malformed("it does not make valid JSON")
		}
	}
	return append(text, '\n'), nil
}

// Marshal is Write's compact form without the line feed.
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
	out, err := protojson.MarshalOptions{Resolver: c.types, UseProtoNames: protoNames, AllowPartial: !c.shapeOf(m.Descriptor()).requires}.MarshalAppend(make([]byte, 0, usualBytes), m.Interface())
	if err != nil {
		return nil, malformed("%s", reason(err))
	}
	// protojson varies its white space on purpose. Two fields can have one JSON
	// name, and maps and lists nest deeper than messages do: nothing goes out that
	// would not come in.
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

// complete says what of m ProtoJSON would leave out, or could not read without
// end: fields of no known number, and Any in Any. A message that came in as
// protobuf can hold both.
func (c *Codec) complete(m protoreflect.Message, anys int) *fault.Error {
	if len(m.GetUnknown()) > 0 {
		return malformed("a %s in it has a field that the type does not know", m.Descriptor().FullName())
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

// unpack returns what is in an Any, nil for the empty one.
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
	// Partial, as in protojson. A level of JSON is up to three of protobuf: a Value,
	// the Struct in it, and an entry of its map.
	options := proto.UnmarshalOptions{AllowPartial: true, Resolver: c.types, RecursionLimit: 3 * c.limits.Depth}
	return inner, c.decode(options, value, inner)
}

// Decode reads protobuf's binary form into m; m is of no use after an error,
// which is message_malformed, also where messages nest deeper than Limits.Depth:
// to encode such a one costs its size times its depth. proto.Unmarshal must not be used on a dynamic
// message that comes from outside: see decode. Two readers may still take different
// messages from wire until Settle has seen m.
func (c *Codec) Decode(wire []byte, m protoreflect.Message) error {
	options := proto.UnmarshalOptions{Resolver: c.types, RecursionLimit: c.limits.Depth, AllowPartial: !c.shapeOf(m.Descriptor()).requires}
	if err := c.decode(options, wire, m); err != nil {
		return err
	}
	return nil
}

// decode refuses entries of maps whose key or value has another wire type, of
// which nothing is left once they are decoded (A38). It is between a sender and a
// panic of protobuf-go 1.36.12, whose reader of dynamic messages trusts the key of
// a map entry that has a second one of another wire type (FuzzF8_Wire found it).
func (c *Codec) decode(options proto.UnmarshalOptions, wire []byte, m protoreflect.Message) (bad *fault.Error) {
	defer func() {
		if recover() != nil {
			bad = malformed("it is not valid protobuf of %s", m.Descriptor().FullName())
		}
	}()
	if bad := c.entries(wire, m.Descriptor(), 0); bad != nil {
		return bad
	}
	if err := options.Unmarshal(wire, m.Interface()); err != nil {
		return malformed("it is not valid protobuf of %s", m.Descriptor().FullName())
	}
	return nil
}

// isBOM tells the byte order mark, whose fault a general one would hide.
func isBOM(data []byte) bool { return bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) }
