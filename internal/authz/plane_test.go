package authz_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/enforce"
)

// The body modes of processing_mode.proto.
const (
	none, streamed, buffered, partial, duplex, frameless = 0, 1, 2, 3, 4, 5
)

// mode is how a data plane sends bodies.
type mode struct {
	request, response int
	eager             bool
}

// modes are those in which every call can be decided.
var modes = map[string]mode{
	"duplex": {duplex, duplex, false}, "streamed": {streamed, streamed, true},
	"buffered": {buffered, buffered, false}, "frameless": {frameless, frameless, false},
}

// plane is a data plane: it sends the parts of a call and obeys the responses, like Envoy.
// Refused parts are not forwarded.
type plane struct {
	tb   testing.TB
	mode mode
	step func([]byte) ([][]byte, *enforce.Refusal)

	begun bool
	path  string // in attributes; "" for none
	up    bound
	down  bound
	// refusal is what ended the call; nothing is sent after it.
	refusal  *enforce.Refusal
	override []byte // mode_override
	windows  int    // bytes that were returned
}

// bound is what is forwarded in one direction.
type bound struct {
	mode     int
	answered bool // for the headers
	set      map[string]string
	removed  []string
	chunks   [][]byte // no response yet
	body     []byte   // with frames in every mode
	ended    bool
	trailers bool
	left     []string // removed from the trailers
	whole    bool     // headers wait for the body: buffered
	arrived  bool     // the other side has received something
}

func newPlane(tb testing.TB, a *authz.Authority, m mode) *plane {
	p := &plane{tb: tb, mode: m, up: bound{mode: m.request}, down: bound{mode: m.response}}
	p.up.whole, p.down.whole = m.request == buffered, m.response == buffered
	var end func(*enforce.Refusal)
	p.step, end = a.Exchange(tb.Context())
	tb.Cleanup(func() { end(p.refusal) })
	return p
}

func number(n protowire.Number, v int) []byte {
	if v == 0 {
		return nil
	}
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), uint64(v))
}

func truth(v bool) int {
	if v {
		return 1
	}
	return 0
}

// headerMap is a HeaderMap with raw values.
func headerMap(headers []string) []byte {
	var list [][]byte
	for i := 0; i+1 < len(headers); i += 2 {
		list = append(list, sub(1, text(1, headers[i]), text(3, headers[i+1])))
	}
	return slices.Concat(list...)
}

// headers sends the headers of the request or the response; trailers sends its trailers.
func (p *plane) headers(part protowire.Number, end bool, headers ...string) {
	p.ask(part, sub(1, headerMap(headers)), number(3, truth(end)))
	if b := p.bound(part); p.refusal == nil && end && b.answered {
		b.whole, b.arrived, b.ended = false, true, true
	}
}

func (p *plane) trailers(part protowire.Number, headers ...string) {
	p.ask(part, sub(1, headerMap(headers)))
}

// request sends the headers of a gRPC request.
func (p *plane) request(path string, end bool, headers ...string) {
	p.headers(2, end, append([]string{":path", path, "content-type", "application/grpc"}, headers...)...)
}

// body sends a piece of a body.
func (p *plane) body(part protowire.Number, end bool, piece []byte) {
	b := p.bound(part)
	b.chunks = append(b.chunks, piece)
	p.ask(part, sub(1, piece), number(2, truth(end)))
}

// messages sends messages, and the end if the mode has one.
func (p *plane) messages(part protowire.Number, end bool, list ...[]byte) {
	switch p.bound(part).mode {
	case none:
	case frameless:
		for _, m := range list {
			p.body(part, false, m)
		}
		if end && part == 4 {
			p.ask(part, number(2, 1), number(3, 1))
		}
	case buffered:
		p.body(part, end, frames(list...))
	default:
		for _, m := range list {
			p.body(part, false, frames(m))
		}
		if end {
			p.body(part, true, nil)
		}
	}
}

func frames(list ...[]byte) (b []byte) {
	for _, m := range list {
		b = append(binary.BigEndian.AppendUint32(append(b, 0), uint32(len(m))), m...)
	}
	return b
}

func (p *plane) bound(part protowire.Number) *bound {
	if part == 2 || part == 4 || part == 6 {
		return &p.up
	}
	return &p.down
}

// ask sends a part and obeys the responses.
func (p *plane) ask(part protowire.Number, fields ...[]byte) {
	if p.refusal != nil {
		return
	}
	question := sub(part, fields...)
	if !p.begun {
		p.begun = true
		question = append(question, sub(11, number(1, p.mode.request), number(2, p.mode.response), number(3, truth(p.mode.eager)))...)
		if p.mode.request == frameless || p.mode.response == frameless {
			question = append(question, sub(12)...)
		}
		if p.path != "" {
			question = append(question, sub(9, text(1, "envoy.filters.http.ext_proc"), sub(2, sub(1, text(1, "request.path"), sub(2, text(3, p.path)))))...)
		}
	}
	answers, refusal := p.step(question)
	if p.refusal = refusal; refusal != nil {
		if len(answers) > 0 {
			p.tb.Error("a refusal with responses")
		}
		if refusal.Stack != nil {
			p.tb.Fatalf("got %v\n%s", refusal.Fault, refusal.Stack)
		}
		return
	}
	for _, answer := range answers {
		p.obey(answer)
	}
}

// fields is parse for any testing.TB.
func (p *plane) fields(wire []byte) map[protowire.Number][][]byte {
	all := map[protowire.Number][][]byte{}
	for len(wire) > 0 {
		number, kind, n := protowire.ConsumeTag(wire)
		size := protowire.ConsumeFieldValue(number, kind, wire[max(n, 0):])
		if n < 0 || size < 0 {
			p.tb.Fatalf("not a message: %x", wire)
		}
		value := wire[n : n+size]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		all[number] = append(all[number], value)
		wire = wire[n+size:]
	}
	return all
}
