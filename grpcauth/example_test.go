package grpcauth_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jwtctl/jwtctl/grpcauth"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
)

func ExampleServerOptions() {
	// A service with generated code uses jwtpolicy.Linked() here, and the keys of its
	// issuer: jwtpolicy.OIDC("https://idp.example.org", jwtpolicy.KeyOptions{}).
	policy, err := jwtpolicy.New(context.Background(), protosource.Files(nil, "../examples/inprocess/shop/shop.proto"),
		[]jwtpolicy.Key{jwtpolicy.KeySet("https://idp.example.org/keys", jwtpolicy.KeyOptions{})},
		jwtpolicy.Options{Open: []string{"grpc.health.v1.Health/Check"}})
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpcauth.ServerOptions(policy)...)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer server.Stop()

	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := grpc_health_v1.NewHealthClient(conn)
	answer, err := client.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	fmt.Println(answer.GetStatus(), err)
	_, err = client.List(context.Background(), &grpc_health_v1.HealthListRequest{}) // not in Open
	fmt.Println(err)
	// Output:
	// SERVING <nil>
	// rpc error: code = Unimplemented desc = Unknown method
}

// An interceptor can be placed among others. Those before it also see calls that the
// policy refuses.
func ExampleUnaryServerInterceptor() {
	policy, err := jwtpolicy.New(context.Background(), protosource.Files(nil, "../examples/inprocess/shop/shop.proto"),
		[]jwtpolicy.Key{jwtpolicy.KeySet("https://idp.example.org/keys", jwtpolicy.KeyOptions{})}, jwtpolicy.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	logged := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		answer, err := handler(ctx, req)
		fmt.Println(info.FullMethod, err)
		return answer, err
	}
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(logged, grpcauth.UnaryServerInterceptor(policy)),
		grpc.ChainStreamInterceptor(grpcauth.StreamServerInterceptor(policy)),
	)
	defer server.Stop()
	_, _ = logged(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: "/shop.Shop/Buy"}, func(ctx context.Context, req any) (any, error) {
		return grpcauth.UnaryServerInterceptor(policy)(ctx, req, &grpc.UnaryServerInfo{FullMethod: "/shop.Shop/Buy"}, nil)
	})
	// Output: /shop.Shop/Buy bearer token: authorization: missing
}

func ExampleTokenFunc() {
	for name, creds := range map[string]credentials.PerRPCCredentials{
		"a token":    grpcauth.Token("a.b.c", false),
		"a function": grpcauth.TokenFunc(func(context.Context) (string, error) { return "a.b.c", nil }, false),
	} {
		md, err := creds.GetRequestMetadata(context.Background())
		fmt.Println(name, md, err, creds.RequireTransportSecurity())
	}
	// Unordered output:
	// a token map[authorization:Bearer a.b.c] <nil> true
	// a function map[authorization:Bearer a.b.c] <nil> true
}

func ExampleTokenFile() {
	// jwtctl token --plain --sub worker --format token --out token.jwt --refresh
	creds := grpcauth.TokenFile("token.jwt", false)
	conn, err := grpc.NewClient("shop.example.org:443", grpc.WithPerRPCCredentials(creds))
	fmt.Println(conn != nil, err)
	// Output: false grpc: no transport security set (use grpc.WithTransportCredentials(insecure.NewCredentials()) explicitly or set credentials)
}

// TestTokenFile: the file is read again after a change, and content that is not a single
// token is never sent.
func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.jwt")
	creds := grpcauth.TokenFile(path, true)
	for _, c := range []struct{ text, want string }{{"", ""}, {"a.b.c\n", "Bearer a.b.c"}, {"a.b.longer\n", "Bearer a.b.longer"}, {"two tokens", ""}, {" \n", ""}, {"a.b.c", "Bearer a.b.c"}} {
		if c.text != "" {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		md, err := creds.GetRequestMetadata(t.Context())
		if md["authorization"] != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: got %v, %v", c.text, md, err)
		}
	}
	if creds.RequireTransportSecurity() || !grpcauth.Token("x", false).RequireTransportSecurity() {
		t.Error("a token goes out without TLS")
	}
}
