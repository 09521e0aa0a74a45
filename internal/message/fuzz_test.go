package message

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// FuzzF8_Message: Read does not panic for any text. What it accepts is strict JSON, and
// after writing and reading again it is an equal message and the same text.
func FuzzF8_Message(f *testing.F) {
	set := load(f)
	c := New(set.Types(), Limits{})
	for _, seed := range []string{
		`{"@type":"p3.Node","my_token":"a","child":{"nodes":[{},{"byName":{"":{"maybe":false}}}]},"right":"-5"}`,
		`{"any":{"@type":"x/p3.Node","any":{"value":{"@type":"p3.Node"},"@type":"google.protobuf.Any"}}}`,
		`{"any":{"@type":"type.googleapis.com/google.protobuf.Timestamp","value":"0001-01-01T00:00:00.000000001+23:59"}}`,
		`{"any":{"@type":"p2.Needs","[p2.more]":7,"part":{"n":1e2}}}`,
		`{"struct":{"@type":1,"a":[null,true,1e-7,{"":""}]},"value":null,"list":[[]]}`,
		`{"data":"-_8","ratio":"-Infinity","level":77,"mask":"fooBar.b,c","wide":"9007199254740993","levels":{"-1":"LOW"}}`,
		`{"ratio":-0.0,"duration":"-0.000000001s","empty":{},"n":2147483647.0,"middle":{"left":""}}`,
		"{\"left\":\"\\ud83d\\ude00\xff\"}", `{"left":"\u0000"} x`, `{"a":`, "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(seed))
	}
	node, card := find(f, set, "p3.Node"), find(f, set, "e23.Card")
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		if _, _, err := TypeOf(data); err != nil && !fault.Has(err, fault.MessageMalformed) {
			t.Fatal(err)
		}
		_, _ = c.Read(data, card)
		m, err := c.Read(data, node)
		if !bytes.Equal(data, before) {
			t.Fatal("the text was changed")
		}
		if err != nil {
			if !fault.Has(err, fault.MessageMalformed) && !fault.Has(err, fault.LimitExceeded) {
				t.Fatalf("code %q: %v", fault.CodeOf(err), err)
			}
			return
		}
		if _, err := strictjson.Object(data, MaxDepth); err != nil {
			t.Fatalf("accepted text that is not strict JSON: %v", err)
		}
		for _, form := range []Form{{}, {ProtoNames: true}, {Indent: true}} {
			sameAgain(t, c, m, form)
		}
	})
}

// FuzzF8_Wire: the same for a message in protobuf. What Write accepts is read back and
// written the same; the messages may differ only in the order of the bytes within an Any.
func FuzzF8_Wire(f *testing.F) {
	set := load(f)
	c := New(set.Types(), Limits{})
	node := find(f, set, "p3.Node")
	for _, seed := range []string{
		`{"child":{"nodes":[{},{"byName":{"":{"maybe":false}}}]},"right":"-5","data":"AA==","level":1,"levels":{"1":7}}`,
		`{"any":{"@type":"x/google.protobuf.Any","value":{"@type":"p3.Node","time":"2030-01-01T00:00:00Z"}}}`,
		`{"struct":{"a":[null,true,1e-7,{"":""}]},"value":null,"mask":"fooBar.b,c","wide":"5","duration":"-1.5s"}`,
	} {
		m, err := c.Read([]byte(seed), node)
		if err != nil {
			f.Fatal(err)
		}
		wire, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := dynamicpb.NewMessage(node)
		if c.Decode(wire, m) != nil {
			return
		}
		text, err := c.Write(m, Form{})
		if err != nil {
			if !fault.Has(err, fault.MessageMalformed) && !fault.Has(err, fault.LimitExceeded) {
				t.Fatalf("code %q: %v", fault.CodeOf(err), err)
			}
			return
		}
		again, err := c.Read(text, node)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if twice, err := c.Write(again, Form{}); err != nil || !bytes.Equal(twice, text) {
			t.Fatalf("got %s\n%s, %v", text, twice, err)
		}
	})
}

func sameAgain(t *testing.T, c *Codec, m *dynamicpb.Message, form Form) {
	t.Helper()
	text, err := c.Write(m, form)
	if err != nil {
		t.Fatalf("%+v: %v", form, err)
	}
	again, err := c.Read(text, m.Descriptor())
	if err != nil || !proto.Equal(again, m) {
		t.Fatalf("got %s\n%v, %v", text, again, err)
	}
	if twice, err := c.Write(again, form); err != nil || !bytes.Equal(twice, text) {
		t.Fatalf("got %s\n%s, %v", text, twice, err)
	}
}
