package verify_test

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"
)

// schema makes .proto text of random annotations. Names of fields are unique,
// but for claims of nested tokens, which may have the name of a parent's.
type schema struct {
	t    *rapid.T
	text strings.Builder
	n    int
}

// randomSchema returns .proto text whose root message is M.
func randomSchema(t *rapid.T) string {
	s := &schema{t: t}
	s.text.WriteString("enum Color { NONE = 0; RED = 1; BLUE = 2; }\nmessage Plain { string s = 1; repeated int64 ns = 2; }\n")
	s.message("M", 3, s.maybe("own token", 4), nil)
	return s.text.String()
}

// maybe is true n times out of five.
func (s *schema) maybe(what string, n int) bool { return rapid.IntRange(1, 5).Draw(s.t, what) <= n }

func (s *schema) next() int { s.n++; return s.n }

// message writes a message with claims and, if it has a token of its own or
// must nest some, tokens. inherit has the claim names of the parent.
func (s *schema) message(name string, depth int, token bool, inherit []string) {
	var body strings.Builder
	recursive := token && s.maybe("recursive", 1)
	if token {
		options := "token: true"
		for option, text := range map[int]string{1: `expires_seconds: -1`, 2: `issuer: "me" issuer: "you"`, 3: `static_claim: {claim: "role" value: "admin"}`, 4: `include_bearer_token_claim: "sub"`, 5: `static_claim: {claim: "team" value: "a"} static_claim: {claim: "team" value: "b"}`} {
			if s.maybe(fmt.Sprint("option ", option), 1) {
				options += " " + text
			}
		}
		// A message of one type around another hands down claims that EXTRACT
		// fields would be filled from, and those can stand in a oneof.
		if inherit != nil && !recursive && s.maybe("parent claims", 3) {
			options += " include_parent_claims: true"
		}
		kind := rapid.SampledFrom([]string{"string", "bytes", "optional string"}).Draw(s.t, "token kind")
		fmt.Fprintf(&body, "  %s tok = 1000 [(kalix.field).jwt = {%s}];\n", kind, options)
	}
	names := s.claims(&body, depth, token, inherit)
	if depth > 0 && (!token || s.maybe("nested tokens", 3)) {
		for range rapid.IntRange(1, 2).Draw(s.t, "nested") {
			n := s.next()
			child := fmt.Sprintf("T%d", n)
			fmt.Fprintf(&body, "  %s\n", s.label(n, child, "token: true", true))
			s.message(child, depth-1, depth == 1 || s.maybe("own token", 4), names)
		}
	}
	if recursive {
		fmt.Fprintf(&body, "  repeated %s f%d = %d [(kalix.field).jwt = {token: true}];\n", name, s.next(), s.n)
	}
	fmt.Fprintf(&s.text, "message %s {\n%s}\n", name, body.String())
}

// claims writes fields that are or make claims, and returns the names of those
// in this message itself. Without a token RAW fields lose what is in them, which
// is for another test.
func (s *schema) claims(body *strings.Builder, depth int, token bool, inherit []string) []string {
	names := []string{}
	for range rapid.IntRange(1, 5).Draw(s.t, "fields") {
		n := s.next()
		switch action := rapid.SampledFrom([]string{"", "INCLUDE", "INCLUDE", "EXTRACT", "DESCEND", "NEST", "RAW"}).Draw(s.t, "action"); {
		case action == "RAW" && token:
			fmt.Fprintf(body, "  map<string,%s> f%d = %d [(kalix.field).jwt = {claim: RAW}];\n", rapid.SampledFrom([]string{"string", "bool", "int32", "Plain"}).Draw(s.t, "raw"), n, n)
		case (action == "DESCEND" || action == "NEST") && depth > 0:
			child := fmt.Sprintf("C%d", n)
			fmt.Fprintf(body, "  %s\n", s.label(n, child, "claim: "+action, action == "NEST"))
			var inner strings.Builder
			s.claims(&inner, depth-1, token, nil)
			fmt.Fprintf(&s.text, "message %s {\n%s}\n", child, inner.String())
			if action == "NEST" {
				names = append(names, fmt.Sprintf("f%d", n))
			}
		case action == "INCLUDE" || action == "EXTRACT":
			option, name := "claim: "+action, fmt.Sprintf("f%d", n)
			if len(inherit) > 0 && action == "INCLUDE" && s.maybe("a parent's name", 1) {
				name, inherit = inherit[0], inherit[1:]
				option += fmt.Sprintf(" name: %q", name)
			}
			names = append(names, name)
			kind := rapid.SampledFrom([]string{"string", "bool", "int32", "int64", "uint64", "sint32", "fixed64", "double", "bytes", "Color", "Plain", "google.protobuf.Timestamp", "google.protobuf.StringValue", "map<string,int64>"}).Draw(s.t, "kind")
			fmt.Fprintf(body, "  %s\n", s.label(n, kind, option, true))
		default:
			fmt.Fprintf(body, "  string f%d = %d;\n", n, n)
		}
	}
	return names
}

