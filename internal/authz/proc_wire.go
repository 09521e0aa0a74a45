package authz

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// The messages of Envoy's ext_proc protocol, envoy.service.ext_proc.v3, as far as they
// are used. The numbers are those of external_processor.proto.

// part is a part of a call that a data plane asks about: the field of ProcessingRequest.
type part protowire.Number

const (
	requestHeaders   part = 2
	responseHeaders  part = 3
	requestBody      part = 4
	responseBody     part = 5
	requestTrailers  part = 6
	responseTrailers part = 7
)

// event is a ProcessingRequest.
type event struct {
	part part // 0 for none, as of one that only updates a window
	// headers are those of headers and trailers; end reports that nothing follows, for
	// body alone also that it is not a message (end_of_stream_without_message).
	headers  []Header
	body     []byte
	end      bool
	endAlone bool
	// packed reports that body is a message that is compressed.
	packed bool
	// paths are the request.path of attributes.
	paths []string
	// observes is observability_mode: the answer counts for nothing.
	observes bool
	modes    modes // of protocol_config
	// windowed reports that answers must give back what they took of a window.
	windowed bool
}

// bodyMode is ProcessingMode.BodySendMode.
type bodyMode uint64

const (
	bodyNone     bodyMode = 0
	bodyStreamed bodyMode = 1
	bodyBuffered bodyMode = 2
	bodyPartial  bodyMode = 3
	bodyDuplex   bodyMode = 4 // FULL_DUPLEX_STREAMED
	bodyGRPC     bodyMode = 5
)

// modes is a ProtocolConfiguration: how bodies are sent, and whether before the headers
// are answered.
type modes struct {
	request, response bodyMode
	eager             bool
}

// processingRequest reads a ProcessingRequest. One that asks about two parts is an error:
// its reader and its writer could mean different ones.
func processingRequest(wire []byte) (e event, err error) {
	err = fields(wire, func(number protowire.Number, kind protowire.Type, varint uint64, value []byte) error {
		switch bytes := kind == protowire.BytesType; {
		case number == 10 && kind == protowire.VarintType:
			e.observes = varint != 0
		case !bytes:
			if number >= 2 && number <= 13 {
				return errNotMessage()
			}
		case number >= 2 && number <= 7:
			if e.part != 0 {
				return errNotMessage()
			}
			e.part = part(number)
			return e.read(value)
		case number == 9:
			return e.attributes(value)
		case number == 11:
			return e.modes.read(value)
		case number == 12: // flow_control_init
			e.windowed = true
		}
		return nil
	})
	return e, err
}

// read reads the part: HttpHeaders, HttpBody or HttpTrailers.
func (e *event) read(wire []byte) error {
	body := e.part == requestBody || e.part == responseBody
	return fields(wire, func(number protowire.Number, _ protowire.Type, varint uint64, value []byte) error {
		switch {
		case !body && number == 1:
			return e.headerMap(value)
		case !body && number == 3: // HttpHeaders
			e.end = varint != 0
		case body && number == 1:
			e.body = value
		case body && number == 2:
			e.end = varint != 0
		case body && number == 3:
			e.endAlone = varint != 0
		case body && number == 4:
			e.packed = varint != 0
		}
		return nil
	})
}

// headerMap reads a HeaderMap.
func (e *event) headerMap(wire []byte) error {
	return message(wire, func(number protowire.Number, value []byte) error {
		if number != 1 {
			return nil
		}
		h, err := headerValueOf(value)
		e.headers = append(e.headers, h)
		return err
	})
}

// attributes reads an entry of the map of attributes, from the namespace to a Struct. Of
// those of the filter itself, request.path is kept.
func (e *event) attributes(entry []byte) error {
	namespace, structure, err := mapEntry(entry)
	if err != nil || namespace != "envoy.filters.http.ext_proc" {
		return err
	}
	return message(structure, func(number protowire.Number, field []byte) error {
		if number != 1 {
			return nil
		}
		name, value, err := mapEntry(field)
		if err != nil || name != "request.path" {
			return err
		}
		return message(value, func(number protowire.Number, text []byte) error {
			if number == 3 { // Value.string_value
				e.paths = append(e.paths, string(text))
			}
			return nil
		})
	})
}

// mapEntry reads an entry of a map from strings to messages.
func mapEntry(entry []byte) (key string, value []byte, err error) {
	err = message(entry, func(number protowire.Number, field []byte) error {
		switch number {
		case 1:
			key = string(field)
		case 2:
			value = field
		}
		return nil
	})
	return key, value, err
}

func (m *modes) read(wire []byte) error {
	return fields(wire, func(number protowire.Number, _ protowire.Type, varint uint64, _ []byte) error {
		switch number {
		case 1:
			m.request = bodyMode(varint)
		case 2:
			m.response = bodyMode(varint)
		case 3:
			m.eager = varint != 0
		}
		return nil
	})
}

