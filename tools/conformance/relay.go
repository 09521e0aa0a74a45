package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // for servers and clients
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// relay has handlers that ask another server for each call.
type relay struct {
	conn  *grpc.ClientConn
	guard *guard
}

// service returns s as generated code describes it to a server.
func (r relay) service(s protoreflect.ServiceDescriptor) *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{ServiceName: string(s.FullName()), HandlerType: (*any)(nil)}
	for i := range s.Methods().Len() {
		m := s.Methods().Get(i)
		path := "/" + desc.ServiceName + "/" + string(m.Name())
		if m.IsStreamingClient() || m.IsStreamingServer() {
			stream := grpc.StreamDesc{StreamName: string(m.Name()), ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer()}
			stream.Handler = func(_ any, ss grpc.ServerStream) error { return r.stream(m, path, &stream, ss) }
			desc.Streams = append(desc.Streams, stream)
			continue
		}
		desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: string(m.Name()), Handler: func(_ any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			in := dynamicpb.NewMessage(m.Input())
			if err := dec(in); err != nil {
				return nil, err
			}
			return interceptor(ctx, in, &grpc.UnaryServerInfo{FullMethod: path}, func(ctx context.Context, in any) (any, error) {
				return r.unary(ctx, m, path, in)
			})
		}})
	}
	return desc
}

func (r relay) unary(ctx context.Context, m protoreflect.MethodDescriptor, path string, in any) (any, error) {
	if err := r.guard.passed(); err != nil {
		return nil, err
	}
	var header, trailer metadata.MD
	out := dynamicpb.NewMessage(m.Output())
	err := r.conn.Invoke(onward(ctx), path, in, out, alike(ctx), grpc.Header(&header), grpc.Trailer(&trailer))
	if e := grpc.SetHeader(ctx, back(header)); e != nil && err == nil {
		err = e
	}
	_ = grpc.SetTrailer(ctx, back(trailer))
	if err != nil {
		return nil, err
	}
	return out, nil
}

// stream hands on the messages of both sides as they come.
func (r relay) stream(m protoreflect.MethodDescriptor, path string, desc *grpc.StreamDesc, ss grpc.ServerStream) error {
	if err := r.guard.passed(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(onward(ss.Context()))
	defer cancel()
	up, err := r.conn.NewStream(ctx, desc, path, alike(ctx))
	if err != nil {
		return err
	}
	requests := make(chan error, 1)
	go func() {
		for {
			in := dynamicpb.NewMessage(m.Input())
			switch err := ss.RecvMsg(in); {
			case errors.Is(err, io.EOF):
				requests <- nil
				_ = up.CloseSend()
				return
			case err != nil:
				requests <- err
				cancel()
				return
			}
			if up.SendMsg(in) != nil { // what ended the call comes with the answers
				return
			}
		}
	}()
	header, err := up.Header()
	if err == nil && header != nil {
		if err := ss.SendHeader(back(header)); err != nil {
			return err
		}
	}
	for {
		out := dynamicpb.NewMessage(m.Output())
		if err = up.RecvMsg(out); err != nil {
			break
		}
		if err = ss.SendMsg(out); err != nil {
			return err
		}
		if !m.IsStreamingServer() {
			break
		}
	}
	ss.SetTrailer(back(up.Trailer()))
	select {
	case cause := <-requests:
		if cause != nil {
			return cause
		}
	default:
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// onward returns ctx for the call of the server behind, with the metadata of this call.
func onward(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	return metadata.NewOutgoingContext(ctx, back(md))
}

// compressions notes for each call how its requests are compressed.
type compressions struct{}

type compressionKey struct{}

func (compressions) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, compressionKey{}, new(string))
}

func (compressions) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if in, is := s.(*stats.InHeader); is {
		*ctx.Value(compressionKey{}).(*string) = in.Compression
	}
}

func (compressions) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (compressions) HandleConn(context.Context, stats.ConnStats)                       {}

// alike has the server behind get requests compressed as they came.
func alike(ctx context.Context) grpc.CallOption {
	if name, _ := ctx.Value(compressionKey{}).(*string); name != nil && *name != "" {
		return grpc.UseCompressor(*name)
	}
	return grpc.EmptyCallOption{}
}

// back returns what of md a server or client may set itself.
func back(md metadata.MD) metadata.MD {
	out := metadata.MD{}
	for key, values := range md {
		if !strings.HasPrefix(key, ":") && !strings.HasPrefix(key, "grpc-") && key != "content-type" && key != "user-agent" {
			out[key] = values
		}
	}
	return out
}
