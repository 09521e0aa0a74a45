package grpcauth

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/jwtpolicy"
)

const authorization = "authorization"

// ServerOptions makes a server enforce p on all of its methods: both interceptors, in
// front of those of later options.
func ServerOptions(p *jwtpolicy.Policy) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(UnaryServerInterceptor(p)),
		grpc.ChainStreamInterceptor(StreamServerInterceptor(p)),
	}
}

// UnaryServerInterceptor enforces p on unary methods.
func UnaryServerInterceptor(p *jwtpolicy.Policy) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
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

// StreamServerInterceptor enforces p on methods with a stream, and on each message. The
// handler of a method that validates its requests is called with the first one that
// passed: a call without any never reaches it.
func StreamServerInterceptor(p *jwtpolicy.Policy) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		c, ctx, err := begin(ss.Context(), p, info.FullMethod)
		if err != nil {
			return toStatus(err)
		}
		defer c.Close()
		s := &stream{ServerStream: ss, call: c, ctx: ctx, streams: info.IsClientStream}
		if first := c.NewRequest(); first != nil {
			if err := s.receive(first); err != nil {
				return err
			}
			s.first = first
		}
		err = handler(srv, s)
		if r := s.refused.Load(); r != nil { // whatever the handler made of it
			return r
		}
		return err
	}
}

// stream is a stream whose messages are decided about.
type stream struct {
	grpc.ServerStream
	call *jwtpolicy.Call
	ctx  context.Context
	// streams reports that the server takes any number of requests, whatever the method
	// does: grpc-go does not count them then.
	streams bool
	// refused is the refusal that ended the call.
	refused atomic.Pointer[refusal]
	first   proto.Message // received before the handler was called
	ended   bool          // the one request of the method was delivered
}

func (s *stream) Context() context.Context { return s.ctx }

// RecvMsg is that of grpc.ServerStream. It returns a message that has passed.
func (s *stream) RecvMsg(m any) error {
	first := s.first
	if first == nil {
		return s.receive(m)
	}
	s.first = nil
	to, is := m.(proto.Message)
	if !is {
		return status.Errorf(codes.Internal, "%T is not a message of protobuf", m)
	}
	return assign(to, first)
}

// receive receives m, and decides about it.
func (s *stream) receive(m any) error {
	switch r := s.refused.Load(); {
	case r != nil:
		return r
	case s.ended:
		return io.EOF
	}
	switch err := s.next(m); {
	case err == io.EOF:
		if err := s.refuse(s.call.End(s.ctx)); err != nil {
			return err
		}
		return io.EOF
	case err != nil:
		return err
	}
	request, is := m.(proto.Message)
	if !is && s.streams {
		return status.Errorf(codes.Internal, "%T is not a message of protobuf", m)
	}
	if err := s.refuse(s.call.Request(s.ctx, request)); err != nil {
		return err
	}
	if !s.call.OneRequest() {
		return nil
	}
	s.ended = true
	if s.streams {
		switch err := s.next(request.ProtoReflect().New().Interface()); {
		case err == nil:
			return s.refuse(s.call.Request(s.ctx, nil))
		case err != io.EOF:
			return err
		}
	}
	return s.refuse(s.call.End(s.ctx))
}

// next is RecvMsg of the stream below. protobuf-go 1.36.12 panics on some dynamic messages
// that are not valid, where it would end the program.
func (s *stream) next(m any) (err error) {
	defer func() {
		if recover() != nil {
			err = status.Error(codes.InvalidArgument, "Message is not valid")
		}
	}()
	return s.ServerStream.RecvMsg(m)
}

// SendMsg is that of grpc.ServerStream. What it sends is signed where the method signs;
// after a refusal nothing is sent.
func (s *stream) SendMsg(m any) error {
	if r := s.refused.Load(); r != nil {
		return r
	}
	if !s.call.Signs() {
		return s.ServerStream.SendMsg(m)
	}
	response, _ := m.(proto.Message)
	signed, err := s.call.Response(s.ctx, response)
	if err != nil {
		return s.refuse(err)
	}
	return s.ServerStream.SendMsg(signed)
}

// refuse ends the call with err, nil for none, and returns it as a status.
func (s *stream) refuse(err error) error {
	if err == nil {
		return nil
	}
	var e *jwtpolicy.Error
	if !errors.As(err, &e) {
		return err
	}
	s.refused.CompareAndSwap(nil, &refusal{e})
	return s.refused.Load()
}

// assign makes to what from is.
func assign(to, from proto.Message) error {
	if to.ProtoReflect().Type() == from.ProtoReflect().Type() || to.ProtoReflect().Descriptor() == from.ProtoReflect().Descriptor() {
		proto.Reset(to)
		proto.Merge(to, from)
		return nil
	}
	wire, err := proto.Marshal(from)
	if err == nil {
		err = proto.Unmarshal(wire, to)
	}
	if err != nil {
		return status.Error(codes.Internal, "the request does not fit the handler's message")
	}
	return nil
}

// begin begins a call, and returns what its handler gets as context: with the claims, and
// with metadata as behind jwtctl proxy (A34, S62).
func begin(ctx context.Context, p *jwtpolicy.Policy, path string) (*jwtpolicy.Call, context.Context, error) {
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	c, err := p.Call(ctx, path, md[authorization]...)
	if err != nil {
		return nil, nil, err
	}
	changed := false
	for key := range md {
		if jwtpolicy.IsClaimKey(key) || key == authorization && c.RequiresBearer() {
			delete(md, key)
			changed = true
		}
	}
	for key, value := range c.Metadata {
		md[key] = []string{value}
		changed = true
	}
	if changed {
		ctx = metadata.NewIncomingContext(ctx, md)
	}
	if _, has := c.Claims(); has {
		ctx = c.Context(ctx)
	}
	return c, ctx, nil
}

// toStatus returns a refusal as the status that clients get.
func toStatus(err error) error {
	var e *jwtpolicy.Error
	if !errors.As(err, &e) {
		return err
	}
	return &refusal{e}
}

// refusal is a refusal as a status of gRPC; to other interceptors it is an *Error still.
type refusal struct{ e *jwtpolicy.Error }

func (r *refusal) Error() string { return r.e.Error() }
func (r *refusal) Unwrap() error { return r.e }

// GRPCStatus is what package status looks for.
func (r *refusal) GRPCStatus() *status.Status {
	return status.New(codes.Code(r.e.Status), r.e.Message)
}
