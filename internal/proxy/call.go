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

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// call is one call on its way through.
type call struct {
	*Proxy
	state  *state // for all of the call, whatever Swap does meanwhile
	client grpc.ServerStream
	method *plan.Method
	began  time.Time
	// bearer is the token that passed, nil where none is asked for.
	bearer *admission
	// subtype is what the content type says of the messages, "" for protobuf.
	subtype string
}

// handle is where every call comes in.
func (p *Proxy) handle(_ any, client grpc.ServerStream) (err error) {
	c := &call{Proxy: p, state: p.state.Load(), client: client}
	p.options.Observer.Begin()
	defer func() { p.holder.hold(client.Context(), err, err == nil || c.bearer != nil, p.options.Now()) }()
	defer func() { c.end(err) }()
	defer func() {
		if cause := recover(); cause != nil { // S74
			err = crashed(cause)
		}
	}()
	c.began = p.options.Now()
	// The path as the client spelled it is the only name there is (S60).
	path, _ := grpc.MethodFromServerStream(client)
	if c.method = c.state.methods[path]; c.method == nil {
		return refuse(inCall, fault.New(fault.MethodUnknown, "", "the descriptors have no method of this path"))
	}
	ctx, err := c.admit()
	if err != nil {
		return err
	}
	return c.forward(ctx)
}

// admit decides about the bearer token and returns the context of the call to
// the upstream, with its metadata.
func (c *call) admit() (context.Context, error) {
	ctx := c.client.Context()
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	if n, most := listSize("/"+c.method.Name, md), c.options.Limits.MetadataBytes; n > int(most) {
		return nil, refuse(inCall, fault.New(fault.LimitExceeded, "metadata", "%d bytes; at most %d are read", n, most))
	}
	if err := c.contentType(md.Get("content-type")); err != nil {
		return nil, err
	}
	if need := c.method.Bearer; need != nil {
		values := md.Get(authorization)
		a, err := c.state.admit(ctx, need, values)
		if err != nil {
			return nil, refuse(inBearer, err).signedBy(bearerKeyID(values))
		}
		c.bearer = a
		if !c.options.ForwardAuthorization {
			delete(md, authorization)
		}
	}
	withoutClaims(forwardable(md))
	if c.bearer != nil {
		for _, claim := range c.bearer.claims {
			md[claim.key] = []string{claim.value}
		}
	}
	return metadata.NewOutgoingContext(ctx, md), nil
}

// contentType keeps what the messages are encoded in. Those that must be looked
// at must be protobuf.
func (c *call) contentType(values []string) error {
	if len(values) > 0 { // the transport has made sure that it is one of gRPC
		c.subtype = strings.TrimLeft(strings.TrimPrefix(values[0], "application/grpc"), "+;")
	}
	looks := c.method.Request != nil || c.method.Response != nil
	if c.subtype == "" || c.subtype == "proto" || !looks && validKey(c.subtype) {
		return nil
	}
	return refuse(inRequest, fault.New(fault.MessageMalformed, "content-type", "it is not that of protobuf"))
}

// forward opens the call to the upstream and passes messages both ways until it
// ends.
//
// Where requests have to be validated, the upstream hears of the call with the
// first one that passed, and where there is one request only, with that one: a
// call that is refused leaves no trace there (S59).
func (c *call) forward(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	streams := c.method.Desc == nil || c.method.Desc.IsStreamingClient()
	waits := !streams || c.method.Request != nil
	var first *frame
	if waits {
		var err error
		if first, err = c.receive(ctx, true); err != nil {
			return err
		}
	}
	if !streams && first != nil {
		if err := c.noMore(); err != nil {
			first.free()
			return err
		}
	}
	desc := &grpc.StreamDesc{ClientStreams: streams, ServerStreams: true}
	up, err := c.upstream.NewStream(ctx, desc, "/"+c.method.Name, c.callOptions()...)
	switch {
	case err != nil:
		first.free()
		return unreachable(err)
	case !waits:
		go c.pump(ctx, cancel, up, true)
	case first == nil:
		_ = up.CloseSend()
	case up.SendMsg(first) == nil && streams: // an error is for RecvMsg to tell
		go c.pump(ctx, cancel, up, false)
	}
	return c.respond(ctx, up)
}

