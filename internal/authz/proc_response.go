package authz

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// The responses of Envoy's ext_proc protocol; field numbers are those of
// external_processor.proto.

// The fields of ProcessingResponse for each part, in order.
const immediateResponse protowire.Number = 7

// answers returns the field of ProcessingResponse for p.
func (p part) answers() protowire.Number { return protowire.Number(p) - 1 }

// mutation is a HeaderMutation.
type mutation struct {
	set    []enforce.Pair
	remove []string
}

// wire encodes m, for a data plane that sends messages without frames, or for Envoy:
// grpc-go reads value, and raw_value for binary headers, which it encodes itself; Envoy
// reads raw_value and sends it unchanged.
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

// headersAnswer returns the response to headers p, a HeadersResponse.
func headersAnswer(p part, m mutation, frameless bool) []byte {
	var common []byte
	if len(m.set)+len(m.remove) > 0 {
		common = appendMessage(nil, 2, m.wire(frameless))
	}
	return appendMessage(nil, p.answers(), appendMessage(nil, 1, common))
}

// withoutBodies adds a mode_override to the response to headers: nothing else of the call
// is sent here, if the data plane permits that.
func withoutBodies(answer []byte) []byte {
	var mode []byte
	for number, send := range map[protowire.Number]uint64{2: 2, 5: 2, 6: 2} { // SKIP; a body mode of zero means NONE
		mode = appendNumber(mode, number, send)
	}
	return appendMessage(answer, 9, mode)
}

// trailersAnswer returns the response to trailers p, a TrailersResponse.
func trailersAnswer(p part, m mutation, frameless bool) []byte {
	var wire []byte
	if len(m.set)+len(m.remove) > 0 {
		wire = appendMessage(nil, 1, m.wire(frameless))
	}
	return appendMessage(nil, p.answers(), wire)
}

// unchanged returns the response that keeps body p.
func unchanged(p part) []byte {
	return appendMessage(nil, p.answers(), appendMessage(nil, 1, nil))
}

// replaced returns the response that replaces body p.
func replaced(p part, body []byte) []byte {
	var m []byte
	if len(body) > 0 {
		m = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
	} else {
		m = appendNumber(nil, 2, 1) // clear_body
	}
	return appendMessage(nil, p.answers(), appendMessage(nil, 1, appendMessage(nil, 3, m)))
}

// streamed returns the response to body p in modes where any number of responses is
// permitted: a StreamedBodyResponse.
func streamed(p part, body []byte, end, endAlone, packed bool) []byte {
	var s []byte
	if len(body) > 0 {
		s = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
	}
	for number, ok := range []bool{2: end, 3: endAlone, 4: packed} {
		if ok {
			s = appendNumber(s, protowire.Number(number), 1)
		}
	}
	return appendMessage(nil, p.answers(), appendMessage(nil, 1, appendMessage(nil, 3, appendMessage(nil, 3, s))))
}

// windowUpdate adds a ServerWindowUpdate to a response, which may be nil: n more bytes
// may be sent in the direction of p.
func windowUpdate(answer []byte, p part, n int) []byte {
	number := protowire.Number(1)
	if p == responseBody {
		number = 2
	}
	return appendMessage(answer, 14, appendNumber(nil, number, uint64(n)))
}

// immediate returns an ImmediateResponse that refuses: status (1), headers (2), body (3),
// grpc_status (4) and details (5). For gRPC clients, Envoy takes the status from
// grpc_status and body, grpc-go from grpc_status and details; other clients get headers
// and body. grpc is the gRPC content type of the call, or "".
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
