package authz

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtctl/jwtctl/internal/compress"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// exchange is a call that a data plane has checked part by part, by ext_proc. It is not
// safe for concurrent use.
//
// It fails closed: unless the call is answered completely, it is refused. Parts that are
// duplicated, early, late or missing let nothing pass.
type exchange struct {
	a     *Authority
	ctx   context.Context
	began time.Time

	call *enforce.Call // nil before the request headers
	path string
	// grpc is the content type in which the client is refused, or "" if the call is not
	// gRPC. messages is set if bodies consist of gRPC messages.
	grpc     string
	messages bool
	// modes are those of the first part. frameless is set for bodyGRPC.
	modes     modes
	frameless bool
	windowed  bool
	// fromEarlierFilter is set if the response is an error of an earlier filter, which did not
	// forward the request to this one.
	fromEarlierFilter bool

	request, response direction
	// needsVerdict is set if requests are delivered only after the rules of the call permit it,
	// and accepted once they do.
	needsVerdict, accepted bool
}

// direction is one direction of a call.
type direction struct {
	body                               part // the part of its pieces
	mode                               bodyMode
	headersSeen, endSeen, trailersSeen bool // seen: its headers, the end of its messages, its trailers
	// decide checks a message, and returns it as it is to be sent on.
	decide func(frame) (frame, *enforce.Refusal)
	// extracts is set if messages are extracted from the bodies.
	extracts bool
	encoding string
	frames   deframer
	// heldHeaders is the response to the headers, and heldBodies are later ones; they wait for
	// the first accepted message.
	heldHeaders []byte
	heldBodies  [][]byte
	// accepted are accepted messages that wait for the end.
	accepted []frame
	// unreturned is the number of window bytes that were consumed and not yet returned.
	unreturned int
}

// exchange begins a call.
func (a *Authority) exchange(ctx context.Context) *exchange {
	a.options.Observer.Begin()
	x := &exchange{a: a, ctx: ctx, began: a.options.Now()}
	frames := deframer{maxBytes: a.options.MessageBytes}
	x.request = direction{body: requestBody, decide: x.requestMessage, frames: frames}
	x.response = direction{body: responseBody, decide: x.responseMessage, frames: frames}
	return x
}

// errRefused ends the stream of a refused call. A data plane that ignores the response
// must not take the end of the stream for approval.
var errRefused = errors.New("the call was refused")

// serve passes what receive returns to step, and sends the responses with send, until the
// data plane ends the stream or the call is refused (errRefused).
func (x *exchange) serve(receive func() ([]byte, error), send func([]byte) error) (err error) {
	var refusal *enforce.Refusal
	defer func() { x.end(refusal) }()
	for {
		question, err := receive()
		if err != nil {
			if err == io.EOF { // the transport returns it unwrapped
				return nil
			}
			return err
		}
		var answers [][]byte
		if answers, refusal = x.step(question); refusal != nil {
			_ = send(immediate(refusal, x.grpc, x.frameless))
			return errRefused
		}
		for _, answer := range answers {
			if err := send(answer); err != nil {
				return err
			}
		}
	}
}

// end reports the decision to log and observer. If the client left before that, the call
// counts as cancelled.
func (x *exchange) end(refusal *enforce.Refusal) {
	undecided := x.call == nil || x.request.heldHeaders != nil || x.needsVerdict && !x.accepted && x.call.UsesMessages()
	left := refusal == nil && undecided
	x.a.end(x.ctx, x.call, x.path, refusal, left, x.began)
}

// step handles one part of the call.
func (x *exchange) step(question []byte) (answers [][]byte, refusal *enforce.Refusal) {
	defer func() {
		if cause := recover(); cause != nil { // S74
			answers, refusal = nil, enforce.PanicRefusal(cause)
		}
	}()
	e, err := processingRequest(question)
	switch {
	case err != nil:
		return nil, enforce.Refuse(enforce.InCall, fault.New(fault.Internal, "ext_proc", "invalid message from the proxy in front: %w", err))
	case e.observes:
		return nil, misconfigured("ext_proc", "observability_mode is on, so the proxy in front refuses nothing")
	}
	switch e.part {
	case requestHeaders:
		return x.requestHeaders(e)
	case responseHeaders:
		return x.responseHeaders(e)
	case requestBody:
		return x.bodyPart(&x.request, e)
	case responseBody:
		return x.bodyPart(&x.response, e)
	case requestTrailers:
		return x.trailers(&x.request, e)
	case responseTrailers:
		return x.trailers(&x.response, e)
	}
	return nil, nil // a window update
}

// misconfigured returns the refusal of a call for which the proxy in front is misconfigured.
func misconfigured(what, format string, args ...any) *enforce.Refusal {
	f := fault.New(fault.PolicyInvalid, what, format, args...).WithHint("docs/authz.md has the required processing_mode")
	return enforce.Refuse(enforce.InCall, f)
}

// outOfOrder returns the refusal of a part that must not come now.
func outOfOrder(p part) *enforce.Refusal {
	return enforce.Refuse(enforce.InCall, fault.New(fault.Internal, "ext_proc", "part %d of the call came out of order", p))
}

