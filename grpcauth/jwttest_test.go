package grpcauth_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/grpcauth"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
	"github.com/jwtctl/jwtctl/jwttest"
)

// inContext is a stream that has only a context.
type inContext struct {
	grpc.ServerStream
	ctx context.Context
}

func (s inContext) Context() context.Context { return s.ctx }

// TestWrongTokens: the interceptors refuse each wrong token of package jwttest with the
// code and status that it lists, and accept the good one. A36, S59.
func TestWrongTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.proto")
	if err := os.WriteFile(path, []byte(policytest.Header+policytest.CallSource), 0o600); err != nil {
		t.Fatal(err)
	}
	kit := jwttest.New(t, protosource.Files(nil, path))
	unary, stream := grpcauth.UnaryServerInterceptor(kit.Policy), grpcauth.StreamServerInterceptor(kit.Policy)
	handled := 0
	call := func(method, token string) error {
		if method == "Who" {
			_, err := unary(incoming(token), nil, &grpc.UnaryServerInfo{FullMethod: "/t.S/Who"}, func(context.Context, any) (any, error) { handled++; return nil, nil })
			return err
		}
		return stream(nil, inContext{ctx: incoming(token)}, &grpc.StreamServerInfo{FullMethod: "/t.S/" + method}, func(any, grpc.ServerStream) error { handled++; return nil })
	}
	for _, method := range []string{"Who", "WhoClient", "WhoServer", "WhoBidi"} {
		list := kit.Wrong("t.S/"+method, nil)
		if len(list) < 13 {
			t.Errorf("%s: %d wrong tokens", method, len(list))
		}
		for _, w := range list {
			err := call(method, w.Token)
			var e *jwtpolicy.Error
			if !errors.As(err, &e) || e.Code != w.Code || status.Code(err) != codes.Code(w.Status) || handled != 0 {
				t.Errorf("%s, %s: got %v, want %s; %d calls reached the handler", method, w.Name, err, w.Code, handled)
			}
		}
		if err := call(method, kit.Token("t.S/"+method, nil)); err != nil || handled != 1 {
			t.Errorf("%s, a good token: %v, %d calls reached the handler, want 1", method, err, handled)
		}
		handled = 0
	}
}
