// Package connectauth guards handlers of Connect (connectrpc.com/connect/v2) by a policy
// of package jwtpolicy: those of Connect's own protocol, of gRPC and of gRPC-Web alike.
//
//	server := connect.NewServer(connectauth.ServerInterceptor(policy))
//
// A handler is called once its bearer token, and the first message where messages are
// validated, have passed; every further message of a stream is decided about before the
// handler receives it, and every response is signed where the method signs. What fails
// ends the call with the code and words that jwtctl proxy has for it.
//
// A handler finds the claims by jwtpolicy.FromContext, and in the request headers
// "_kalix-jwt-claim-…", as behind the proxy. What clients send under such names is removed
// on every method, and authorization on those that require a token.
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

// ServerInterceptor enforces p on all methods of a server. Put it first, so that no other
// interceptor sees what the policy refuses. A method that the server does not have is
// refused by Connect itself, as UNIMPLEMENTED.
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

// receive is stream.Receive, which ends a call of a method that takes one request and got
// none with an error of its own: here that is the end of the requests, which the policy
// has a word for (A37).
func receive(stream connect.ServerStream) func(any) error {
	return func(m any) error {
		err := stream.Receive(m)
		var e *connect.Error
		if errors.As(err, &e) && e.Code() == connect.CodeUnimplemented && e.Message() == "unary request has zero messages" {
			return io.EOF
		}
		return err
	}
}

// tell removes from header what only the policy may say, and adds the claims (A34, S62).
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

// guardedStream is a stream whose messages are decided about.
type guardedStream struct {
	connect.ServerStream
	ctx context.Context
	g   *guarded.Stream
}

// Receive is that of connect.ServerStream.
func (s guardedStream) Receive(m any) error { return s.g.Next(s.ctx, m) }

// Send is that of connect.ServerStream.
func (s guardedStream) Send(m any) error { return s.g.Answer(s.ctx, m) }

// toError returns a refusal as the error that clients get; it wraps the *jwtpolicy.Error.
func toError(err error) error {
	var e *jwtpolicy.Error
	if !errors.As(err, &e) {
		return err
	}
	return connect.NewError(connect.Code(e.Status), e.Message).WithCause(e)
}
