package proxy_test

import (
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// upstream is a real gRPC server with all methods of a World: it responds to every
// request with one message, or to the last if the method has a single response.
type upstream struct {
	world *policytest.World
	addr  string
	srv   *grpc.Server
	calls atomic.Int64 // calls begun

	mu  sync.Mutex
	md  metadata.MD
	got []string // requests as JSON
	// serve, if not nil, replaces this.
	serve func(name string, ss grpc.ServerStream) error
}

func startUpstream(t testing.TB, w *policytest.World, o ...grpc.ServerOption) *upstream {
	t.Helper()
	u := &upstream{world: w}
	u.srv = grpc.NewServer(append(o, grpc.UnknownServiceHandler(u.handle))...)
	l := testkit.Listen(t)
	u.addr = l.Addr().String()
	go func() { _ = u.srv.Serve(l) }()
	t.Cleanup(u.srv.Stop)
	return u
}

func (u *upstream) handle(_ any, ss grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(ss)
	md, _ := metadata.FromIncomingContext(ss.Context())
	u.mu.Lock()
	u.md = md
	u.calls.Add(1) // after md: tests that wait for the call read its metadata
	serve := u.serve
	u.mu.Unlock()
	if serve != nil {
		return serve(strings.TrimPrefix(full, "/"), ss)
	}
	return u.echo(strings.TrimPrefix(full, "/"), ss)
}

func (u *upstream) echo(name string, ss grpc.ServerStream) error {
	m, err := u.world.Plan.Method(name)
	if err != nil {
		return err
	}
	answer := func() error {
		out := dynamicpb.NewMessage(m.Desc.Output())
		if f := out.Descriptor().Fields().ByName("user"); f != nil {
			out.Set(f, valueOf("bob"))
		}
		return ss.SendMsg(out)
	}
	for {
		in := dynamicpb.NewMessage(m.Desc.Input())
		err := ss.RecvMsg(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		text, err := u.world.Codec.Write(in, message.Form{ProtoNames: true})
		if err != nil {
			return err
		}
		u.mu.Lock()
		u.got = append(u.got, strings.TrimSpace(string(text)))
		u.mu.Unlock()
		if m.Desc.IsStreamingServer() {
			if err := answer(); err != nil {
				return err
			}
		}
	}
	if m.Desc.IsStreamingServer() {
		return nil
	}
	return answer()
}

// become makes the upstream use serve.
func (u *upstream) become(serve func(name string, ss grpc.ServerStream) error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.serve = serve
}

// ofBytes makes an upstream receive and send *[]byte.
func ofBytes() []grpc.ServerOption { return []grpc.ServerOption{grpc.ForceServerCodecV2(bytesCodec{})} }

// echoBytes responds to the first request with the same bytes.
func echoBytes(_ string, ss grpc.ServerStream) error {
	var in []byte
	if err := ss.RecvMsg(&in); err != nil {
		return err
	}
	return ss.SendMsg(&in)
}

// metadata returns that of the last call; received returns all requests so far.
func (u *upstream) metadata() metadata.MD {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.md)
}

func (u *upstream) received() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string{}, u.got...)
}

// bytesCodec sends and receives *[]byte unchanged.
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
