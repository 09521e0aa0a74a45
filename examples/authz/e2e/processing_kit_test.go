package e2e

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit/ports"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// processing is an Envoy in front of a service, with jwtctl's authorization server in this
// process, at a fixed time.
type processing struct {
	*policytest.World
	t       *testing.T
	authzAt string
	service *service
	logged  *locked
	clock   atomic.Int64
	policy  enforce.Policy
	brief   bool // Envoy waits for authz as long as jwtctl prints, and not as long as a slow machine takes
}

// service has all methods of a World: each answers every request with one message, or only
// the last one if it has a single response.
type service struct {
	world   *policytest.World
	address string
	mu      sync.Mutex
	calls   int
	got     []string // requests as JSON
	md      metadata.MD
}

func newProcessing(t *testing.T, source string, o authz.Options) *processing {
	t.Helper()
	p := &processing{t: t, logged: &locked{}}
	p.clock.Store(policytest.Now.UnixNano())
	p.World = policytest.New(t, source, policytest.Setup{Verify: verify.Options{Now: p.now}})
	p.policy = enforce.Policy{Plan: p.Plan, Verifier: p.Verifier, Signer: p.Signer}
	o.Log, o.Now = slog.New(slog.NewTextHandler(p.logged, nil)), p.now
	a, err := authz.New(p.policy, o)
	if err != nil {
		t.Fatal(err)
	}
	server := authz.NewServer(a, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.authzAt = l.Addr().String()
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx)
	})
	p.service = newService(t, p.World)
	return p
}

func (p *processing) now() time.Time { return time.Unix(0, p.clock.Load()) }

// proxy starts jwtctl proxy in this process, with the same policy, and returns its
// address.
func (p *processing) proxy() string {
	p.t.Helper()
	up, err := proxy.Dial(p.service.address, nil, proxy.Limits{})
	if err != nil {
		p.t.Fatal(err)
	}
	server, err := proxy.New(p.policy, proxy.Options{Upstream: up, Now: p.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		p.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	p.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx)
		_ = up.Close()
	})
	return l.Addr().String()
}

func newService(t *testing.T, w *policytest.World) *service {
	t.Helper()
	s := &service{world: w}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	server := grpc.NewServer(grpc.UnknownServiceHandler(s.handle))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return s
}

func (s *service) handle(_ any, stream grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(stream)
	m := s.world.Set.Method(strings.TrimPrefix(path, "/"))
	s.mu.Lock()
	s.calls++
	s.md, _ = metadata.FromIncomingContext(stream.Context())
	s.mu.Unlock()
	if m == nil {
		return status.Error(codes.Unimplemented, "no such method")
	}
	for {
		in := dynamicpb.NewMessage(m.Input())
		if err := stream.RecvMsg(in); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		text, err := s.world.Codec.Write(in, message.Form{ProtoNames: true})
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.got = append(s.got, strings.TrimSpace(string(text)))
		s.mu.Unlock()
		if m.IsStreamingServer() {
			if err := stream.SendMsg(answerOf(m)); err != nil {
				return err
			}
		}
	}
	if m.IsStreamingServer() {
		return nil
	}
	return stream.SendMsg(answerOf(m))
}

func answerOf(m protoreflect.MethodDescriptor) *dynamicpb.Message {
	out := dynamicpb.NewMessage(m.Output())
	if f := out.Descriptor().Fields().ByName("user"); f != nil {
		out.Set(f, protoreflect.ValueOfString("bob"))
	}
	return out
}

func (s *service) taken() (calls int, got []string, md metadata.MD) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls, got, md = s.calls, s.got, s.md
	s.calls, s.got, s.md = 0, nil, nil
	return calls, got, md
}

// envoyWith starts Envoy with these filters and returns a connection to it.
func (p *processing) envoyWith(filters string) *grpc.ClientConn {
	p.t.Helper()
	return connect(p.t, p.envoyAt(filters))
}

// envoyAt starts Envoy with these filters and returns its address.
func (p *processing) envoyAt(filters string) string {
	p.t.Helper()
	envoy := installed("envoy", "JWTCTL_ENVOY")
	if envoy == "" {
		missing(p.t, "Envoy")
		p.t.SkipNow()
	}
	at := ports.Address(p.t)
	config := fmt.Sprintf(processingConfig, envoyAddress(at), filters, envoyAddress(p.authzAt), envoyAddress(p.service.address))
	if filters == printed {
		var err error
		if config, err = authz.Snippet("envoy", p.Plan, authz.Addresses{Listen: at, Authz: p.authzAt, Service: p.service.address}); err != nil {
			p.t.Fatal(err)
		}
		if !p.brief {
			config = unhurried(config)
		}
	}
	e := start(p.t, envoy, "-c", write(p.t, "envoy.yaml", config), "--use-dynamic-base-id", "--concurrency", "1", "-l", "error")
	e.answering(p.t, at)
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("Envoy:\n%.4000s", e.out)
		}
	})
	return at
}

// call calls method t.S/name with the messages given as JSON.
func (p *processing) call(ctx context.Context, conn *grpc.ClientConn, name string, requests ...string) (answers []string, err error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience/4)
	defer cancel()
	m := p.Set.Method("t.S/" + name)
	if m == nil {
		m = p.Set.Method("t.S/Open")
	}
	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := conn.NewStream(ctx, desc, "/t.S/"+name)
	if err != nil {
		return nil, err
	}
	for _, text := range requests {
		in, err := p.Codec.Read([]byte(text), m.Input())
		if err != nil {
			p.t.Fatal(err)
		}
		if stream.SendMsg(in) != nil {
			break
		}
	}
	_ = stream.CloseSend()
	for {
		one := dynamicpb.NewMessage(m.Output())
		if err := stream.RecvMsg(one); err == io.EOF {
			return answers, nil
		} else if err != nil {
			return answers, err
		}
		answers = append(answers, p.JSON(one))
	}
}

const processingConfig = `static_resources:
  listeners:
  - name: calls
    address: {socket_address: {%s}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: calls
          route_config:
            virtual_hosts:
            - name: service
              domains: ["*"]
              routes: [{match: {prefix: "/"}, route: {cluster: service, timeout: 0s}}]
          http_filters:
%s
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: authz
    type: STATIC
    typed_extension_protocol_options: &http2
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment: {cluster_name: authz, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {%s}}}}]}]}
  - name: service
    type: STATIC
    typed_extension_protocol_options: *http2
    load_assignment: {cluster_name: service, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {%s}}}}]}]}
`

// extProc returns the filter in a body mode.
func extProc(mode, more string) string {
	return `          - name: envoy.filters.http.ext_proc
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
              grpc_service: {envoy_grpc: {cluster_name: authz}}
              message_timeout: 60s
              processing_mode: {request_body_mode: ` + mode + `, response_body_mode: ` + mode + `, request_trailer_mode: SEND, response_trailer_mode: SEND}
` + more
}

// printed is the configuration that jwtctl prints.
const printed = ""

// forms are the ways in which Envoy sends bodies, and what jwtctl prints.
var forms = map[string]string{
	"printed":  printed,
	"duplex":   extProc("FULL_DUPLEX_STREAMED", ""),
	"streamed": extProc("STREAMED", "              send_body_without_waiting_for_header_response: true\n"),
	"buffered": extProc("BUFFERED", ""),
}

// extAuthz is the filter of the other protocol.
const extAuthz = `          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: {envoy_grpc: {cluster_name: authz}, timeout: 60s}
              encode_raw_headers: true
`
