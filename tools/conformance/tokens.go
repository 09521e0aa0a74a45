package main

import (
	"errors"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// tokenField is the number of the token's field in policy/guarded.proto. The
// suite's own types do not have it, so that its programs keep it as an unknown
// field.
const tokenField protowire.Number = 1000

func valueOfEnum(d protoreflect.FieldDescriptor, name string) protoreflect.Value {
	return protoreflect.ValueOfEnum(d.Enum().Values().ByName(protoreflect.Name(name)).Number())
}

// addTokens puts the setup's tokens into the case m: one into the metadata of
// the call, one into each request message.
func (d *diversion) addTokens(m message) {
	if d.Token != "" {
		d.addHeader(m.Mutable(m.field("request_headers")).List(), "authorization", "Bearer "+d.Token)
		if m.Has(m.field("raw_request")) {
			raw := m.sub("raw_request")
			d.addHeader(raw.Mutable(raw.field("headers")).List(), "authorization", "Bearer "+d.Token)
		}
	}
	if d.Message != "" {
		d.types.each(m, func(anyMessage protoreflect.Message) {
			value := anyMessage.Descriptor().Fields().ByName("value")
			body := append([]byte(nil), anyMessage.Get(value).Bytes()...)
			body = protowire.AppendTag(body, tokenField, protowire.BytesType)
			body = protowire.AppendString(body, d.Message)
			anyMessage.Set(value, protoreflect.ValueOfBytes(body))
		})
	}
}

func (d *diversion) addHeader(list protoreflect.List, name, value string) {
	h := d.types.message("Header")
	h.set("name", name)
	h.Mutable(h.field("value")).List().Append(protoreflect.ValueOfString(value))
	list.Append(protoreflect.ValueOfMessage(h))
}

// answers hands results on, without the tokens that servers echo.
func (d *diversion) answers(to io.Writer, from io.Reader) error {
	if d.Message == "" {
		_, err := io.Copy(to, from)
		return err
	}
	for {
		m := d.types.message("ClientCompatResponse")
		switch err := m.read(from); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		d.types.each(m, func(anyMessage protoreflect.Message) {
			value := anyMessage.Descriptor().Fields().ByName("value")
			anyMessage.Set(value, protoreflect.ValueOfBytes(withoutToken(anyMessage.Get(value).Bytes())))
		})
		if err := m.write(to); err != nil {
			return err
		}
	}
}

// withoutToken returns the message in body without its field tokenField.
func withoutToken(body []byte) []byte {
	var kept []byte
	for len(body) > 0 {
		number, _, n := protowire.ConsumeField(body)
		if n < 0 {
			return append(kept, body...) // no message: as it is
		}
		if number != tokenField {
			kept = append(kept, body[:n]...)
		}
		body = body[n:]
	}
	return kept
}

// each calls visit for each request message, as an Any, that m holds somewhere,
// also inside of the details of an error.
func (c compat) each(m protoreflect.Message, visit func(protoreflect.Message)) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				c.eachIn(v.List().Get(i).Message(), visit)
			}
		default:
			c.eachIn(v.Message(), visit)
		}
		return true
	})
}

func (c compat) eachIn(m protoreflect.Message, visit func(protoreflect.Message)) {
	if m.Descriptor().FullName() != "google.protobuf.Any" {
		c.each(m, visit)
		return
	}
	fields := m.Descriptor().Fields()
	_, name, _ := strings.Cut(m.Get(fields.ByName("type_url")).String(), "/"+compatPackage)
	switch {
	case name == "ConformancePayload.RequestInfo":
		value := fields.ByName("value")
		info := c.message(name)
		if proto.Unmarshal(m.Get(value).Bytes(), info) != nil {
			return
		}
		c.each(info, visit)
		if body, err := proto.Marshal(info); err == nil {
			m.Set(value, protoreflect.ValueOfBytes(body))
		}
	case strings.HasSuffix(name, "Request"):
		visit(m)
	}
}