func (c *call) callOptions() []grpc.CallOption {
	options := []grpc.CallOption{grpc.ForceCodecV2(codec{})}
	if c.subtype != "" {
		options = append(options, grpc.CallContentSubtype(c.subtype))
	}
	return options
}

// noMore returns an error if the client sends more than the one message that
// its method has.
func (c *call) noMore() error {
	var f frame
	switch err := c.client.RecvMsg(&f); {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	}
	f.free()
	return status.Error(codes.Internal, "more than one request message for a method that takes one")
}

// pump passes requests until the client has no more. A message that is refused
// ends the call, by its context, with that refusal (S63).
func (c *call) pump(ctx context.Context, cancel context.CancelCauseFunc, up grpc.ClientStream, first bool) {
	defer func() {
		if cause := recover(); cause != nil {
			cancel(crashed(cause))
		}
	}()
	for ; ; first = false {
		f, err := c.receive(ctx, first)
		switch {
		case err != nil:
			cancel(err)
			return
		case f == nil:
			_ = up.CloseSend()
			return
		}
		if up.SendMsg(f) != nil {
			return // RecvMsg says why
		}
	}
}

// receive returns the next request as it goes upstream; nil when there are no
// more.
//
// The bearer token was good when the call began. From its expiry on, no further
// request is delivered (S63); responses still are.
func (c *call) receive(ctx context.Context, first bool) (*frame, error) {
	f := new(frame)
	switch err := c.client.RecvMsg(f); {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, err
	}
	if !first && c.bearer.overAt(c.options.Now(), c.state.Leeway) {
		f.free()
		return nil, refuse(inBearer, fault.New(fault.TokenExpired, "bearer token", "expired while the call was under way")).signedBy(c.bearer.token.Header.KeyID)
	}
	if c.method.Request == nil {
		return f, nil
	}
	return c.validate(ctx, f)
}

// respond passes the upstream's answer to the client.
func (c *call) respond(ctx context.Context, up grpc.ClientStream) error {
	// Whoever waits for a stream to begin waits for its header; that of a single
	// answer goes with it.
	if c.method.Desc == nil || c.method.Desc.IsStreamingServer() {
		if err := c.header(up, c.client.SendHeader); err != nil {
			return err
		}
	}
	for first := true; ; first = false {
		f := new(frame)
		if err := up.RecvMsg(f); err != nil {
			return c.finish(ctx, up, err, first)
		}
		if c.method.Response != nil {
			var err error
			if f, err = c.sign(f); err != nil {
				return err
			}
		}
		if first && c.method.Desc != nil && !c.method.Desc.IsStreamingServer() {
			if err := c.header(up, c.client.SetHeader); err != nil {
				return err
			}
		}
		if err := c.client.SendMsg(f); err != nil {
			return err
		}
	}
}

// header passes the upstream's header on by send; there is none if it answers
// with a status alone.
func (c *call) header(up grpc.ClientStream, send func(metadata.MD) error) error {
	md, err := up.Header()
	if err != nil || md == nil {
		return nil // RecvMsg says why
	}
	return send(forwardable(md))
}

// finish returns how the call ends where RecvMsg has returned ended.
func (c *call) finish(ctx context.Context, up grpc.ClientStream, ended error, empty bool) error {
	if cause := context.Cause(ctx); cause != nil {
		if _, ours := status.FromError(cause); ours { // pump's; that of a client is no status
			return cause
		}
	}
	if empty && c.method.Desc != nil && !c.method.Desc.IsStreamingServer() {
		if err := c.header(up, c.client.SendHeader); err != nil {
			return err
		}
	}
	c.client.SetTrailer(forwardable(up.Trailer()))
	if ended == io.EOF {
		return nil
	}
	return withoutAddresses(ended)
}
