package e2e

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit/ports"
)

// TestProcessingClaims: claims sent by the client, in every spelling, and headers of a
// single connection never reach the service, in headers or trailers; claims of the token
// do, and authorization does not. S62, S78.
func TestProcessingClaims(t *testing.T) {
	for name, filter := range forms {
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			conn := p.envoyWith(filter)
			token := p.Token(`{"iss":"me","sub":"alice","role":"admin","name":"Grüße","empty":""}`)
			md := metadata.Pairs("authorization", "Bearer "+token, "proxy-authorization", "x") // Envoy refuses a wrong content-length
			for _, claim := range []string{"sub", "other", "empty", "name-bin"} {
				for _, spelling := range spellings(claim) {
					md.Append(strings.ToLower(spelling), "mallory")
				}
			}
			for _, method := range []string{"Who", "WhoBidi", "Open"} {
				p.service.taken()
				if _, err := p.call(metadata.NewOutgoingContext(context.Background(), md), conn, method, `{"text":"x"}`); err != nil {
					t.Errorf("%s: %v", method, err)
				}
				_, _, got := p.service.taken()
				claims := map[string]string{}
				for key, values := range got {
					if strings.Contains(key, "kalix") {
						claims[key] = strings.Join(values, "|")
					}
				}
				want := map[string]string{}
				if method != "Open" {
					want = map[string]string{"_kalix-jwt-claim-iss": "me", "_kalix-jwt-claim-sub": "alice", "_kalix-jwt-claim-role": "admin", "_kalix-jwt-claim-empty": "", "_kalix-jwt-claim-name-bin": "Grüße"}
				}
				if !maps.Equal(claims, want) || method != "Open" && got["authorization"] != nil || got["proxy-authorization"] != nil {
					t.Errorf("%s: got %v", method, got)
				}
			}
		})
	}
}

// TestProcessingExpiry: a message that arrives after exp of the bearer token is not
// delivered, and ends the stream. S63, S88.
func TestProcessingExpiry(t *testing.T) {
	for name, filter := range forms {
		if name == "buffered" || name == "printed" { // one ends with the body, the other only sends headers
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := newProcessing(t, policytest.CallSource, authz.Options{})
			conn := p.envoyWith(filter)
			ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+p.Token(policytest.GoodClaims))
			stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/t.S/WhoClient")
			if err != nil {
				t.Fatal(err)
			}
			one := dynamicpb.NewMessage(p.Set.Message("t.Plain"))
			if err := stream.SendMsg(one); err != nil {
				t.Fatal(err)
			}
			soon(t, "the first message does not arrive", func() bool {
				p.service.mu.Lock()
				defer p.service.mu.Unlock()
				return len(p.service.got) == 1
			})
			p.clock.Add(int64(2 * time.Hour))
			if err := stream.SendMsg(one); err != nil {
				t.Fatal(err)
			}
			err = stream.RecvMsg(one)
			if _, got, _ := p.service.taken(); status.Code(err) != codes.Unauthenticated || status.Convert(err).Message() != "Bearer token is not valid" || len(got) != 1 {
				t.Errorf("got %v, %d requests arrived, want %v, 1", err, len(got), codes.Unauthenticated)
			}
		})
	}
}

// TestProcessingIgnoresNoRefusal: even an Envoy configured to ignore immediate responses
// delivers nothing that was refused.
func TestProcessingIgnoresNoRefusal(t *testing.T) {
	p := newProcessing(t, policytest.CallSource, authz.Options{})
	conn := p.envoyWith(extProc("FULL_DUPLEX_STREAMED", "              disable_immediate_response: true\n"))
	for _, method := range []string{"Who", "Check", "CheckBidi", "Nope"} {
		_, err := p.call(t.Context(), conn, method, `{}`)
		if calls, got, _ := p.service.taken(); err == nil || calls != 0 {
			t.Errorf("%s: %v, %d calls with %d requests", method, err, calls, len(got))
		}
	}
}

// messagePolicy is a policy with messages, for jwtctl authz as a separate program.
const messagePolicy = `syntax = "proto3"; package t;
import "jwtctl/v1/annotations.proto";
message Plain { string text = 1; }
message Signed { string user = 1; string tok = 4 [(jwtctl.v1.field) = {token: true}]; }
service S {
  rpc Open(Plain) returns (Plain);
  rpc Check(Signed) returns (Plain) { option (jwtctl.v1.method) = {validate: MESSAGE}; }
}`

// TestProcessingDown: while jwtctl authz hangs or is down no call reaches the service, and
// once it or Envoy is back, calls are decided as before.
func TestProcessingDown(t *testing.T) {
	p := newProcessing(t, policytest.CallSource, authz.Options{})
	p.brief = true
	dir := t.TempDir()
	key := filepath.Join(dir, "key.pem")
	run(t, "keygen", "-o", key)
	policy := write(t, "t.proto", messagePolicy)
	p.authzAt = ports.Address(t)
	begin := func() *process {
		a := start(t, program(t), "authz", "--proto", policy, "--key", key, "--listen", p.authzAt)
		a.answering(t, p.authzAt)
		return a
	}
	server := begin()
	for range 2 { // Envoys
		conn := p.envoyWith(printed)
		decided := func() bool {
			_, err := p.call(t.Context(), conn, "Open", `{}`)
			calls, _, _ := p.service.taken()
			_, refused := p.call(t.Context(), conn, "Check", `{}`)
			missed, _, _ := p.service.taken()
			return err == nil && calls == 1 && missed == 0 && status.Convert(refused).Message() == "Message token is missing"
		}
		soon(t, "calls are not decided", decided)
		server.pause(t)
		// Envoy has no timeout for FULL_DUPLEX_STREAMED: such a call lasts as long as its
		// client waits.
		for method, code := range map[string]codes.Code{"Open": codes.Unavailable, "Check": codes.DeadlineExceeded} {
			limit := patience
			if method == "Check" {
				limit = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			_, err := p.call(ctx, conn, method, `{}`)
			cancel()
			if calls, _, _ := p.service.taken(); status.Code(err) != code || calls != 0 {
				t.Errorf("%s while authz hangs: got %v, %d calls, want %v, 0", method, err, calls, code)
			}
		}
		server.stop()
		for _, method := range []string{"Open", "Check"} {
			_, err := p.call(t.Context(), conn, method, `{}`)
			if calls, _, _ := p.service.taken(); status.Code(err) != codes.Unavailable || calls != 0 {
				t.Errorf("%s while authz is down: got %v, %d calls, want %v, 0", method, err, calls, codes.Unavailable)
			}
		}
		server = begin()
		soon(t, "calls are not decided again", decided)
	}
}
