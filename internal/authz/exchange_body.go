package authz

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// chunk is the maximum size in bytes of a response in FULL_DUPLEX_STREAMED, as
// processing_mode.proto recommends.
const chunk = 64 << 10

// bodies is piece without window updates.
func (x *exchange) bodies(w *direction, e event) ([][]byte, *enforce.Refusal) {
	if !x.expectsBody(w) || w.endSeen {
		return nil, outOfOrder(e.part)
	}
	w.endSeen = e.end || w.mode == bodyBuffered
	if !w.extracts || w.mode == bodyNone {
		if w.mode == bodyDuplex || w.mode == bodyGRPC {
			return w.release([][]byte{streamed(e.part, e.body, e.end, e.endAlone, e.packed)}, true), nil
		}
		return w.release([][]byte{unchanged(e.part)}, true), nil
	}
	out, refusal := x.decideAll(w, e)
	if refusal != nil {
		return nil, refusal
	}
	if len(out) > 0 || w.endSeen {
		x.accepted = x.accepted || w == &x.request
	}
	return w.release(w.shaped(e, out), len(out) > 0 || w.endSeen), nil
}

// expectsBody reports whether pieces of w are expected: its headers have arrived. Headers of
// a response that is not read may be missing.
func (x *exchange) expectsBody(w *direction) bool {
	return w.headersSeen && (x.call != nil || x.fromEarlierFilter && w == &x.response) || w == &x.response && x.call != nil && !w.extracts
}

// isError reports whether e, response headers, are those of an error without messages: an
// HTTP error, or gRPC with the status in headers.
func isError(e event) bool {
	status, code := joined(e.headers, ":status"), joined(e.headers, "grpc-status")
	return len(status) == 3 && status >= "400" || e.end && code != "" && code != "0"
}

// notForwarded returns the names of gRPC headers or trailers that must not be forwarded:
// those about one connection (S78), and claims in requests.
func (x *exchange) notForwarded(e event) (names []string) {
	if !x.messages {
		return nil
	}
	request := e.part == requestTrailers
	for _, h := range e.headers {
		if (enforce.IsConnectionHeader(h.Name) || request && enforce.IsClaim(h.Name)) && !slices.Contains(names, h.Name) {
			names = append(names, h.Name)
		}
	}
	return names
}

// release returns the responses that can be sent now: none while the headers are held,
// otherwise all, including held ones.
func (w *direction) release(answers [][]byte, now bool) [][]byte {
	switch {
	case w.heldHeaders == nil:
		return answers
	case !now:
		w.heldBodies = append(w.heldBodies, answers...)
		return nil
	}
	all := append(append([][]byte{w.heldHeaders}, w.heldBodies...), answers...)
	w.heldHeaders, w.heldBodies = nil, nil
	return all
}

// decideAll returns the messages that can be sent on now.
func (x *exchange) decideAll(w *direction, e event) (out []frame, refusal *enforce.Refusal) {
	decideOne := func(f frame) *enforce.Refusal {
		f, refusal := w.decide(f)
		if refusal == nil {
			w.accepted = append(w.accepted, f)
		}
		return refusal
	}
	if w.mode == bodyGRPC {
		switch alone := e.end && e.endAlone; {
		case alone && len(e.body) > 0:
			return nil, outOfOrder(e.part)
		case !alone && e.part == w.body:
			refusal = decideOne(frame{e.body, e.packed})
		}
	} else {
		refusal = x.framed(w, e.body, decideOne)
	}
	if refusal != nil {
		return nil, refusal
	}
	if w.endSeen {
		if refusal = w.frames.end(); refusal == nil && w == &x.request {
			refusal = x.call.End()
		}
		if refusal != nil {
			return nil, refusal
		}
	}
	if w == &x.request && x.needsVerdict && x.call.Method.OneRequest() && !w.endSeen {
		return nil, nil
	}
	out, w.accepted = w.accepted, nil
	return out, nil
}

// framed extracts messages from body.
func (x *exchange) framed(w *direction, body []byte, decideOne func(frame) *enforce.Refusal) *enforce.Refusal {
	w.frames.add(body)
	for {
		f, ok, refusal := w.frames.next()
		if refusal == nil && ok {
			refusal = decideOne(f)
		}
		if refusal != nil || !ok {
			return refusal
		}
	}
}

// shaped returns the responses to e, a piece of the body of w, with the messages to send
// on.
func (w *direction) shaped(e event, out []frame) (answers [][]byte) {
	switch w.mode {
	case bodyGRPC:
		for _, f := range out {
			answers = append(answers, streamed(e.part, f.data, false, false, f.packed))
		}
		if e.end {
			answers = append(answers, streamed(e.part, nil, true, true, false))
		}
		return answers
	case bodyDuplex:
		body := wireOf(out)
		for len(body) > chunk {
			answers = append(answers, streamed(e.part, body[:chunk], false, false, false))
			body = body[chunk:]
		}
		if len(body) > 0 || e.end {
			answers = append(answers, streamed(e.part, body, e.end, false, false))
		}
		return answers
	}
	if body := wireOf(out); !bytes.Equal(body, e.body) {
		return [][]byte{replaced(e.part, body)}
	}
	return [][]byte{unchanged(e.part)}
}