// The fields of ProcessingResponse that answer the parts, in their order.
const immediateResponse protowire.Number = 7

// answers is the field of ProcessingResponse that answers p.
func (p part) answers() protowire.Number { return protowire.Number(p) - 1 }

// mutation is a HeaderMutation.
type mutation struct {
	set    []enforce.Pair
	remove []string
}

// wire writes m for a data plane that sends messages without frames, or for Envoy:
// grpc-go reads value, and for what is binary raw_value, which it encodes itself; Envoy
// reads raw_value as it goes out.
func (m mutation) wire(frameless bool) (b []byte) {
	for _, p := range m.set {
		field, value := protowire.Number(3), headerValue(p)
		if frameless {
			if value = p.Value; !strings.HasSuffix(p.Key, "-bin") {
				field = 2
			}
		}
		b = appendMessage(b, 1, headerOption(p.Key, field, value))
	}
	for _, name := range slices.Sorted(slices.Values(m.remove)) {
		b = appendText(b, 2, name)
	}
	return b
}

// headersAnswer is the answer to headers p: a HeadersResponse.
func headersAnswer(p part, m mutation, frameless bool) []byte {
	var common []byte
	if len(m.set)+len(m.remove) > 0 {
		common = appendMessage(nil, 2, m.wire(frameless))
	}
	return appendMessage(nil, p.answers(), appendMessage(nil, 1, common))
}

// withoutBodies adds to the answer to headers a mode_override: nothing else of the call
// is sent here, where the data plane allows that.
func withoutBodies(answer []byte) []byte {
	var mode []byte
	for number, send := range map[protowire.Number]uint64{2: 2, 5: 2, 6: 2} { // SKIP; a body mode of zero means NONE
		mode = appendNumber(mode, number, send)
	}
	return appendMessage(answer, 9, mode)
}

// trailersAnswer is the answer to trailers p: a TrailersResponse.
func trailersAnswer(p part, m mutation, frameless bool) []byte {
	var wire []byte
	if len(m.set)+len(m.remove) > 0 {
		wire = appendMessage(nil, 1, m.wire(frameless))
	}
	return appendMessage(nil, p.answers(), wire)
}

// unchanged is the answer to body p as it came.
func unchanged(p part) []byte {
	return appendMessage(nil, p.answers(), appendMessage(nil, 1, nil))
}

// replaced is the answer to body p with another.
func replaced(p part, body []byte) []byte {
	var m []byte
	if len(body) > 0 {
		m = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
	} else {
		m = appendNumber(nil, 2, 1) // clear_body
	}
	return appendMessage(nil, p.answers(), appendMessage(nil, 1, appendMessage(nil, 3, m)))
}

// streamed is the answer to body p where the number of answers is ours: a
// StreamedBodyResponse.
func streamed(p part, body []byte, end, endAlone, packed bool) []byte {
	var s []byte
	if len(body) > 0 {
		s = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
	}
	for number, is := range []bool{2: end, 3: endAlone, 4: packed} {
		if is {
			s = appendNumber(s, protowire.Number(number), 1)
		}
	}
	return appendMessage(nil, p.answers(), appendMessage(nil, 1, appendMessage(nil, 3, appendMessage(nil, 3, s))))
}

// windowUpdate adds a ServerWindowUpdate to an answer, which may be nil: n more bytes of
// the direction of p may come.
func windowUpdate(answer []byte, p part, n int) []byte {
	number := protowire.Number(1)
	if p == responseBody {
		number = 2
	}
	return appendMessage(answer, 14, appendNumber(nil, number, uint64(n)))
}

// immediate is an ImmediateResponse that refuses: status (1), headers (2), body (3),
// grpc_status (4) and details (5). Envoy makes the status of a gRPC client of
// grpc_status and body, grpc-go of grpc_status and details; for others headers and body
// count. grpc is the content type of gRPC that the call has, "" for none.
func immediate(r *enforce.Refusal, grpc string, frameless bool) []byte {
	a := answerTo(r, grpc)
	details := "jwtctl_" + string(r.Fault.Code)
	switch {
	case frameless:
		a.headers, a.body, details = nil, "", r.Text
	case isGRPC(grpc):
		a.headers, a.body = []Header{{"content-type", grpc}}, r.Text
	}
	var m mutation
	for _, h := range a.headers {
		m.set = append(m.set, enforce.Pair{Key: h.Name, Value: h.Value})
	}
	b := appendMessage(nil, 1, appendNumber(nil, 1, uint64(a.status)))
	b = appendMessage(b, 2, m.wire(frameless))
	if a.body != "" {
		b = appendText(b, 3, a.body)
	}
	b = appendMessage(b, 4, appendNumber(nil, 1, uint64(r.Status)))
	return appendMessage(nil, immediateResponse, appendText(b, 5, details))
}
