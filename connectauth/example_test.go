package connectauth_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jwtctl/jwtctl/connectauth"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
)

const greeter = `
syntax = "proto3";
package greet;
import "google/protobuf/empty.proto";
import "google/protobuf/wrappers.proto";
import "jwtctl/v1/annotations.proto";
service Greeter {
  rpc Hello(google.protobuf.Empty) returns (google.protobuf.StringValue) { option (jwtctl.v1.method) = {validate: BEARER_TOKEN}; }
}`

// A service with generated code registers its handlers as usual, and uses
// jwtpolicy.Linked() instead of protosource.Files.
func ExampleServerInterceptor() {
	dir, err := os.MkdirTemp("", "greet-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "greet.proto"), []byte(greeter), 0o600); err != nil {
		log.Fatal(err)
	}
	policy, err := jwtpolicy.New(context.Background(), protosource.Files(nil, dir),
		[]jwtpolicy.Key{jwtpolicy.OIDC("https://idp.example.org", jwtpolicy.KeyOptions{})}, jwtpolicy.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	server := connect.NewServer(connectauth.ServerInterceptor(policy))
	server.Register(connect.Method{
		Spec: connect.Spec{Procedure: "/greet.Greeter/Hello"},
		Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
			if err := stream.Receive(&emptypb.Empty{}); err != nil {
				return err
			}
			claims, _ := jwtpolicy.FromContext(ctx)
			return stream.Send(wrapperspb.String("hello, " + claims.Subject()))
		},
	})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	h := httptest.NewServer(mux)
	defer h.Close()

	response, err := http.Post(h.URL+"/greet.Greeter/Hello", "application/json", strings.NewReader("{}"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.Status, string(body), err)
	// Output: 401 Unauthorized {"code":"unauthenticated","message":"Bearer token expected"} <nil>
}
