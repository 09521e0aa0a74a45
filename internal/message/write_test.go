package message

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
)

func TestA80_WritesCanonicalJSON(t *testing.T) {
	set := load(t)
	c := New(set.Types(), Limits{})
	m, err := c.Read([]byte(`{"by_name":{"b":{},"a":{"n":1}},"my_token":"a<&> é","right":"5","wide":7,"levels":{"10":1,"9":0},
		"any":{"data":"-_8","@type":"x/p3.Node"},"struct":{"z":[],"y":1e3},"nodes":[{}],"time":"2030-01-01T00:00:00+01:00"}`), find(t, set, "p3.Node"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		form Form
		want string
	}{
		"compact": {Form{}, `{"myToken":"a<&> é","nodes":[{}],"byName":{"a":{"n":1},"b":{}},"any":{"@type":"x/p3.Node","data":"+/8="},` +
			`"struct":{"y":1000,"z":[]},"right":"5","time":"2029-12-31T23:00:00Z","wide":"7","levels":{"9":"NONE","10":"LOW"}}` + "\n"},
		"proto names, indented": {Form{ProtoNames: true, Indent: true}, `{
  "my_token": "a<&> é",
  "nodes": [
    {}
  ],
  "by_name": {
    "a": {
      "n": 1
    },
    "b": {}
  },
  "any": {
    "@type": "x/p3.Node",
    "data": "+/8="
  },
  "struct": {
    "y": 1000,
    "z": []
  },
  "right": "5",
  "time": "2029-12-31T23:00:00Z",
  "wide": "7",
  "levels": {
    "9": "NONE",
    "10": "LOW"
  }
}
`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for range 20 { // the order of maps varies
				got, err := c.Write(m, tt.form)
				if err != nil || string(got) != tt.want {
					t.Fatalf("got %s, %v\nwant %s", got, err, tt.want)
				}
			}
			again, err := c.Read([]byte(tt.want), m.Descriptor())
			if err != nil || !proto.Equal(again, m) {
				t.Errorf("read again: %v, %v", again, err)
			}
		})
	}
	compact, err := c.Marshal(m)
	if err != nil || string(compact)+"\n" != tests["compact"].want {
		t.Errorf("Marshal: %s, %v", compact, err)
	}
}

// A message from protobuf can have content that ProtoJSON would omit, or could not write
// within limits.
func TestA80_WriteLeavesNothingOut(t *testing.T) {
	set := load(t)
	c := New(set.Types(), Limits{})
	node := find(t, set, "p3.Node")
	raw := func(desc protoreflect.MessageDescriptor, wire []byte) protoreflect.Message {
		m := dynamicpb.NewMessage(desc)
		if err := (proto.UnmarshalOptions{AllowPartial: true, Resolver: set.Types()}).Unmarshal(wire, m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	field := func(n protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), value)
	}
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1)
	anyOf := func(url string, value []byte) []byte {
		if value == nil { // like every encoder
			return field(1, []byte(url))
		}
		return append(field(1, []byte(url)), field(2, value)...)
	}
	doubleKey := field(4, append(field(1, []byte("a")), 1<<3, 0)) // see decode
	anys := func(n int) []byte {
		inner := anyOf("x/p3.Node", nil)
		for range n - 1 {
			inner = anyOf("x/google.protobuf.Any", inner)
		}
		return inner
	}
	deep := func(n int) []byte {
		var wire []byte
		for range n {
			wire = field(2, wire)
		}
		return wire
	}
	tests := map[string]struct {
		m    protoreflect.Message
		code fault.Code
		want string
	}{
		"unknown field":           {raw(node, unknown), fault.MessageMalformed, "a p3.Node in it has a field that the type does not declare"},
		"unknown in a message":    {raw(node, field(2, unknown)), fault.MessageMalformed, "does not declare"},
		"unknown in list":         {raw(node, append(field(3, nil), field(3, unknown)...)), fault.MessageMalformed, "does not declare"},
		"unknown in map":          {raw(node, field(4, append(field(1, []byte("a")), field(2, unknown)...))), fault.MessageMalformed, "does not declare"},
		"unknown in any":          {raw(node, field(5, anyOf("x/p3.Node", unknown))), fault.MessageMalformed, "does not declare"},
		"any without a type name": {raw(node, field(5, anyOf("x/p3.Nobody", nil))), fault.MessageMalformed, `the descriptors have no type "x/p3.Nobody"`},
		"any without type":        {raw(node, field(5, field(2, []byte{1}))), fault.MessageMalformed, "no type"},
		"any without bytes":       {raw(node, field(5, anyOf("x/p3.Node", []byte{0xff}))), fault.MessageMalformed, "not a valid protobuf encoding of p3.Node"},
		"any, duplicate key":      {raw(node, field(5, anyOf("x/p3.Node", doubleKey))), fault.MessageMalformed, "p3.Node.ByNameEntry.key: number 1 has wire type 0"},
		"6 anys":                  {raw(node, field(5, anys(6))), fault.LimitExceeded, `objects with "@type" are nested more than 5 levels deep`},
		"1000 anys":               {raw(node, field(5, anys(1000))), fault.LimitExceeded, `objects with "@type" are nested more than 5 levels deep`},
		"101 levels":              {raw(node, deep(100)), fault.LimitExceeded, "more than 100 levels"},
		"required":                {raw(find(t, set, "p2.Needs"), nil), fault.MessageMalformed, "required field p2.Needs.id not set"},
		"required extended":       {raw(find(t, set, "p2.Wide"), protowire.AppendBytes(protowire.AppendTag(nil, 100, protowire.BytesType), nil)), fault.MessageMalformed, "required field p2.Hard.id not set"},
		"required in a message":   {raw(find(t, set, "p2.Below"), field(1, nil)), fault.MessageMalformed, "required field p2.Hard.id not set"},
		"no value":                {raw(node, field(7, nil)), fault.MessageMalformed, "google.protobuf.Value"},
		"far duration":            {raw(node, field(19, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1<<60))), fault.MessageMalformed, "google.protobuf.Duration: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := c.Write(tt.m, Form{})
			if !fault.Has(err, tt.code) || !strings.Contains(err.Error(), tt.want) || got != nil {
				t.Errorf("got %s, %s: %v", got, fault.CodeOf(err), err)
			}
			if got, err := c.Marshal(tt.m); !fault.Has(err, tt.code) || got != nil {
				t.Errorf("Marshal: %s, %v", got, err)
			}
		})
	}
	for name, m := range map[string]protoreflect.Message{
		"5 anys": raw(node, field(5, anys(5))), "100 levels": raw(node, deep(99)), "empty any": raw(node, field(5, nil)),
	} {
		text, err := c.Write(m, Form{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := c.Read(text, node); err != nil || !proto.Equal(again, m.Interface()) {
			t.Errorf("%s: read again: %v, %v", name, again, err)
		}
	}
}
