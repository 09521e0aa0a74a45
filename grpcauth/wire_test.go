package grpcauth_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/jwtctl/jwtctl/internal/grpctest"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// TestS62_HandlersGetNoClaimsOfClients: handlers get the claims of the token as metadata,
// and nothing that a client sends under the same names.
func TestS62_HandlersGetNoClaimsOfClients(t *testing.T) {
	s := grpctest.Serve(t, policytest.CallSource, false, jwtpolicy.Options{})
	bearer := "Bearer " + s.Token(policytest.GoodClaims)
	sent := metadata.AppendToOutgoingContext(context.Background(), "authorization", bearer, "x-other", "1",
		"_kalix-jwt-claim-sub", "mallory", "_Kalix-Jwt-Claim-None", "x", "_kalix_jwt_claim_sub", "mallory", "_kalix-jwt-claim-sub-bin", "mallory")
	for _, method := range []string{"Who", "WhoClient", "WhoServer", "WhoBidi", "Open", "OpenBidi"} {
		if _, err := s.Call(sent, method, `{}`); err != nil {
			t.Fatal(method, err)
		}
		want := map[string]string{"x-other": "1", "authorization": bearer}
		if strings.HasPrefix(method, "Who") {
			want = map[string]string{"x-other": "1", "_kalix-jwt-claim-sub": "alice", "_kalix-jwt-claim-role": "admin", "_kalix-jwt-claim-iss": "me", "_kalix-jwt-claim-exp": "1769864400"}
		}
		md, _ := s.Last()
		for key, values := range md {
			if jwtpolicy.IsClaimKey(key) || key == "authorization" || key == "x-other" {
				if strings.Join(values, " ") != want[key] {
					t.Errorf("%s: %s: %q", method, key, values)
				}
				delete(want, key)
			}
		}
		if len(want) > 0 {
			t.Errorf("%s: lacks %v", method, want)
		}
	}
}

// TestA44_A47_HandlersGetWhatTokensSay: handlers get EXTRACT and RAW fields as the token
// has them, whatever the client sent in RAW.
func TestA44_A47_HandlersGetWhatTokensSay(t *testing.T) {
	s := grpctest.Serve(t, policytest.CallSource, false, jwtpolicy.Options{})
	for _, method := range []string{"Check", "CheckClient", "CheckServer", "CheckBidi"} {
		if _, err := s.Call(t.Context(), method, `{"user":"bob","raw":{"team":"mine","x":"mine"},"tok":"`+s.Token(policytest.SignedClaims)+`"}`); err != nil {
			t.Fatal(method, err)
		}
		_, got := s.Last()
		for _, part := range []string{`"n":"7"`, `"team":"x"`} {
			if !strings.Contains(got, part) {
				t.Errorf("%s: the handler got %s, want %s in it", method, got, part)
			}
		}
		if strings.Contains(got, "mine") {
			t.Errorf("%s: the handler got %s", method, got)
		}
	}
}

// TestA60_ResponsesAreSignedOnTheWire: every response verifies.
func TestA60_ResponsesAreSignedOnTheWire(t *testing.T) {
	s := grpctest.Serve(t, policytest.CallSource, false, jwtpolicy.Options{})
	for _, method := range []string{"Sign", "SignServer"} {
		answers, err := s.Call(t.Context(), method, `{}`)
		if err != nil || len(answers) != 1 {
			t.Fatal(method, answers, err)
		}
		if _, err := s.Verify("Signed", answers[0], nil); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		if _, err := s.Verify("Signed", strings.Replace(answers[0], "bob", "eve", 1), nil); err == nil {
			t.Errorf("%s: a changed response verifies", method)
		}
	}
}

// TestS88_LateMessagesAreRefused: a bearer token is accepted until its exp whenever a
// message arrives, even on a stream that began earlier.
func TestS88_LateMessagesAreRefused(t *testing.T) {
	for _, late := range []bool{false, true} {
		var passed atomic.Int64 // seconds since policytest.Now
		s := grpctest.Serve(t, policytest.CallSource, false, jwtpolicy.Options{Now: func() time.Time { return policytest.Now.Add(time.Duration(passed.Load())) }})
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Token(policytest.GoodClaims)), testkit.Timeout)
		defer cancel()
		stream, err := s.Conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/t.S/WhoBidi")
		if err != nil {
			t.Fatal(err)
		}
		exchange := func() error {
			m := dynamicpb.NewMessage(s.Set.Message("t.Plain"))
			if err := stream.SendMsg(m); err != nil {
				t.Fatal(err)
			}
			return stream.RecvMsg(m)
		}
		if err := exchange(); err != nil {
			t.Fatal(err)
		}
		passed.Store(int64(time.Hour - 1))
		want, delivered := codes.OK, 2
		if late {
			passed.Store(int64(time.Hour))
			want, delivered = codes.Unauthenticated, 1
		}
		err = exchange()
		if _, got, _ := s.State(); status.Code(err) != want || got != delivered {
			t.Errorf("late %t: got %v and %d messages at the handler, want %v and %d", late, err, got, want, delivered)
		}
	}
}

// TestGRPCAnswersItself checks what docs/in-process.md says about calls that grpc-go
// answers before it calls an interceptor. None reaches the handler, and the log does not
// name the method.
func TestGRPCAnswersItself(t *testing.T) {
	s := grpctest.Serve(t, policytest.CallSource, false, jwtpolicy.Options{})
	authorization := metadata.Pairs("authorization", "Bearer "+s.Token(policytest.GoodClaims))
	_, plain := s.Message("Plain", `{"text":"x"}`)
	broken := &emptypb.Empty{}
	broken.ProtoReflect().SetUnknown([]byte{0x0a, 0x7f}) // claims 127 bytes of text that are missing
	rows := map[string]struct {
		path     string
		messages []any
		code     codes.Code
		text     string
	}{
		"unknown method":    {"/t.S/Nope", []any{plain.Interface()}, codes.Unimplemented, "unknown method"},
		"unknown service":   {"/t.T/Who", []any{plain.Interface()}, codes.Unimplemented, "unknown service"},
		"malformed message": {"/t.S/Who", []any{broken}, codes.Internal, ""},
		"no message":        {"/t.S/Who", nil, codes.Internal, "cardinality violation"},
		"two messages":      {"/t.S/Who", []any{plain.Interface(), plain.Interface()}, codes.Internal, "cardinality violation"},
		"valid message":     {"/t.S/Who", []any{plain.Interface()}, codes.OK, ""},
	}
	for name, row := range rows {
		before, _, logged := s.State()
		ctx := metadata.NewOutgoingContext(t.Context(), authorization)
		stream, err := s.Conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, row.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range row.messages {
			_ = stream.SendMsg(m)
		}
		_ = stream.CloseSend()
		err = stream.RecvMsg(&emptypb.Empty{})
		calls, _, log := s.State()
		if st := status.Convert(err); st.Code() != row.code || !strings.Contains(st.Message(), row.text) {
			t.Errorf("%s: %v", name, err)
		}
		if reached := calls - before; (reached == 1) != (row.code == codes.OK) || log != logged {
			t.Errorf("%s: got %d calls at the handler and the log %q", name, reached, strings.TrimPrefix(log, logged))
		}
	}
}
