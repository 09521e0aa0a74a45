// Package grpctest is for tests: a gRPC server under the interceptors of grpcauth, and the
// calls that it must decide as the proxy does.
package grpctest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/grpcauth"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// Loaded is a set as a source.
type Loaded struct{ Set *descset.Set }

// Descriptors implements jwtpolicy.Source.
func (l Loaded) Descriptors(context.Context) (*descset.Set, error) { return l.Set, nil }

// KeyOf returns k, which is private, as a key file holds it.
func KeyOf(t testing.TB, k *keys.Key) jwtpolicy.Key {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k.SigningMaterial())
	if err != nil {
		t.Fatal(err)
	}
	return jwtpolicy.KeyBytes(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), jwtpolicy.KeyOptions{ID: k.ID()})
}

// Service is a gRPC server with all methods of a World as a generated service has them,
// under the interceptors: each answers every request with one message, or the last where
// it has one answer.
type Service struct {
	*policytest.World
	Policy *jwtpolicy.Policy
	Conn   *grpc.ClientConn

	url  string
	stop func()

	mu    sync.Mutex
	got   []string // requests as JSON
	calls int
	md    metadata.MD
	log   strings.Builder
}

func (s *Service) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// Setup is what a service is made of.
type Setup struct {
	Source string
	// Policy and Keys are by default that of Source, and those of its World.
	Policy  jwtpolicy.Source
	Keys    []jwtpolicy.Key
	Options jwtpolicy.Options
}

// Load returns the World of s, and its policy.
func (s Setup) Load(t testing.TB) (*policytest.World, *jwtpolicy.Policy) {
	t.Helper()
	w, o := policytest.New(t, s.Source, policytest.Setup{}), s.Options
	if s.Policy == nil {
		s.Policy = Loaded{w.Set}
	}
	if s.Keys == nil {
		s.Keys = []jwtpolicy.Key{KeyOf(t, w.Key)}
	}
	if o.Now == nil {
		o.Now = func() time.Time { return policytest.Now }
	}
	policy, err := jwtpolicy.New(t.Context(), s.Policy, s.Keys, o)
	if err != nil {
		t.Fatal(err)
	}
	return w, policy
}

// Serve starts a service whose policy is source's. unknown serves it by a handler for
// unknown services, as a gateway would.
func Serve(t testing.TB, source string, unknown bool, o jwtpolicy.Options) *Service {
	t.Helper()
	return serve(t, unknown, Setup{Source: source, Options: o})
}

func serve(t testing.TB, unknown bool, setup Setup) *Service {
	t.Helper()
	s := &Service{}
	o := &setup.Options
	o.Log = slog.New(slog.NewTextHandler(s, nil))
	s.World, s.Policy = setup.Load(t)
	options := grpcauth.ServerOptions(s.Policy)
	if unknown {
		options = append(options, grpc.UnknownServiceHandler(s.handle))
	}
	server := grpc.NewServer(options...)
	if !unknown {
		server.RegisterService(s.desc(), s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	s.url, s.stop = "http://"+l.Addr().String(), server.GracefulStop
	if s.Conn, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Conn.Close() })
	return s
}

// desc is what protoc-gen-go-grpc would generate.
func (s *Service) desc() *grpc.ServiceDesc {
	sd := s.Set.Services()[0]
	out := &grpc.ServiceDesc{ServiceName: string(sd.FullName()), HandlerType: (*any)(nil)}
	for i := range sd.Methods().Len() {
		m := sd.Methods().Get(i)
		if m.IsStreamingClient() || m.IsStreamingServer() {
			out.Streams = append(out.Streams, grpc.StreamDesc{StreamName: string(m.Name()), ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer(), Handler: s.handle})
			continue
		}
		out.Methods = append(out.Methods, grpc.MethodDesc{MethodName: string(m.Name()), Handler: func(_ any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			in := New(m.Input())
			if err := dec(in); err != nil {
				return nil, err
			}
			info := &grpc.UnaryServerInfo{Server: s, FullMethod: "/" + out.ServiceName + "/" + string(m.Name())}
			return interceptor(ctx, in, info, func(ctx context.Context, in any) (any, error) {
				s.note(ctx)
				s.receive(in.(proto.Message))
				return answer(m), nil
			})
		}})
	}
	return out
}

func (s *Service) note(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.md, _ = metadata.FromIncomingContext(ctx)
}

// New returns a message of generated code, if that is linked in.
func New(desc protoreflect.MessageDescriptor) proto.Message {
	if t, err := protoregistry.GlobalTypes.FindMessageByName(desc.FullName()); err == nil {
		return t.New().Interface()
	}
	return dynamicpb.NewMessage(desc)
}

func (s *Service) receive(in proto.Message) {
	text, err := s.Codec.Write(in.ProtoReflect(), message.Form{ProtoNames: true})
	if err != nil { // it nests too deeply to be printed
		text = []byte(err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, strings.TrimSpace(string(text)))
}

func answer(m protoreflect.MethodDescriptor) *dynamicpb.Message {
	out := dynamicpb.NewMessage(m.Output())
	if f := out.Descriptor().Fields().ByName("user"); f != nil {
		out.Set(f, protoreflect.ValueOfString("bob"))
	}
	return out
}

func (s *Service) handle(_ any, ss grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(ss)
	m := s.Set.Method(strings.TrimPrefix(path, "/"))
	s.note(ss.Context())
	for {
		in := New(m.Input())
		if err := ss.RecvMsg(in); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		s.receive(in)
		if m.IsStreamingServer() {
			if err := ss.SendMsg(answer(m)); err != nil {
				return err
			}
		}
	}
	if m.IsStreamingServer() {
		return nil
	}
	return ss.SendMsg(answer(m))
}

// Call makes a call, and returns the answers as JSON.
func (s *Service) Call(ctx context.Context, name string, requests ...string) (answers []string, err error) {
	s.TB.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	m := s.Set.Method("t.S/" + name)
	in, out, desc := (*dynamicpb.Message)(nil), (protoreflect.MessageDescriptor)(nil), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	if m == nil { // none of the policy
		m = s.Set.Method("t.S/Open")
	}
	out = m.Output()
	stream, err := s.Conn.NewStream(ctx, desc, "/t.S/"+name)
	if err != nil {
		return nil, err
	}
	for _, text := range requests {
		if in, err = s.Codec.Read([]byte(text), m.Input()); err != nil {
			s.TB.Fatal(err)
		}
		if stream.SendMsg(in) != nil {
			break
		}
	}
	_ = stream.CloseSend()
	for {
		one := dynamicpb.NewMessage(out)
		if err := stream.RecvMsg(one); err == io.EOF {
			return answers, nil
		} else if err != nil {
			return answers, err
		}
		answers = append(answers, s.JSON(one))
	}
}

// State returns how many calls and requests have come so far, and what was logged.
func (s *Service) State() (calls, got int, log string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, len(s.got), s.log.String()
}

// Last returns the metadata of the last call, and its last request as JSON, "" for none.
func (s *Service) Last() (metadata.MD, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) == 0 {
		return s.md, ""
	}
	return s.md, s.got[len(s.got)-1]
}
