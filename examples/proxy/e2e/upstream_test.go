package e2e

import (
	"context"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/proto"
)

// goServer is an upstream that answers every message of every method with the same bytes:
// faster than Node, for load.
type goServer struct {
	addr   string
	health *health.Server
	calls  atomic.Int64
	slow   time.Duration // before each answer
}

func startGo(t *testing.T) *goServer {
	t.Helper()
	s := &goServer{health: health.NewServer()}
	server := grpc.NewServer(grpc.ForceServerCodecV2(bytesCodec{}), grpc.MaxRecvMsgSize(1<<30), grpc.UnknownServiceHandler(s.echo))
	grpc_health_v1.RegisterHealthServer(server, s.health)
	reflection.Register(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return s
}

func (s *goServer) echo(_ any, stream grpc.ServerStream) error {
	s.calls.Add(1)
	for {
		var m []byte
		if err := stream.RecvMsg(&m); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		time.Sleep(s.slow)
		if err := stream.SendMsg(&m); err != nil {
			return err
		}
	}
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytesCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// call makes a unary call of the example's service with a bearer token.
func call(conn *grpc.ClientConn, method, token string, request []byte, o ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return conn.Invoke(ctx, "/com.example.JwtService/"+method, &request, new([]byte), o...)
}

// bytesCodec passes *[]byte unchanged, and messages as usual.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(proto.Message); ok {
		b, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err
	}
	return mem.BufferSlice{mem.SliceBuffer(slices.Clone(*v.(*[]byte)))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(proto.Message); ok {
		return proto.Unmarshal(data.Materialize(), m)
	}
	*v.(*[]byte) = data.Materialize()
	return nil
}