func wireOf(frames []frame) (b []byte) {
	for _, f := range frames {
		b = f.wire(b)
	}
	return b
}

// requestMessage checks a request, and returns it as it is delivered: with its EXTRACT
// and RAW fields filled in.
func (x *exchange) requestMessage(f frame) (frame, *enforce.Refusal) {
	rules := x.call
	if rules.PassesThrough() {
		return f, nil
	}
	if rules.Method.Request == nil {
		return f, rules.Request(x.ctx, nil)
	}
	m, refusal, err := x.message(&x.request, f, rules.Method.Request)
	if refusal != nil {
		return f, refusal
	}
	if refusal = rules.RefuseRequest(err, m); err == nil {
		refusal = rules.Request(x.ctx, m)
	}
	if refusal != nil || rules.PassesThrough() {
		return f, refusal
	}
	return x.repacked(enforce.InRequest, &x.request, f, m)
}

// responseMessage signs a response.
func (x *exchange) responseMessage(f frame) (frame, *enforce.Refusal) {
	rules := x.call
	if x.needsVerdict && !x.accepted { // nothing is signed for a call that was not accepted (S77)
		return f, outOfOrder(responseBody)
	}
	m, refusal, err := x.message(&x.response, f, rules.Method.Response)
	switch {
	case refusal != nil:
		return f, refusal
	case err != nil:
		refusal = enforce.Refuse(enforce.InResponse, err)
	default:
		refusal = rules.Response(m)
	}
	if refusal != nil {
		return f, rules.Enforce(refusal)
	}
	return x.repacked(enforce.InResponse, &x.response, f, m)
}

// message parses f. err is about the message itself, refusal about its framing.
func (x *exchange) message(w *direction, f frame, p *plan.Message) (m *dynamicpb.Message, refusal *enforce.Refusal, err error) {
	data, refusal := f.unpacked(w.encoding, w.frames.maxBytes)
	if refusal != nil {
		return nil, refusal, nil
	}
	m = dynamicpb.NewMessage(p.Desc)
	return m, nil, x.call.Codec().Decode(data, m)
}

// repacked encodes m in the way in which f was.
func (x *exchange) repacked(at enforce.Place, w *direction, f frame, m *dynamicpb.Message) (frame, *enforce.Refusal) {
	wire, err := proto.Marshal(m)
	if err != nil {
		return f, enforce.Refuse(at, fault.New(fault.Internal, string(m.Descriptor().FullName()), "cannot be encoded"))
	}
	return packed(wire, w.encoding, f.packed)
}

// trailers ends the messages of w, and returns the responses to its trailers.
func (x *exchange) trailers(w *direction, e event) ([][]byte, *enforce.Refusal) {
	if !x.expectsBody(w) || w.trailersSeen {
		return nil, outOfOrder(e.part)
	}
	w.trailersSeen = true
	answer := trailersAnswer(e.part, mutation{remove: x.notForwarded(e)}, x.frameless)
	if w.endSeen {
		return w.release([][]byte{answer}, true), nil
	}
	w.endSeen = true
	if !w.extracts {
		return w.release([][]byte{answer}, true), nil
	}
	out, refusal := x.decideAll(w, event{part: e.part})
	if refusal != nil {
		return nil, refusal
	}
	x.accepted = x.accepted || w == &x.request
	var answers [][]byte
	if len(out) > 0 {
		if w.mode != bodyDuplex && w.mode != bodyGRPC { // no body is left that could hold them
			return nil, outOfOrder(e.part)
		}
		answers = w.shaped(event{part: w.body}, out)
	}
	return w.release(append(answers, answer), true), nil
}

// responseHeaders checks the headers of a response.
func (x *exchange) responseHeaders(e event) ([][]byte, *enforce.Refusal) {
	w := &x.response
	if x.call == nil && !w.headersSeen && isError(e) {
		x.fromEarlierFilter, w.mode = true, e.modes.response
	} else if x.call == nil || w.headersSeen {
		return nil, outOfOrder(e.part)
	}
	w.headersSeen, w.endSeen, w.trailersSeen = true, e.end, e.end
	w.encoding = joined(e.headers, "grpc-encoding")
	if x.needsVerdict && !x.accepted && !e.end && x.request.mode == bodyBuffered {
		return nil, outOfOrder(e.part) // the server heard of a call that was not accepted
	}
	kinds := values(e.headers, "content-type")
	if w.extracts = w.extracts && !e.end && w.mode != bodyNone; w.extracts && !x.frameless {
		w.extracts = len(kinds) == 1 && isGRPC(kinds[0])
		if status := values(e.headers, ":status"); !w.extracts && len(status) == 1 && status[0] == "200" {
			refusal := enforce.Refuse(enforce.InResponse, fault.New(fault.MessageMalformed, "content-type", "not a gRPC response"))
			return nil, x.call.Enforce(refusal)
		}
	}
	answer := headersAnswer(responseHeaders, mutation{remove: x.notForwarded(e)}, x.frameless)
	hold := w.mode == bodyDuplex || w.mode == bodyGRPC || w.mode == bodyStreamed && x.modes.eager
	if hold && w.extracts && x.call.Method.OneResponse() {
		w.heldHeaders = answer
		return nil, nil
	}
	return [][]byte{answer}, nil
}
