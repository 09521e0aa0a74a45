package claims

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// maker draws values of fields, using few different scalars so that values are often
// equal.
type maker struct {
	t     *rapid.T
	types message.Resolver
}

// field draws a non-empty value of fd.
func (k maker) field(m protoreflect.Message, fd protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	v := m.NewField(fd)
	switch {
	case fd.IsList():
		for range rapid.IntRange(1, 3).Draw(k.t, "length") {
			v.List().Append(k.one(fd, v.List().NewElement, depth))
		}
		return v
	case fd.IsMap():
		for range rapid.IntRange(1, 3).Draw(k.t, "length") {
			key := rapid.SampledFrom([]string{"", "a", "b", "é\"\\", "\x00"}).Draw(k.t, "key")
			v.Map().Set(mapKey(key), k.one(fd.MapValue(), v.Map().NewValue, depth))
		}
		return v
	}
	return k.one(fd, func() protoreflect.Value { return m.NewField(fd) }, depth)
}

func (k maker) one(fd protoreflect.FieldDescriptor, fresh func() protoreflect.Value, depth int) protoreflect.Value {
	if fd.Message() == nil {
		return k.scalar(fd)
	}
	v := fresh()
	k.fill(v.Message(), depth-1)
	return v
}

func (k maker) scalar(fd protoreflect.FieldDescriptor) protoreflect.Value {
	integers := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, 1 << 53, 1<<53 + 1, -1 << 53, -1<<53 - 1, math.MaxInt64, math.MinInt64}))
	floats := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 0.1, math.NaN(), math.Inf(1), math.Inf(-1), 1e21, 1e-7}))
	texts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a", "1", "true", "NaN", "é\U0001f600", "\"\\\n\x00\u2028"}))
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(k.t, "bool"))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(texts.Draw(k.t, "string"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(k.t, "bytes"))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(integers.Draw(k.t, "int32")))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(integers.Draw(k.t, "uint32")))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(integers.Draw(k.t, "int64"))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(integers.Draw(k.t, "uint64")))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(floats.Draw(k.t, "float")))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(floats.Draw(k.t, "double"))
	}
	values := fd.Enum().Values()
	n := values.Get(rapid.IntRange(0, values.Len()-1).Draw(k.t, "enum")).Number()
	if !fd.Enum().IsClosed() && !isNullValue(fd.Enum()) && rapid.IntRange(0, 3).Draw(k.t, "unknown") == 0 {
		n = 77
	}
	return protoreflect.ValueOfEnum(n)
}

// fill draws the content of m, within the ranges that ProtoJSON permits.
func (k maker) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	set := func(name string, v any) { m.Set(fields.ByName(protoreflect.Name(name)), protoreflect.ValueOf(v)) }
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		set("seconds", rapid.Int64Range(-62135596800, 253402300799).Draw(k.t, "seconds"))
		set("nanos", rapid.Int32Range(0, 999999999).Draw(k.t, "nanos"))
		return
	case "google.protobuf.Duration":
		set("seconds", rapid.Int64Range(0, 315576000000).Draw(k.t, "seconds"))
		set("nanos", rapid.Int32Range(0, 999999999).Draw(k.t, "nanos"))
		return
	case "google.protobuf.FieldMask":
		paths := m.Mutable(fields.ByName("paths")).List()
		for _, p := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "foo_bar.b", "c1"}), 0, 3).Draw(k.t, "paths") {
			paths.Append(protoreflect.ValueOfString(p))
		}
		return
	case "google.protobuf.Value":
		k.value(m, depth)
		return
	case "google.protobuf.Any":
		k.any(m, depth)
		return
	}
	for i := range fields.Len() {
		fd := fields.Get(i)
		needed := fd.Cardinality() == protoreflect.Required
		if needed || depth > 0 && rapid.IntRange(0, 2).Draw(k.t, string(fd.Name())) > 0 {
			m.Set(fd, k.field(m, fd, depth))
		}
	}
}

func (k maker) value(m protoreflect.Message, depth int) {
	kinds := m.Descriptor().Oneofs().Get(0).Fields()
	last := kinds.Len() - 1
	if depth < 0 {
		last = 3 // neither struct nor list
	}
	fd := kinds.Get(rapid.IntRange(0, last).Draw(k.t, "kind"))
	v := k.field(m, fd, depth)
	if fd.Kind() == protoreflect.DoubleKind && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
		v = protoreflect.ValueOfFloat64(1)
	}
	m.Set(fd, v)
}

