package proxy

import (
	"context"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// call is one call through the proxy.
type call struct {
	*Proxy
	// rules check the call by the policy that it began with.
	rules  *enforce.Call
	method *plan.Method // of rules
	client grpc.ServerStream
	began  time.Time
	// subtype is the message format in the content type, or "" for protobuf.
	subtype string
	// otherType is set if the upstream's response has another.
	otherType        bool
	compression      compression
	responseEncoding string       // the encoding of the response, if it is watched
	exact            *rawMetadata // nil for calls that need none
	watched          rawMetadata
	// answered is set once the client was sent a message.
	answered bool
	// in and out hold the current request and response.
	in, out frame
}

// handle handles every call.
func (p *Proxy) handle(_ any, client grpc.ServerStream) (err error) {
	// Only the path as the client spelled it is used (S60).
	path, _ := grpc.MethodFromServerStream(client)
	c := &call{Proxy: p, client: client, began: p.options.Now()}
	c.rules = p.state.Load().Call(path, c.reporter())
	c.method = c.rules.Method
	p.options.Observer.Begin()
	defer func() {
		now, ctx := p.options.Now(), client.Context()
		if v := clientConnOf(ctx); v != nil {
			v.resets.count(ctx, err, c.answered, c.began, now)
			p.holder.delay(ctx, v, err, err == nil || c.rules.Admission() != nil, now)
		}
	}()
	defer func() { c.end(err) }()
	defer func() {
		if cause := recover(); cause != nil { // S74
			err = refused(enforce.PanicRefusal(cause))
		}
	}()
	if err := callEnded(client.Context()); err != nil {
		return err
	}
	if r := c.rules.CheckMethod(); r != nil {
		return refused(r)
	}
	ctx, err := c.admit()
	if err != nil {
		return err
	}
	return c.forward(ctx)
}

// forward opens the call to the upstream and passes messages both ways until it ends.
//
// If requests are validated, the upstream hears of the call with the first accepted
// request; if there is only one request, with that one: a refused call leaves no trace
// there (S59).
func (c *call) forward(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	one := c.method.OneRequest()
	waits := one || c.method.Request != nil
	if c.options.ReportOnly { // any number of requests passes
		one, waits = false, false
	}
	var first *frame
	if waits {
		var err error
		if first, err = c.receive(ctx); err != nil {
			return err
		}
	}
	if one {
		if err := c.checkNoMoreRequests(ctx); err != nil {
			first.free()
			return err
		}
	}
	desc := &grpc.StreamDesc{ClientStreams: !one, ServerStreams: true}
	up, err := c.upstream.NewStream(ctx, desc, "/"+c.method.Name, c.callOptions()...)
	switch {
	case err != nil:
		first.free()
		return unreachable(err)
	case !waits:
		go c.forwardRequests(ctx, cancel, up)
	case up.SendMsg(first) == nil && !one: // RecvMsg returns the error
		go c.forwardRequests(ctx, cancel, up)
	}
	return c.respond(ctx, up)
}

// checkNoMoreRequests waits until the client has sent all requests of a method that takes one. It
// returns an error if there is another, or if the request may no longer be delivered.
func (c *call) checkNoMoreRequests(ctx context.Context) error {
	var f frame
	switch err := c.client.RecvMsg(&f); {
	case err == io.EOF:
		return refused(c.rules.End())
	case err != nil:
		return err
	}
	f.free()
	return refused(c.rules.Request(ctx, nil))
}

// forwardRequests forwards requests until the client has no more. A refused message ends the call
// through its context, with the refusal (S63).
func (c *call) forwardRequests(ctx context.Context, cancel context.CancelCauseFunc, up grpc.ClientStream) {
	defer func() {
		if cause := recover(); cause != nil {
			cancel(refused(enforce.PanicRefusal(cause)))
		}
	}()
	for {
		f, err := c.receive(ctx)
		switch {
		case err != nil:
			cancel(err)
			return
		case f == nil:
			_ = up.CloseSend()
			return
		}
		if up.SendMsg(f) != nil {
			return // RecvMsg returns the reason
		}
	}
}

// receive returns the next request for the upstream, or nil if there are no more and that
// is permitted (A37, S63, S88).
func (c *call) receive(ctx context.Context) (*frame, error) {
	f := &c.in
	switch err := c.client.RecvMsg(f); {
	case err == io.EOF:
		return nil, refused(c.rules.End())
	case err != nil:
		return nil, err
	}
	if f.opaque || isOpaque(c.compression.request) {
		if err := f.fits(c.compression.request); err != nil {
			f.free()
			return nil, err
		}
	}
	return c.request(ctx, f)
}

// respond forwards the upstream's response to the client.
func (c *call) respond(ctx context.Context, up grpc.ClientStream) error {
	// A client that waits for a stream to begin waits for its header; that of a single
	// response is sent with it.
	if !c.method.OneResponse() {
		if err := c.header(ctx, up, grpc.SendHeader, false); err != nil {
			return err
		}
	}
	for first := true; ; first = false {
		f := &c.out
		if err := up.RecvMsg(f); err != nil {
			return c.finish(ctx, up, err, first)
		}
		if first && c.method.OneResponse() {
			if err := c.header(ctx, up, grpc.SetHeader, false); err != nil {
				return err
			}
		}
		if c.otherType {
			f.free()
			return status.Error(codes.Internal, "Response has another content type than the request")
		}
		if f.opaque || isOpaque(c.responseEncoding) {
			if err := f.fits(c.responseEncoding); err != nil {
				f.free()
				return err
			}
		}
		if c.method.Response != nil && c.isProtobuf() {
			var err error
			if f, err = c.sign(f); err != nil {
				return err
			}
		}
		if err := c.client.SendMsg(f); err != nil {
			return err
		}
		c.answered = true
	}
}

// header forwards the upstream's header with send; there is none if the response is only
// a status. empty is set if no message follows it.
//
// Unlike the methods of c.client, grpc.SendHeader, SetHeader and SetTrailer permit what
// is valid in HTTP only, see outgoing.
func (c *call) header(ctx context.Context, up grpc.ClientStream, send func(context.Context, metadata.MD) error, empty bool) error {
	md, err := up.Header()
	if err != nil || md == nil {
		return nil // RecvMsg returns the reason
	}
	if err := c.answerIn(ctx, empty); err != nil {
		return err
	}
	// The client would take the messages for the type that it requested: the response has
	// that content type.
	c.otherType = !c.isRequestType(md["content-type"])
	return send(c.client.Context(), forwardable(md))
}

// isRequestType reports whether values, the content type of a response, is that of the
// request: gRPC without a subtype means protobuf (PROTOCOL-HTTP2.md, Content-Type). The
// transport has refused content types that are not gRPC.
func (c *call) isRequestType(values []string) bool {
	if len(values) == 0 {
		return true
	}
	kind, _, _ := strings.Cut(values[0], ";")
	subtype := strings.Trim(strings.TrimPrefix(kind, "application/grpc"), "+ ")
	return subtype == c.subtype || c.isProtobuf() && (subtype == "" || subtype == "proto")
}

// finish returns how the call ends after RecvMsg has returned ended.
func (c *call) finish(ctx context.Context, up grpc.ClientStream, ended error, empty bool) error {
	if cause := context.Cause(ctx); cause != nil {
		if _, ours := status.FromError(cause); ours { // forwardRequests's; that of a client is not a status
			return cause
		}
	}
	if empty && c.method.OneResponse() {
		if err := c.header(ctx, up, grpc.SendHeader, true); err != nil {
			return err
		}
	}
	_ = grpc.SetTrailer(c.client.Context(), forwardable(up.Trailer())) // fails once the call has ended
	if ended == io.EOF {
		return nil
	}
	return withoutAddresses(ended)
}
