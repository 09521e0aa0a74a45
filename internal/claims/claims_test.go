package claims

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/jwtctl/jwtctl/internal/fault"
)

func TestA43_EmptyFields(t *testing.T) {
	s := newSchema(t)
	tests := map[string]struct {
		field protoreflect.FullName
		value string
		want  bool
	}{
		"zero bool":             {"p3.All.bool", `false`, true},
		"true":                  {"p3.All.bool", `true`, false},
		"zero string":           {"p3.All.string", `""`, true},
		"zero int":              {"p3.All.int64", `0`, true},
		"zero enum":             {"p3.All.level", `0`, true},
		"no elements":           {"p3.All.strings", `[]`, true},
		"an empty element":      {"p3.All.strings", `[""]`, false},
		"no entries":            {"p3.All.m_string", `{}`, true},
		"optional false":        {"p3.All.o_bool", `false`, false},
		"oneof zero":            {"p3.All.one_int64", `0`, false},
		"message without field": {"p3.All.child", `{}`, false},
		"message null":          {"p3.All.child", `null`, true},
		"proto2 false":          {"p2.All.bool", `false`, false},
		"proto2 not set":        {"p2.All.bool", `null`, true},
		"edition explicit":      {"e23.All.string", `""`, false},
		"edition implicit":      {"e23.All.implicit", `""`, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, fd := s.value(t, tt.field, tt.value)
			if got := Empty(m, fd); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

// TestA81_WideIntegers: numbers up to 2^53 and strings beyond, on both sides of each
// limit. A81.
func TestA81_WideIntegers(t *testing.T) {
	s := newSchema(t)
	tests := map[string]struct {
		field protoreflect.FullName
		value string
		want  string
	}{
		"largest number":           {"p3.All.int64", `9007199254740992`, `9007199254740992`},
		"smallest string":          {"p3.All.int64", `"9007199254740993"`, `"9007199254740993"`},
		"smallest number":          {"p3.All.sint64", `-9007199254740992`, `-9007199254740992`},
		"largest negative string":  {"p3.All.sfixed64", `"-9007199254740993"`, `"-9007199254740993"`},
		"smallest":                 {"p3.All.int64", `"-9223372036854775808"`, `"-9223372036854775808"`},
		"largest unsigned number":  {"p3.All.uint64", `9007199254740992`, `9007199254740992`},
		"smallest unsigned string": {"p3.All.fixed64", `"9007199254740993"`, `"9007199254740993"`},
		"map value":                {"p3.All.m_uint64", `{"a":1}`, `{"a":1}`},
		"in a message":             {"p3.All.childs", `[{"big":1}]`, `[{"big":"1"}]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, fd := s.value(t, tt.field, tt.value)
			if got, err := s.codec.Value(fd, m.Get(fd)); err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestA82_FloatsByValue(t *testing.T) {
	s := newSchema(t)
	_, fd := s.field(t, "p3.All.double")
	tests := map[string]struct {
		value float64
		same  []string
		other []string
	}{
		"nan":           {math.NaN(), []string{`"NaN"`}, []string{`"nan"`, `0`, `null`}},
		"infinity":      {math.Inf(1), []string{`"Infinity"`}, []string{`"-Infinity"`, `1e999`, `"inf"`}},
		"-infinity":     {math.Inf(-1), []string{`"-Infinity"`}, []string{`"Infinity"`, `-1e999`}},
		"negative zero": {math.Copysign(0, -1), []string{`-0`, `0`, `0e5`}, []string{`1e-5`}},
		"one third":     {1.0 / 3, []string{`0.3333333333333333`, `0.33333333333333331`}, []string{`0.3333`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, text := range tt.same {
				if err := s.codec.Equal(fd, protoreflect.ValueOfFloat64(tt.value), claim(text)); err != nil {
					t.Errorf("%s: %v", text, err)
				}
			}
			for _, text := range tt.other {
				if s.codec.Equal(fd, protoreflect.ValueOfFloat64(tt.value), claim(text)) == nil {
					t.Errorf("%s is equal", text)
				}
			}
		})
	}
}

// TestA44_OneofKeepsWhatIsSet: setting one member of a oneof would drop another one that
// was checked. A44.
func TestA44_OneofKeepsWhatIsSet(t *testing.T) {
	s := newSchema(t)
	m, _ := s.value(t, "p3.All.one_string", `"a"`)
	before := proto.Clone(m.Interface()).ProtoReflect()
	fd := m.Descriptor().Fields().ByName("one_int64")
	err := s.codec.Parse(fd, claim(`5`), m)
	if !fault.Has(err, fault.ClaimMismatch) || !strings.Contains(err.Error(), "one_string") {
		t.Errorf("got %v, want %q in it", err, "one_string")
	}
	wantEqual(t, m, before)
	if err := s.codec.Parse(m.Descriptor().Fields().ByName("one_string"), claim(`"b"`), m); err != nil {
		t.Error(err)
	}
}

// TestA44_RefusedLeavesNothing: after a refused claim, no element of the list is left.
func TestA44_RefusedLeavesNothing(t *testing.T) {
	s := newSchema(t)
	for name, text := range map[protoreflect.FullName]string{
		"p3.All.strings": `["a",1]`, "p3.All.childs": `[{"name":"a"},{"name":1}]`, "p3.All.m_int32": `{"a":1,"b":"x"}`,
		"p3.All.child": `{"name":"a","big":"x"}`, "p3.All.m_child": `{"a":{},"b":1}`, "p2.All.part": `{"data":"AA=="}`,
	} {
		m, fd := s.field(t, name)
		if err := s.codec.Parse(fd, claim(text), m); !fault.Has(err, fault.ClaimMismatch) {
			t.Errorf("%s: %v", name, err)
		}
		if empty, _ := s.field(t, name); !proto.Equal(m.Interface(), empty.Interface()) {
			t.Errorf("%s: left %v", name, m)
		}
	}
}

// TestS69_MismatchHidesValues: the error describes both types, and shows neither value
// (S69).
func TestS69_MismatchHidesValues(t *testing.T) {
	s := newSchema(t)
	m, fd := s.value(t, "p3.All.m_int64", `{"secret-key":1}`)
	err := s.codec.Equal(fd, m.Get(fd), claim(`"secret-claim"`))
	const want = "p3.All.m_int64: the claim is a string, but the field is map<string, int64>"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	into, _ := s.field(t, "p3.All.m_int64")
	if err := s.codec.Parse(fd, claim(`{"a":true}`), into); err == nil || !strings.Contains(err.Error(), "the claim is an object, but the field is") {
		t.Errorf("a value is shown: %v", err)
	}
}

// TestA80_NoClaimWithoutAllOfIt: a value that ProtoJSON cannot represent completely has no
// claim: the token would vouch for something that it omits.
func TestA80_NoClaimWithoutAllOfIt(t *testing.T) {
	s := newSchema(t)
	child := func(change func(m protoreflect.Message)) protoreflect.Value {
		m, fd := s.value(t, "p3.All.child", `{"name":"a"}`)
		change(m.Get(fd).Message())
		return m.Get(fd)
	}
	unknown := func(m protoreflect.Message) { m.SetUnknown(protoreflect.RawFields{0xf8, 0x07, 0x01}) }
	set := func(field, value any) func(m protoreflect.Message) {
		return func(m protoreflect.Message) {
			m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(field.(string))), protoreflect.ValueOf(value))
		}
	}
	anyOf := func(url string, value []byte) protoreflect.Value {
		m, fd := s.value(t, "p3.All.any", `{}`)
		inner := m.Mutable(fd).Message()
		set("type_url", url)(inner)
		set("value", value)(inner)
		return protoreflect.ValueOfMessage(inner)
	}
	tests := map[string]struct {
		field protoreflect.FullName
		value protoreflect.Value
	}{
		"unknown field":       {"p3.All.child", child(unknown)},
		"unknown in an any":   {"p3.All.any", anyOf("x/p3.Child", []byte{0xf8, 0x07, 0x01})},
		"any without a type":  {"p3.All.any", anyOf("x/p3.Nobody", nil)},
		"any without bytes":   {"p3.All.any", anyOf("x/p3.Child", []byte{0xff})},
		"any without a url":   {"p3.All.any", anyOf("", []byte{1})},
		"string not utf-8":    {"p3.All.string", protoreflect.ValueOfString("\xff")},
		"string in a list":    {"e23.All.loose", protoreflect.ValueOfString("\xff")},
		"string in a message": {"p3.All.child", child(set("name", "\xff"))},
		"generated and wide":  {"p3.All.value", protoreflect.ValueOfMessage(structpb.NewNumberValue(math.NaN()).ProtoReflect())},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, fd := s.field(t, tt.field)
			if got, err := s.codec.Value(fd, tt.value); !fault.Has(err, fault.MessageMalformed) {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

// TestA82_AnyByContent: the content of an Any is compared, however it was encoded: here
// with fields and map entries in another order. A82.
func TestA82_AnyByContent(t *testing.T) {
	s := newSchema(t)
	m, fd := s.value(t, "p3.All.any", `{}`)
	inner := m.Mutable(fd).Message()
	inner.Set(inner.Descriptor().Fields().ByName("type_url"), protoreflect.ValueOfString("x/p3.Child"))
	inner.Set(inner.Descriptor().Fields().ByName("value"), protoreflect.ValueOfBytes([]byte{0x10, 0x05, 0x0a, 0x01, 'a'}))
	if err := s.codec.Equal(fd, m.Get(fd), claim(`{"@type":"x/p3.Child","name":"a","big":5}`)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{`{"@type":"x/p3.Child","name":"b","big":5}`, `{"@type":"x/p3.Child","name":"a"}`, `{"@type":"y/p3.Child","name":"a","big":5}`} {
		if s.codec.Equal(fd, m.Get(fd), claim(text)) == nil {
			t.Errorf("%s is equal", text)
		}
	}
}

// TestGeneratedMessages: generated messages work like dynamic ones.
func TestGeneratedMessages(t *testing.T) {
	s := newSchema(t)
	m := (&anypb.Any{}).ProtoReflect()
	fd := m.Descriptor().Fields().ByName("value")
	if err := s.codec.Parse(fd, claim(`"AQID"`), m); err != nil {
		t.Fatal(err)
	}
	if err := s.codec.Equal(fd, m.Get(fd), claim(`"AQID"`)); err != nil {
		t.Error(err)
	}
	list := (&structpb.ListValue{}).ProtoReflect()
	values := list.Descriptor().Fields().ByName("values")
	if err := s.codec.Parse(values, claim(`[1,{"a":null}]`), list); err != nil {
		t.Fatal(err)
	}
	if got, err := s.codec.Value(values, list.Get(values)); err != nil || string(got) != `[1,{"a":null}]` {
		t.Errorf("got %s, %v, want %s", got, err, `[1,{"a":null}]`)
	}
}