func (k maker) any(m protoreflect.Message, depth int) {
	names := []string{"", "p3.Child", "google.protobuf.Value", "google.protobuf.Any", "p2.Open"}
	name := rapid.SampledFrom(names).Draw(k.t, "type")
	if name == "" || depth < 0 {
		return
	}
	found, err := k.types.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		k.t.Fatal(err)
	}
	inner := found.New()
	k.fill(inner, depth-1)
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(inner.Interface())
	if err != nil {
		k.t.Fatal(err)
	}
	m.Set(m.Descriptor().Fields().ByName("type_url"), protoreflect.ValueOfString("x.y/"+name))
	m.Set(m.Descriptor().Fields().ByName("value"), protoreflect.ValueOfBytes(raw))
}

// fields returns every field of the schema that can be a claim.
func (s schema) fields() []protoreflect.FieldDescriptor {
	var list []protoreflect.FieldDescriptor
	for _, name := range []string{"p3.All", "p2.All", "e23.All"} {
		fields := s.set.Message(name).Fields()
		for i := range fields.Len() {
			if fd := fields.Get(i); !fd.IsMap() || stringKeys(fd) {
				list = append(list, fd)
			}
		}
	}
	return list
}

// TestA80_RoundTrip: the claim of any value of any field is strict JSON, equals the
// value, and parses back to it; the claim of another value equals it only if the values
// are equal.
func TestA80_RoundTrip(t *testing.T) {
	s := newSchema(t)
	for _, fd := range s.fields() {
		t.Run(string(fd.FullName()), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { s.roundTrip(t, fd) })
		})
	}
}

func (s schema) roundTrip(t *rapid.T, fd protoreflect.FieldDescriptor) {
	k := maker{t, s.set.Types()}
	m := dynamicpb.NewMessage(fd.ContainingMessage())
	v := k.field(m, fd, 2)
	text, err := s.codec.Value(fd, v)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	if _, err := strictjson.Array(claim("["+string(text)+"]"), message.MaxDepth); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := s.codec.Equal(fd, v, text); err != nil {
		t.Fatalf("%s of %v: %v", text, v, err)
	}
	into := dynamicpb.NewMessage(fd.ContainingMessage())
	if err := s.codec.Parse(fd, text, into); err != nil {
		t.Fatalf("%s of %v: %v", text, v, err)
	}
	if !into.Get(fd).Equal(v) {
		t.Fatalf("%s: got %v, want %v", text, into.Get(fd), v)
	}
	if again, err := s.codec.Value(fd, into.Get(fd)); err != nil || string(again) != string(text) {
		t.Fatalf("%s, then %s, %v, want %s", text, again, err, string(text))
	}
	other := k.field(m, fd, 2)
	theirs, err := s.codec.Value(fd, other)
	if err != nil {
		t.Fatal(err)
	}
	if equal := s.codec.Equal(fd, v, theirs) == nil; equal != v.Equal(other) {
		t.Fatalf("%s and %s: %t", text, theirs, equal)
	}
}

// TestS48_NoPanic: no claim causes a panic, and an accepted claim equals the value that
// it was parsed as.
func TestS48_NoPanic(t *testing.T) {
	s := newSchema(t)
	all := s.fields()
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[\[{"]?(null|true|-?[0-9.eE]{0,4}|"[a-zA-Z0-9:@{\[,]{0,5}"?)[\]}"]?`))
	rapid.Check(t, func(t *rapid.T) {
		fd := rapid.SampledFrom(all).Draw(t, "field")
		text := claim(texts.Draw(t, "claim"))
		m := dynamicpb.NewMessage(fd.ContainingMessage())
		_ = s.codec.Equal(fd, m.Get(fd), text)
		if s.codec.Parse(fd, text, m) == nil && text.IsValid() {
			if err := s.codec.Equal(fd, m.Get(fd), text); err != nil {
				t.Fatalf("%s: %s: %v", fd.FullName(), text, err)
			}
		}
		if fd.IsMap() {
			if err := s.codec.RawFill(fd, []strictjson.Member{{Name: "a", Value: text}}, m); err != nil {
				t.Fatal(err)
			}
		}
		Same(text, claim(texts.Draw(t, "other")))
	})
}
