package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"sync/atomic"

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
	// PEM files.
	cert, key, clientCA                   string
	upstreamTLS                           bool
	ownHandlers                           bool // those of grpc-go's interop server
	upstreamCA, upstreamCert, upstreamKey string
}

// Descriptors makes the sources a jwtpolicy.Source.
func (p *inProcess) Descriptors(ctx context.Context) (*descset.Set, error) {
	return protofile.Load(ctx, p.sources)
}

func parseInProcess(args []string) (*inProcess, error) {
	p := &inProcess{}
	fs := flag.NewFlagSet("proxy", flag.ContinueOnError)
	list := func(to *[]string) func(string) error {
		return func(s string) error { *to = append(*to, s); return nil }
	}
	fs.Func("proto-path", "", list(&p.sources.ImportPaths))
	fs.Func("proto", "", list(&p.sources.Protos))
	fs.Func("descriptor-set", "", list(&p.sources.DescriptorSets))
	fs.Func("key", "", func(s string) error {
		p.keys = append(p.keys, jwtpolicy.KeyFile(s, jwtpolicy.KeyOptions{}))
		return nil
	})
	fs.BoolVar(&p.upstreamTLS, "upstream-tls", false, "")
	fs.BoolVar(&p.ownHandlers, "own-handlers", false, "")
	for name, to := range map[string]*string{
		"listen": &p.listen, "upstream": &p.upstream, "tls-cert": &p.cert, "tls-key": &p.key, "tls-client-ca": &p.clientCA,
		"upstream-ca": &p.upstreamCA, "upstream-cert": &p.upstreamCert, "upstream-key": &p.upstreamKey,
	} {
		fs.StringVar(to, name, "", "")
	}
	return p, fs.Parse(args)
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
	serverTLS, clientTLS, err := p.credentials()
	if err != nil {
		return err
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

// Weakened is that of jwtpolicy.Observer.
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

// credentials are those for clients and for the server behind.
func (p *inProcess) credentials() (server, client credentials.TransportCredentials, err error) {
	server, client = insecure.NewCredentials(), insecure.NewCredentials()
	if p.cert != "" {
		config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}
		if err := addPair(config, p.cert, p.key); err != nil {
			return nil, nil, err
		}
		if p.clientCA != "" {
			config.ClientAuth = tls.RequireAndVerifyClientCert
			if config.ClientCAs, err = readPool(p.clientCA); err != nil {
				return nil, nil, err
			}
		}
		server = credentials.NewTLS(config)
	}
	if p.upstreamTLS {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if config.RootCAs, err = readPool(p.upstreamCA); err != nil {
			return nil, nil, err
		}
		if p.upstreamCert != "" {
			if err := addPair(config, p.upstreamCert, p.upstreamKey); err != nil {
				return nil, nil, err
			}
		}
		client = credentials.NewTLS(config)
	}
	return server, client, nil
}

func addPair(config *tls.Config, cert, key string) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	config.Certificates = []tls.Certificate{pair}
	return err
}

func readPool(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	pool := x509.NewCertPool()
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = errors.New(path + " has no certificate")
	}
	return pool, err
}
