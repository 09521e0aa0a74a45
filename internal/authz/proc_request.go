package authz

import "google.golang.org/protobuf/encoding/protowire"

// The requests of Envoy's ext_proc protocol, envoy.service.ext_proc.v3, as far as they
// are used. Field numbers are those of external_processor.proto.

// part is the part of a call that a ProcessingRequest is about, as its field number.
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
	part part // 0 for none, such as a window update
	// headers are those of headers and trailers. end is set if nothing follows, and
	// endAlone if the end of a body is not also a message
	// (end_of_stream_without_message).
	headers  []Header
	body     []byte
	end      bool
	endAlone bool
	// packed is set if body is a compressed message.
	packed bool
	// paths are the request.path attributes.
	paths []string
	// observes is observability_mode: responses are ignored.
	observes bool
	modes    modes // from protocol_config
	// windowed is set if responses must return the window bytes that they consumed.
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

// processingRequest parses a ProcessingRequest. One about two parts is an error: sender
// and receiver could mean different ones.
func processingRequest(wire []byte) (e event, err error) {
	err = fields(wire, func(number protowire.Number, kind protowire.Type, varint uint64, value []byte) error {
		own := protowire.BytesType
		if number == 10 {
			own = protowire.VarintType
		}
		switch {
		case kind != own:
			if number >= 2 && number <= 13 {
				return errNotMessage()
			}
		case number == 10:
			e.observes = varint != 0
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

// read parses the part: HttpHeaders, HttpBody or HttpTrailers. A field with the wrong
// wire type is an error: the end of the stream could be missed.
func (e *event) read(wire []byte) error {
	body := e.part == requestBody || e.part == responseBody
	return fields(wire, func(number protowire.Number, kind protowire.Type, varint uint64, value []byte) error {
		isText := number == 1 || number == 2 && !body
		switch {
		case isText && kind != protowire.BytesType, !isText && number <= 4 && kind != protowire.VarintType:
			return errNotMessage()
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

// headerMap parses a HeaderMap.
func (e *event) headerMap(wire []byte) error {
	return field(wire, 1, func(value []byte) error {
		h, err := headerValueOf(value)
		e.headers = append(e.headers, h)
		return err
	})
}

// attributes parses an entry of the attributes map, from a namespace to a Struct, and
// keeps the filter's own request.path.
func (e *event) attributes(entry []byte) error {
	namespace, structure, err := mapEntry(entry)
	if err != nil || namespace != "envoy.filters.http.ext_proc" {
		return err
	}
	return field(structure, 1, func(entry []byte) error {
		name, value, err := mapEntry(entry)
		if err != nil || name != "request.path" {
			return err
		}
		return field(value, 3, func(text []byte) error { // Value.string_value
			e.paths = append(e.paths, string(text))
			return nil
		})
	})
}

// mapEntry parses an entry of a map from strings to messages.
func mapEntry(entry []byte) (key string, value []byte, err error) {
	err = message(entry, []protowire.Number{1, 2}, func(number protowire.Number, field []byte) error {
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

// read parses a ProtocolConfiguration. A field with the wrong wire type is an error: it
// would reset a mode.
func (m *modes) read(wire []byte) error {
	return fields(wire, func(number protowire.Number, kind protowire.Type, varint uint64, _ []byte) error {
		if number <= 3 && kind != protowire.VarintType {
			return errNotMessage()
		}
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
