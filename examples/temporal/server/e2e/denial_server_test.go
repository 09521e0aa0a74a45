package e2e

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	auth "go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/examples/temporal/server/standalone"
)

// stopHeader marks a call that must end behind the authorizer.
const stopHeader = "jwtctl-e2e-stop"

// stop ends marked calls that pass all of the server's own interceptors, so that no
// handler gets an invalid request: an empty AdminService/GetDLQTasks takes the whole
// server down.
func stop(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if len(metadata.ValueFromIncomingContext(ctx, stopHeader)) > 0 {
		return nil, status.Error(codes.Aborted, "authorized")
	}
	return handler(ctx, req)
}

// startDenialServer starts the server of startServer with further settings of
// authorization, read as Temporal's own cmd/server reads them, and with stop in it.
func startDenialServer(t *testing.T, jwksURL string, change func(*config.Authorization)) *server {
	t.Helper()
	options := standalone.Options{JWKS: []string{jwksURL}, RefreshInterval: time.Second}
	var failure error
	for range 3 { // another process may take a port between the probe and the start
		options.Port = freePort(t)
		cfg, err := standalone.Config(options)
		if err != nil {
			t.Fatal(err)
		}
		change(&cfg.Global.Authorization)
		log := &recorder{}
		running, err := start(func() (temporal.Server, error) {
			return standalone.New(cfg, log, temporal.WithChainedFrontendGrpcInterceptors(stop))
		})
		if err != nil {
			failure = fmt.Errorf("%w\n%s", err, log.tail(20))
			continue
		}
		t.Cleanup(func() {
			if err := running.Stop(); err != nil {
				t.Errorf("stop server: %v", err)
			}
		})
		s := &server{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(options.Port)), log: log}
		s.waitServing(t)
		return s
	}
	t.Fatalf("no server: %v", failure)
	return nil
}

// asker returns a function that sends a case to the server.
func (s *server) asker(t *testing.T) func(*testing.T, denialCase) answer {
	t.Helper()
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return func(t *testing.T, c denialCase) answer {
		t.Helper()
		ctx, cancel := callContext()
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, stopHeader, "1")
		if c.authorization != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, cmp.Or(c.header, "authorization"), c.authorization)
		}
		mark := s.log.mark()
		err := call(ctx, t, conn, c)
		if code := status.Code(err); code == codes.DeadlineExceeded || code == codes.Unavailable || code == codes.Internal {
			t.Errorf("%s: no response: %v", c.name, err)
		}
		// A stream gets the same text with a code other than PermissionDenied.
		denied := status.Convert(err).Message() == auth.RequestUnauthorized
		return answer{denied, s.log.refusals(mark)}
	}
}
