package authz

import "google.golang.org/protobuf/encoding/protowire"

// What is asked by messages of Envoy's ext_proc protocol, envoy.service.ext_proc.v3, as far
// as it is used. The numbers are those of external_processor.proto.

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

// read reads the part: HttpHeaders, HttpBody or HttpTrailers. A field of another wire
// type than its own is an error: it could end what does not end.
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

// headerMap reads a HeaderMap.
func (e *event) headerMap(wire []byte) error {
	return field(wire, 1, func(value []byte) error {
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

// mapEntry reads an entry of a map from strings to messages.
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

// read reads a ProtocolConfiguration. A field of another wire type than its own is an
// error: it would set a mode back to none.
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
