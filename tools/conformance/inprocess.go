package main

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/grpcauth"
	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// inProcess is a server by grpc-go under the interceptors of grpcauth, started by the same
// flags as jwtctl proxy and announced by the same line. Its handlers ask the server that
// is tested, unless they are grpc-go's own: those of connectrpc.com/conformance are
// in packages that are internal to its module.
type inProcess struct {
	sources          protofile.Sources
	keys             []jwtpolicy.Key
	listen, upstream string
	tls              tlsfiles.Flags
	ownHandlers      bool // those of grpc-go's interop server
}

// Descriptors makes the sources a jwtpolicy.Source.
func (p *inProcess) Descriptors(ctx context.Context) (*descset.Set, error) {
	return protofile.Load(ctx, p.sources)
}

func parseInProcess(args []string) (*inProcess, error) {
	p := &inProcess{}
	fs := pflag.NewFlagSet("proxy", pflag.ContinueOnError)
	fs.StringArrayVar(&p.sources.ImportPaths, "proto-path", nil, "")
	fs.StringArrayVar(&p.sources.Protos, "proto", nil, "")
	fs.StringArrayVar(&p.sources.DescriptorSets, "descriptor-set", nil, "")
	keys := fs.StringArray("key", nil, "")
	fs.StringVar(&p.listen, "listen", "", "")
	fs.StringVar(&p.upstream, "upstream", "", "")
	fs.BoolVar(&p.ownHandlers, "own-handlers", false, "")
	p.tls.RegisterListening(fs)
	p.tls.RegisterUpstream(fs)
	err := fs.Parse(args)
	for _, path := range *keys {
		p.keys = append(p.keys, jwtpolicy.KeyFile(path, jwtpolicy.KeyOptions{}))
	}
	return p, err
}

// serveInProcess serves until ctx ends.
func serveInProcess(ctx context.Context, args []string) error {
	p, err := parseInProcess(args)
	if err != nil {
		return err
	}
	guard := &guard{}
	policy, err := jwtpolicy.New(ctx, p, p.keys, jwtpolicy.Options{Observer: guard})
	if err != nil {
		return err
	}
	set, err := p.Descriptors(ctx)
	if err != nil {
		return err
	}
	certs, err := p.tls.Load(time.Now)
	if err != nil {
		return err
	}
	serverTLS, clientTLS := insecure.NewCredentials(), insecure.NewCredentials()
	if config := certs.ToClients(); config != nil {
		serverTLS = credentials.NewTLS(config)
	}
	if config := certs.ToUpstream(); config != nil {
		clientTLS = credentials.NewTLS(config())
	}
	conn, err := grpc.NewClient(p.upstream, grpc.WithTransportCredentials(clientTLS), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(most), grpc.MaxCallSendMsgSize(most)))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	options := append(grpcauth.ServerOptions(policy), grpc.Creds(serverTLS), grpc.StatsHandler(compressions{}), grpc.MaxRecvMsgSize(most))
	var server *grpc.Server
	if p.ownHandlers {
		server = interopServer(append(options, guard.interceptors()...))
	} else {
		server = grpc.NewServer(options...)
		for _, s := range set.Services() {
			server.RegisterService(relay{conn, guard}.service(s), nil)
		}
	}
	l, err := net.Listen("tcp", p.listen)
	if err != nil {
		return err
	}
	go func() { <-ctx.Done(); server.Stop() }()
	fmt.Printf("Started proxy. Listening on %s, upstream %s\n", l.Addr(), p.upstream)
	return server.Serve(l)
}

// guard counts the calls that the interceptors and the handlers have seen.
type guard struct{ begun, handled atomic.Int64 }

func (g *guard) Begin(string)                         { g.begun.Add(1) }
func (g *guard) End(string, *jwtpolicy.Error)         {}
func (g *guard) WouldRefuse(string, *jwtpolicy.Error) {}

// Weakened implements jwtpolicy.Observer.
func (g *guard) Weakened(jwtpolicy.Change) {}

// passed is an error if a handler was called without the interceptors.
func (g *guard) passed() error {
	if g.handled.Add(1) > g.begun.Load() {
		return status.Error(codes.Internal, "no interceptor saw the call")
	}
	return nil
}

// interceptors are guard.passed for handlers that do not call it.
func (g *guard) interceptors() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if err := g.passed(); err != nil {
				return nil, err
			}
			return handler(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			if err := g.passed(); err != nil {
				return err
			}
			return handler(srv, ss)
		}),
	}
}

// interopServer is what grpc-go's interop server is.
func interopServer(options []grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options, orca.CallMetricsServerOption(nil))...)
	recorder := orca.NewServerMetricsRecorder()
	_ = orca.Register(server, orca.ServiceOptions{ServerMetricsProvider: recorder})
	grpc_testing.RegisterTestServiceServer(server, interop.NewTestServer(interop.NewTestServerOptions{MetricsRecorder: recorder}))
	return server
}

const most = 64 << 20 // bytes of a message: limits are those of the server behind