// label writes field n: singular, optional, repeated or in a oneof.
func (s *schema) label(n int, kind, option string, repeatable bool) string {
	field := fmt.Sprintf("%s f%d = %d [(kalix.field).jwt = {%s}];", kind, n, n, option)
	switch label := rapid.SampledFrom([]string{"", "optional ", "repeated ", "oneof"}).Draw(s.t, "label"); {
	case strings.HasPrefix(kind, "map<") || label == "repeated " && !repeatable:
		return field
	case label == "oneof":
		return fmt.Sprintf("oneof o%d { %s string alt%d = %d; }", n, field, n, 500+n)
	default:
		return label + field
	}
}

// randomize sets fields of m at random, but no tokens.
func randomize(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Name() == "tok" || rapid.IntRange(0, 3).Draw(t, "set") == 0 {
			continue
		}
		switch {
		case fd.IsMap():
			entries := m.Mutable(fd).Map()
			for k := range rapid.IntRange(1, 3).Draw(t, "entries") {
				// Unique names: entries that make one claim would have to agree.
				key := protoreflect.ValueOfString(fmt.Sprintf("r%s.%d", fd.Name(), k)).MapKey()
				entries.Set(key, randomValue(t, fd.MapValue(), entries.NewValue, depth))
			}
		case fd.IsList():
			list := m.Mutable(fd).List()
			for range rapid.IntRange(1, 3).Draw(t, "elements") {
				if fd.Message() == m.Descriptor() && depth <= 0 {
					break
				}
				list.Append(randomValue(t, fd, list.NewElement, depth-1))
			}
			if list.Len() == 0 {
				m.Clear(fd)
			}
		default:
			m.Set(fd, randomValue(t, fd, func() protoreflect.Value { return m.NewField(fd) }, depth))
		}
	}
}

func randomValue(t *rapid.T, fd protoreflect.FieldDescriptor, fresh func() protoreflect.Value, depth int) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.StringMatching(`[a-z"\\é]{0,6}`).Draw(t, "string"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.Float64().Draw(t, "double"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "bytes"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(0, 3).Draw(t, "enum")))
	}
	v := fresh()
	if fd.Message().FullName() == "google.protobuf.Timestamp" {
		v.Message().Set(fd.Message().Fields().ByName("seconds"), protoreflect.ValueOfInt64(rapid.Int64Range(-1e9, 1e10).Draw(t, "seconds")))
		return v
	}
	randomize(t, v.Message(), depth)
	return v
}

// clone returns a copy of what is in fd.
func clone(m protoreflect.Message, fd protoreflect.FieldDescriptor) protoreflect.Value {
	c := proto.Clone(m.Interface()).ProtoReflect()
	return c.Get(fd)
}

// changeOf returns another value for fd, which is set, that is not empty; none
// for true where false would be.
func changeOf(m protoreflect.Message, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch v := clone(m, fd); {
	case fd.IsList():
		list := v.List()
		if fd.Message() == nil && list.Get(0).Equal(otherOf(fd, list.Get(0))) {
			return protoreflect.Value{}
		}
		if fd.Message() != nil {
			list.Append(list.NewElement())
		} else {
			list.Set(0, otherOf(fd, list.Get(0)))
		}
		return v
	case fd.IsMap():
		key := protoreflect.ValueOfString("another").MapKey()
		v.Map().Set(key, v.Map().NewValue())
		return v
	case fd.Message() != nil:
		first := fd.Message().Fields().Get(0)
		v.Message().Set(first, otherOf(first, v.Message().Get(first)))
		return v
	default:
		other := otherOf(fd, v)
		if !fd.HasPresence() && other.Equal(fd.Default()) {
			return protoreflect.Value{}
		}
		return other
	}
}

// otherOf returns another value of fd's kind.
func otherOf(fd protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
	switch x := v.Interface().(type) {
	case string:
		return protoreflect.ValueOfString(x + "x")
	case bool:
		return protoreflect.ValueOfBool(!x)
	case int32:
		return protoreflect.ValueOfInt32(x ^ 2)
	case int64:
		return protoreflect.ValueOfInt64(x ^ 2)
	case uint64:
		return protoreflect.ValueOfUint64(x ^ 1)
	case float64:
		if x == 1 {
			return protoreflect.ValueOfFloat64(2)
		}
		return protoreflect.ValueOfFloat64(1)
	case []byte:
		return protoreflect.ValueOfBytes(append(slices.Clone(x), 0))
	case protoreflect.EnumNumber:
		return protoreflect.ValueOfEnum(x ^ 4)
	}
	panic("no such kind: " + fd.Kind().String())
}
