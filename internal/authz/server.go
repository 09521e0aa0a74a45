package authz

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/health"
)

// The services of Envoy's ext_authz and ext_proc protocols.
const (
	CheckService   = "envoy.service.auth.v3.Authorization"
	ProcessService = "envoy.service.ext_proc.v3.ExternalProcessor"
)

// extraBytes is how much a question may have in addition to a message: headers of
// MetadataBytes, and whatever else Envoy sends, with a margin.
const extraBytes = 1 << 20

// Server serves Envoy's protocols over gRPC. It is safe for concurrent use.
type Server struct {
	server *grpc.Server
	health *health.Server
}

// NewServer returns a Server of a. config is the TLS configuration; nil means plaintext.
func NewServer(a *Authority, config *tls.Config) *Server {
	creds := insecure.NewCredentials()
	if config != nil {
		creds = credentials.NewTLS(config)
	}
	s := &Server{health: health.New(func() iter.Seq[string] { return a.state.Load().Paths })}
	s.server = grpc.NewServer(
		grpc.Creds(creds),
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxRecvMsgSize(a.options.MessageBytes+extraBytes),
		grpc.ConnectionTimeout(20*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.WaitForHandlers(true),
		grpc.NumStreamWorkers(32),
		// Dynamic windows would need a ping for each question.
		grpc.StaticStreamWindowSize(1<<20),
		grpc.StaticConnWindowSize(1<<20),
	)
	s.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: CheckService, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Check", Handler: check}},
	}, a)
	s.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: ProcessService, HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{StreamName: "Process", Handler: process, ServerStreams: true, ClientStreams: true}},
	}, a)
	grpc_health_v1.RegisterHealthServer(s.server, s.health)
	return s
}

// check implements Authorization/Check. A question that cannot be parsed is an error, for
// which Envoy refuses the call unless failure_mode_allow is set.
func check(authority any, ctx context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var question wire
	if err := read(&question); err != nil {
		return nil, err
	}
	r, err := checkRequest(question)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "Request is not a CheckRequest")
	}
	answer := wire(checkResponse(authority.(*Authority).Decide(ctx, r), grpcType(r.Headers)))
	return &answer, nil
}

// process implements ExternalProcessor/Process. It returns nil only after the data plane
// has sent everything: ending earlier would let the rest of the call pass.
func process(authority any, stream grpc.ServerStream) error {
	receive := func() ([]byte, error) {
		var question wire
		err := stream.RecvMsg(&question)
		return question, err
	}
	send := func(answer []byte) error {
		w := wire(answer)
		return stream.SendMsg(&w)
	}
	err := authority.(*Authority).exchange(stream.Context()).serve(receive, send)
	if errors.Is(err, errRefused) {
		return status.Error(codes.Aborted, "The call was refused")
	}
	return err
}

// Serve serves on l until Shutdown, and closes it. It returns listen_failed if l fails.
func (s *Server) Serve(l net.Listener) error {
	if err := s.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fault.New(fault.ListenFailed, l.Addr().String(), "%w", err)
	}
	return nil
}

// Shutdown stops listening and waits for decisions in progress; it returns interrupted if
// some are not finished when ctx is done.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.health.Shutdown(ctx, s.server, "authz")
}

// wire is an encoded message.
type wire []byte

// codec passes wire unchanged; other messages, of health checks, are encoded as protobuf.
type codec struct{}

func (codec) Name() string { return proto.Name }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	if w, ok := v.(*wire); ok {
		return mem.BufferSlice{mem.SliceBuffer(*w)}, nil
	}
	return encoding.GetCodecV2(proto.Name).Marshal(v)
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	if w, ok := v.(*wire); ok {
		*w = data.Materialize()
		return nil
	}
	return encoding.GetCodecV2(proto.Name).Unmarshal(data, v)
}
