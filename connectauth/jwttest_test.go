package connectauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/jwtctl/jwtctl/connectauth"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
	"github.com/jwtctl/jwtctl/jwttest"
)

// TestWrongTokens: the interceptor refuses each wrong token of package jwttest with the
// code and status that it lists, and accepts the good one. A36, S59.
func TestWrongTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.proto")
	if err := os.WriteFile(path, []byte(policytest.Header+policytest.CallSource), 0o600); err != nil {
		t.Fatal(err)
	}
	kit := jwttest.New(t, protosource.Files(nil, path))
	var refused error // by the last call, as seen by an outer interceptor
	handled := 0
	server := connect.NewServer(func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			refused = next(ctx, spec, stream)
			return refused
		}
	}, connectauth.ServerInterceptor(kit.Policy))
	kinds := map[string]connect.StreamType{"Who": connect.StreamTypeUnary, "WhoClient": connect.StreamTypeClient, "WhoServer": connect.StreamTypeServer, "WhoBidi": connect.StreamTypeBidi}
	for name, kind := range kinds {
		server.Register(connect.Method{Spec: connect.Spec{Procedure: "/t.S/" + name, StreamType: kind}, Handler: func(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
			handled++
			return stream.Send(&emptypb.Empty{})
		}})
	}
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	h := httptest.NewUnstartedServer(mux)
	h.EnableHTTP2 = true
	h.StartTLS()
	t.Cleanup(h.Close)
	client := connect.NewClient(connecthttp.NewTransport(h.Client(), h.URL, connecthttp.WithGRPC()))
	call := func(name, token string) error {
		ctx, info := connect.NewClientContext(t.Context())
		if token != "" {
			info.RequestHeader().Set("Authorization", "Bearer "+token)
		}
		stream, err := client.CallClientStream(ctx, connect.Spec{Procedure: "/t.S/" + name, StreamType: kinds[name]})
		if err != nil {
			return err
		}
		defer stream.Close()
		_ = stream.Send(&emptypb.Empty{})
		_ = stream.CloseSend()
		return stream.Receive(&emptypb.Empty{})
	}
	for name := range kinds {
		for _, w := range kit.Wrong("t.S/"+name, nil) {
			err := call(name, w.Token)
			var e *jwtpolicy.Error
			if !errors.As(refused, &e) || e.Code != w.Code || connect.CodeOf(err) != connect.Code(w.Status) || handled != 0 {
				t.Errorf("%s, %s: the client got %v, the interceptor %v, want %s; %d calls reached the handler", name, w.Name, err, refused, w.Code, handled)
			}
		}
		if err := call(name, kit.Token("t.S/"+name, nil)); err != nil || handled != 1 {
			t.Errorf("%s, a good token: %v, %d calls reached the handler, want 1", name, err, handled)
		}
		handled = 0
	}
}
