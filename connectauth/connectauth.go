// Package connectauth enforces a policy of package jwtpolicy on handlers of Connect
// (connectrpc.com/connect/v2), whether called by Connect's own protocol, gRPC or
// gRPC-Web.
//
//	server := connect.NewServer(connectauth.ServerInterceptor(policy))
//
// A handler is called after its bearer token has been accepted and, if messages are
// validated, its first message too. Each further message of a stream is checked before
// the handler receives it, and each response is signed if the method signs. A refusal
// ends the call with the same code and message as in jwtctl proxy.
//
// Handlers get the claims from jwtpolicy.FromContext, and in the request headers
// "_kalix-jwt-claim-…", as behind the proxy. Headers that clients send under such names
// are removed on every method, and authorization on those that require a token.
package connectauth

import (
	"context"
	"errors"
	"io"

	"connectrpc.com/connect/v2"

	"github.com/jwtctl/jwtctl/internal/guarded"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

const authorization = "Authorization"

// ServerInterceptor returns an interceptor that enforces p on all methods of a server.
// Install it first, so that other interceptors see only accepted calls. Connect itself
// refuses methods that the server does not have, as UNIMPLEMENTED.
func ServerInterceptor(p *jwtpolicy.Policy) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			var header *connect.Header
			var tokens []string
			if info, ok := connect.CallInfoForServerContext(ctx); ok {
				header = info.RequestHeader()
				tokens = header.Values(authorization)
			}
			c, err := p.Call(ctx, spec.Procedure, tokens...)
			if err != nil {
				return toError(err)
			}
			defer c.Close()
			tell(c, header)
			if _, has := c.Claims(); has {
				ctx = c.Context(ctx)
			}
			g := guarded.Stream{
				Call: c, Receive: receive(stream), Send: stream.Send, Uncounted: true,
				Refuse:  toError,
				Invalid: func(why string) error { return connect.NewError(connect.CodeInternal, why) },
			}
			return g.Serve(ctx, func() error { return next(ctx, spec, guardedStream{stream, ctx, &g}) })
		}
	}
}

// receive returns stream.Receive. Connect reports a missing request of a unary method as
// an error of its own; receive turns it into the end of the requests, so that the policy
// reports it (A37).
func receive(stream connect.ServerStream) func(any) error {
	return func(m any) error {
		err := stream.Receive(m)
		if e, ok := errors.AsType[*connect.Error](err); ok && e.Code() == connect.CodeUnimplemented && e.Message() == "unary request has zero messages" {
			return io.EOF
		}
		return err
	}
}

// tell removes headers that only the policy may set, and adds the claims (A34, S62).
func tell(c *jwtpolicy.Call, header *connect.Header) {
	if header == nil {
		return
	}
	var forged []string
	for key := range header.All() {
		if jwtpolicy.IsClaimKey(key) {
			forged = append(forged, key)
		}
	}
	if c.RequiresBearer() {
		forged = append(forged, authorization)
	}
	for _, key := range forged {
		header.Delete(key)
	}
	for key, value := range c.Metadata {
		if n := len(key) - len("-bin"); n > 0 && key[n:] == "-bin" {
			value = connect.EncodeBinaryHeader([]byte(value))
		}
		header.Set(key, value)
	}
}

// guardedStream is a stream whose messages are checked.
type guardedStream struct {
	connect.ServerStream
	ctx context.Context
	g   *guarded.Stream
}

// Receive implements connect.ServerStream.
func (s guardedStream) Receive(m any) error { return s.g.Next(s.ctx, m) }

// Send implements connect.ServerStream.
func (s guardedStream) Send(m any) error { return s.g.Answer(s.ctx, m) }

// toError returns a refusal as the error for the client; it wraps the *jwtpolicy.Error.
func toError(err error) error {
	var e *jwtpolicy.Error
	if !errors.As(err, &e) {
		return err
	}
	return connect.NewError(connect.Code(e.Status), e.Message).WithCause(e)
}
