package grpcauth

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/internal/guarded"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

const authorization = "authorization"

// ServerOptions returns options that enforce p on all methods of a server. They install
// both interceptors, which run before those of later options.
func ServerOptions(p *jwtpolicy.Policy) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(UnaryServerInterceptor(p)),
		grpc.ChainStreamInterceptor(StreamServerInterceptor(p)),
	}
}

// UnaryServerInterceptor enforces p on unary methods.
func UnaryServerInterceptor(p *jwtpolicy.Policy) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if p.Unguarded(info.FullMethod) { // gRPC ensures that there is one message
			return handler(withoutClaims(ctx), req)
		}
		c, ctx, err := begin(ctx, p, info.FullMethod)
		if err != nil {
			return nil, toStatus(err)
		}
		defer c.Close()
		m, _ := req.(proto.Message)
		if err = c.Request(ctx, m); err == nil {
			err = c.End(ctx)
		}
		if err != nil {
			return nil, toStatus(err)
		}
		reply, err := handler(ctx, req)
		if err != nil || !c.Signs() {
			return reply, err
		}
		m, _ = reply.(proto.Message)
		signed, err := c.Response(ctx, m)
		if err != nil {
			return nil, toStatus(err)
		}
		return signed, nil
	}
}

// StreamServerInterceptor enforces p on streaming methods, and on each of their messages.
// If a method validates its requests, its handler is called after the first message is
// accepted: a call without messages never reaches it.
func StreamServerInterceptor(p *jwtpolicy.Policy) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		c, ctx, err := begin(ss.Context(), p, info.FullMethod)
		if err != nil {
			return toStatus(err)
		}
		defer c.Close()
		g := guarded.Stream{
			Call: c, Receive: ss.RecvMsg, Send: ss.SendMsg, Uncounted: info.IsClientStream,
			Refuse:  toStatus,
			Invalid: func(reason string) error { return status.Error(codes.Internal, reason) },
		}
		return g.Serve(ctx, func() error { return handler(srv, &stream{ss, ctx, &g}) })
	}
}

// stream is a stream whose messages are checked.
type stream struct {
	grpc.ServerStream
	ctx context.Context
	g   *guarded.Stream
}

func (s *stream) Context() context.Context { return s.ctx }
func (s *stream) RecvMsg(m any) error      { return s.g.Next(s.ctx, m) }
func (s *stream) SendMsg(m any) error      { return s.g.Answer(s.ctx, m) }

// begin begins a call, and returns the context for its handler: with the claims, and with
// metadata as behind jwtctl proxy (A34, S62).
func begin(ctx context.Context, p *jwtpolicy.Policy, path string) (*jwtpolicy.Call, context.Context, error) {
	md := incoming(ctx)
	c, err := p.Call(ctx, path, md[authorization]...)
	if err != nil {
		return nil, nil, err
	}
	if !c.RequiresBearer() {
		return c, withoutClaims(ctx), nil
	}
	ctx = metadata.NewIncomingContext(ctx, forHandler(c, md))
	if _, has := c.Claims(); has {
		ctx = c.Context(ctx)
	}
	return c, ctx, nil
}

// forHandler returns md as the handler gets it: with the claims of the bearer token, and
// without the token.
func forHandler(c *jwtpolicy.Call, md metadata.MD) metadata.MD {
	n := len(md)
	for range c.Metadata {
		n++
	}
	out, values := make(metadata.MD, n), make([]string, 0, n)
	copyUnforged(out, md)
	delete(out, authorization)
	for key, value := range c.Metadata {
		values = append(values, value)
		out[key] = values[len(values)-1 : len(values) : len(values)]
	}
	return out
}

// withoutClaims returns ctx without metadata of the client that could be taken for
// claims.
func withoutClaims(ctx context.Context) context.Context {
	md := incoming(ctx)
	for key := range md {
		if jwtpolicy.IsClaimKey(key) {
			out := make(metadata.MD, len(md))
			copyUnforged(out, md)
			return metadata.NewIncomingContext(ctx, out)
		}
	}
	return ctx
}

// copyUnforged copies md to out, except what could be taken for claims.
func copyUnforged(out, md metadata.MD) {
	for key, values := range md {
		if !jwtpolicy.IsClaimKey(key) {
			out[key] = values
		}
	}
}

// incoming returns the metadata of a call, which must not be modified. Package metadata
// returns copies only, which every call would pay for, so incoming finds the key under
// which the package keeps the original in the context.
func incoming(ctx context.Context) metadata.MD {
	if key := incomingKey(); key != nil {
		if md, ok := ctx.Value(key).(metadata.MD); ok {
			return md
		}
	}
	md, _ := metadata.FromIncomingContext(ctx)
	return md
}

var incomingKey = sync.OnceValue(func() any {
	s := &asked{Context: context.Background()}
	_, _ = metadata.FromIncomingContext(s)
	return s.key
})

// asked records the last key that was looked up in it.
type asked struct {
	context.Context
	key any
}

func (a *asked) Value(key any) any {
	a.key = key
	return nil
}

// toStatus returns a refusal as the status for the client.
func toStatus(err error) error {
	var e *jwtpolicy.Error
	if !errors.As(err, &e) {
		return err
	}
	return &refusal{e}
}

// refusal is a refusal that is a gRPC status and, for other interceptors, an *Error.
type refusal struct{ e *jwtpolicy.Error }

func (r *refusal) Error() string { return r.e.Error() }
func (r *refusal) Unwrap() error { return r.e }

// GRPCStatus implements the interface that package status looks for.
func (r *refusal) GRPCStatus() *status.Status {
	return status.New(codes.Code(r.e.Status), r.e.Message)
}
