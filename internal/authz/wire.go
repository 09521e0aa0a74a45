package authz

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// The messages of Envoy's ext_authz protocol, envoy.service.auth.v3, as far as they are
// used, and what ext_proc shares with them. The generated packages would make every start
// of jwtctl slower by two fifths. Field numbers are those of external_auth.proto and
// attribute_context.proto.

// errNotMessage returns the error for bytes that are not a message of Envoy's protocols.
func errNotMessage() error {
	return fault.New(fault.MessageMalformed, "question", "is not a valid message")
}

// checkRequest parses a CheckRequest: attributes (1), request (4), http (2), and in it
// path (4), headers (3, a map) and header_map (13). Repeated parts of a message are
// merged, as protobuf requires.
func checkRequest(wire []byte) (r Request, err error) {
	err = field(wire, 1, func(attributes []byte) error {
		return field(attributes, 4, func(request []byte) error {
			return field(request, 2, func(http []byte) error {
				return message(http, []protowire.Number{3, 4, 13}, r.field)
			})
		})
	})
	return r, err
}

// field parses a field of an HttpRequest.
func (r *Request) field(number protowire.Number, value []byte) error {
	switch number {
	case 3: // map<string, string> headers
		return r.header(value)
	case 4:
		r.Path = string(value)
	case 13: // HeaderMap{repeated HeaderValue headers = 1}
		return field(value, 1, r.header)
	}
	return nil
}

func (r *Request) header(entry []byte) error {
	h, err := headerValueOf(entry)
	r.Headers = append(r.Headers, h)
	return err
}

// headerValueOf parses an entry of a map of headers, or a HeaderValue: key (1), value
// (2), and raw_value (3), which is used if value is empty.
func headerValueOf(entry []byte) (Header, error) {
	var key, value, raw string
	err := message(entry, []protowire.Number{1, 2, 3}, func(number protowire.Number, field []byte) error {
		switch number {
		case 1:
			key = string(field)
		case 2:
			value = string(field)
		case 3:
			raw = string(field)
		}
		return nil
	})
	if value == "" {
		value = raw
	}
	return Header{strings.ToLower(key), value}, err
}

// message calls each with the length-delimited fields of a message. It skips others,
// except that a field in read with another wire type is an error: other readers could
// read it differently.
func message(wire []byte, read []protowire.Number, each func(protowire.Number, []byte) error) error {
	return fields(wire, func(number protowire.Number, kind protowire.Type, _ uint64, value []byte) error {
		if kind != protowire.BytesType {
			if slices.Contains(read, number) {
				return errNotMessage()
			}
			return nil
		}
		return each(number, value)
	})
}

// field calls each with the length-delimited fields of a message with this number.
func field(wire []byte, number protowire.Number, each func([]byte) error) error {
	return message(wire, []protowire.Number{number}, func(n protowire.Number, value []byte) error {
		if n != number {
			return nil
		}
		return each(value)
	})
}

// fields calls each with the fields of a message: with their varint or bytes, or with
// neither for other wire types.
func fields(wire []byte, each func(number protowire.Number, kind protowire.Type, varint uint64, bytes []byte) error) error {
	for len(wire) > 0 {
		number, kind, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return errNotMessage()
		}
		wire = wire[n:]
		var varint uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(wire)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(wire)
		default:
			n = protowire.ConsumeFieldValue(number, kind, wire)
		}
		if n < 0 {
			return errNotMessage()
		}
		wire = wire[n:]
		if err := each(number, kind, varint, bytes); err != nil {
			return err
		}
	}
	return nil
}

// checkResponse encodes a CheckResponse: status (1) and denied_response (2) or
// ok_response (3). grpc is the content type in which to refuse a gRPC call, or "" to
// refuse it as HTTP.
func checkResponse(v Verdict, grpc string) []byte {
	if r := v.Refusal; r != nil {
		status := appendText(appendNumber(nil, 1, uint64(r.Status)), 2, r.Text)
		a := answerTo(r, grpc)
		denied := appendMessage(nil, 1, appendNumber(nil, 1, uint64(a.status)))
		for _, h := range a.headers {
			denied = appendMessage(denied, 2, headerOption(h.Name, 2, h.Value))
		}
		if a.body != "" {
			denied = appendText(denied, 3, a.body)
		}
		return appendMessage(appendMessage(nil, 1, status), 2, denied)
	}
	var ok []byte
	for _, p := range v.Set {
		ok = appendMessage(ok, 2, headerOption(p.Key, 2, headerValue(p)))
	}
	for _, name := range slices.Sorted(slices.Values(v.Remove)) {
		ok = appendText(ok, 5, name)
	}
	return appendMessage(appendMessage(nil, 1, nil), 3, ok)
}

// headerOption encodes a HeaderValueOption that overwrites: header (1), append_action (3)
// OVERWRITE_IF_EXISTS_OR_ADD, keep_empty_value (4). Without the former, Envoy appends to
// the client's header; without the latter, it skips an empty value and keeps the
// client's. The value goes into field of HeaderValue.
func headerOption(name string, field protowire.Number, value string) []byte {
	header := appendMessage(nil, 1, appendText(appendText(nil, 1, name), field, value))
	return appendNumber(appendNumber(header, 3, 2), 4, 1)
}

func appendMessage(b []byte, number protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), m)
}

func appendText(b []byte, number protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), text)
}

func appendNumber(b []byte, number protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), n)
}