// requestHeaders checks what a call begins with, as the proxy does.
func (x *exchange) requestHeaders(e event) ([][]byte, *enforce.Refusal) {
	if x.call != nil {
		return nil, outOfOrder(e.part)
	}
	x.grpc = grpcType(e.headers)
	x.modes, x.windowed = e.modes, e.windowed
	x.frameless = x.modes.request == bodyGRPC || x.modes.response == bodyGRPC
	path, refusal := pathIn(e)
	x.path, _, _ = strings.Cut(path, "?")
	x.call = x.a.begin(x.ctx, x.path)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := x.call.CheckMethod(); refusal != nil {
		return nil, refusal
	}
	x.begin(e)
	if refusal := x.call.Enforce(x.decide(e)); refusal != nil {
		return nil, refusal
	}
	if x.request.endSeen = e.end; e.end && x.messages {
		if refusal := x.call.End(); refusal != nil {
			return nil, refusal
		}
		x.accepted = true
	}
	x.needsVerdict = x.needsVerdict && !x.call.PassesThrough() && !x.a.options.ReportOnly
	return x.answerRequest(e), nil
}

// begin reads the headers and modes of the call.
func (x *exchange) begin(e event) {
	x.request.headersSeen, x.request.mode, x.response.mode = true, x.modes.request, x.modes.response
	kinds := values(e.headers, "content-type")
	x.messages = len(kinds) == 1 && isGRPC(kinds[0]) || x.frameless && len(kinds) == 0
	x.request.encoding = joined(e.headers, "grpc-encoding")
	x.request.extracts = x.messages && sendsWholeBody(x.modes.request)
	x.response.extracts = x.messages && x.call.Method.Response != nil
	x.needsVerdict = x.request.extracts && (x.call.Method.OneRequest() || x.call.Method.Request != nil)
}

// sendsWholeBody reports whether mode sends every byte of a body.
func sendsWholeBody(mode bodyMode) bool {
	return mode == bodyStreamed || mode == bodyBuffered || mode == bodyDuplex || mode == bodyGRPC
}

// decide checks the headers of a method in the policy.
func (x *exchange) decide(e event) *enforce.Refusal {
	method := x.call.Method
	if refusal := x.a.tooLarge(e.headers); refusal != nil {
		return refusal
	}
	if x.call.UsesMessages() && !x.a.options.BearerOnly && !x.isProtobuf(e.headers) {
		return enforce.Refuse(enforce.InRequest, fault.New(fault.MessageMalformed, "content-type", "must be application/grpc or application/grpc+proto"))
	}
	if refusal := x.call.Admit(x.ctx, values(e.headers, "authorization")); refusal != nil {
		return refusal
	}
	if method.Request != nil && x.request.extracts && x.request.encoding != "" && x.request.encoding != identity && compress.Find(x.request.encoding) == nil {
		return enforce.Refuse(enforce.InRequest, fault.New(fault.EncodingUnknown, "grpc-encoding", "unknown compression, but the messages must be read"))
	}
	if refusal := x.refuseUnseen(e); refusal != nil {
		return refusal
	}
	return x.call.Begin()
}

// refuseUnseen refuses a method whose messages must be checked but are not sent here before
// they are delivered, unless something else checks them.
func (x *exchange) refuseUnseen(e event) *enforce.Refusal {
	method := x.call.Method
	early := x.modes.request == bodyStreamed && !x.modes.eager // the server would hear of the call first
	missing := method.Request != nil && (!sendsWholeBody(x.modes.request) || early) && !(e.end && x.messages)
	if missing && !(x.a.options.BearerOnly && x.modes.request == bodyNone) {
		return misconfigured(method.Name, "its requests must be validated, but the proxy in front uses request_body_mode %d", x.modes.request)
	}
	if method.Response != nil && !sendsWholeBody(x.modes.response) && !(x.a.options.BearerOnly && x.modes.response == bodyNone) {
		return misconfigured(method.Name, "its responses must be signed, but the proxy in front uses response_body_mode %d", x.modes.response)
	}
	return nil
}

// isProtobuf reports whether the messages of the call can be parsed.
func (x *exchange) isProtobuf(headers []Header) bool {
	if !x.messages {
		return false
	}
	kinds := values(headers, "content-type")
	if len(kinds) == 0 {
		return true
	}
	subtype := strings.TrimLeft(strings.TrimPrefix(kinds[0], "application/grpc"), "+;")
	return subtype == "" || subtype == "proto"
}

// bodyPart checks a piece of the body of w. It returns what it consumed of the window with
// the last response; while the headers of the request are held, no response may precede
// theirs.
func (x *exchange) bodyPart(w *direction, e event) ([][]byte, *enforce.Refusal) {
	answers, refusal := x.bodies(w, e)
	if w.unreturned += len(e.body); refusal != nil || !x.windowed || w.unreturned == 0 || x.request.heldHeaders != nil {
		return answers, refusal
	}
	owed := w.unreturned
	w.unreturned = 0
	last := len(answers) - 1
	if last < 0 || answersHeaders(answers[last]) {
		return append(answers, windowUpdate(nil, e.part, owed)), nil
	}
	answers[last] = windowUpdate(answers[last], e.part, owed)
	return answers, nil
}

func answersHeaders(answer []byte) bool {
	number, _, _ := protowire.ConsumeTag(answer)
	return number == requestHeaders.answers() || number == responseHeaders.answers()
}
