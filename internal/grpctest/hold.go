package grpctest

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// bearerMethods and messageMethods of policytest.CallSource are one of each kind.
var (
	bearerMethods  = []string{"Who", "WhoClient", "WhoServer", "WhoBidi"}
	messageMethods = []string{"Check", "CheckClient", "CheckServer", "CheckBidi"}
)

// HoldBadTokens holds a server to S59: each kind of bad bearer token is refused on all
// kinds of method, and each time before the handler is called.
func HoldBadTokens(t *testing.T, start Start) {
	s := start(t, Setup{Source: policytest.CallSource, Options: jwtpolicy.Options{CachedTokens: 100}})
	for _, method := range bearerMethods {
		for range 2 { // the second time from the cache, if anything were
			for _, bad := range s.BadBearers() {
				if got := s.Send(t, method, bad.Token, nil); got != (Outcome{Code: codes.Code(bad.Status), Text: bad.Text}) {
					t.Errorf("%s, %s: %v", method, bad.Name, got)
				}
			}
		}
	}
	s.idle(t)
	for _, method := range bearerMethods {
		if got := s.Send(t, method, s.Token(policytest.GoodClaims), nil); got.Code != codes.OK {
			t.Errorf("%s, valid token: %v", method, got)
		}
	}
}

// HoldKeysDown holds a server to S59 where keys are not available: UNAVAILABLE on all kinds of
// method, and no handler is called.
func HoldKeysDown(t *testing.T, start Start) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // so that nothing answers
	s := start(t, Setup{Source: policytest.CallSource, Keys: []jwtpolicy.Key{jwtpolicy.KeySet("http://"+address+"/keys", jwtpolicy.KeyOptions{})}})
	_, signed := s.Message("Signed", `{"user":"bob","tok":"`+s.Token(policytest.SignedClaims)+`"}`)
	for _, method := range bearerMethods {
		if got, want := s.Send(t, method, s.Token(policytest.GoodClaims), nil), (Outcome{Code: codes.Unavailable, Text: "Tokens cannot be validated now"}); got != want {
			t.Errorf("%s: %v", method, got)
		}
	}
	for _, method := range messageMethods {
		if got := s.Send(t, method, "", wireOf(t, signed.Interface())); got.Code != codes.Unavailable || got.Body != 0 {
			t.Errorf("%s: %v", method, got)
		}
	}
	s.idle(t)
}

// HoldNoMessage holds a server to S77: a call of a method that validates messages and ends
// without one is refused, however it ends and on all kinds of method. Nothing is signed,
// and no handler is called.
func HoldNoMessage(t *testing.T, start Start) {
	s := start(t, Setup{Source: policytest.GuardedSource()})
	token := s.Token(policytest.GoodClaims)
	methods := s.Set.Services()[0].Methods()
	if methods.Len() != 4*3*2 {
		t.Fatalf("got %d methods, want 24", methods.Len())
	}
	for i := range methods.Len() {
		m := methods.Get(i)
		for name, body := range map[string]io.Reader{"headers with END_STREAM": nil, "half-closed at once": io.MultiReader()} {
			got, err := s.Post(t.Context(), string(m.Name()), token, body)
			own := s.Counts && !m.IsStreamingClient() && got.Code == codes.Internal && strings.Contains(got.Text, "cardinality violation") && got.Body == 0
			if want := (Outcome{Code: codes.Unauthenticated, Text: "Message token is missing"}); err != nil || got != want && !own {
				t.Errorf("%s, %s: %v, %v", m.Name(), name, got, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		body, more := io.Pipe()
		ended := make(chan error)
		go func() { _, err := s.Post(ctx, string(m.Name()), token, body); ended <- err }()
		_, _ = more.Write(Frame(nil)[:1]) // the headers are sent, and no message ever is
		cancel()
		if err := <-ended; err == nil {
			t.Errorf("%s, only headers: got a response", m.Name())
		}
	}
	s.Client.CloseIdleConnections()
	s.Stop() // so that all have been decided
	s.idle(t)
}

// HoldLateFirstMessage holds a server to S88: a bearer token counts until its exp whenever
// the first message comes, on all kinds of method, and up to the last nanosecond.
func HoldLateFirstMessage(t *testing.T, start Start) {
	type result struct {
		Outcome
		err error
	}
	for _, method := range bearerMethods {
		for _, wait := range []time.Duration{time.Hour - 1, time.Hour} {
			c, seen := &clock{}, make(begun, 10)
			s := start(t, Setup{Source: policytest.CallSource, Options: jwtpolicy.Options{Now: c.now, Observer: seen}})
			body, message := io.Pipe()
			done := make(chan result)
			go func() {
				a, err := s.Post(t.Context(), method, s.Token(policytest.GoodClaims), body)
				done <- result{a, err}
			}()
			whole := Frame([]byte("\x0a\x01x"))
			if _, err := message.Write(whole[:1]); err != nil {
				t.Fatal(err)
			}
			if !s.Counts || method != "Who" {
				<-seen // it has been admitted
			}
			c.passed.Store(int64(wait))
			if _, err := message.Write(whole[1:]); err != nil {
				t.Fatal(err)
			}
			_ = message.Close()
			got := <-done
			_, requests, _ := s.State()
			if wait < time.Hour {
				if got.err != nil || got.Code != codes.OK || requests != 1 {
					t.Errorf("%s, in time: got %v, %v, %d requests at the handler", method, got.Outcome, got.err, requests)
				}
				continue
			}
			if want := (Outcome{Code: codes.Unauthenticated, Text: "Bearer token is not valid"}); got.err != nil || got.Outcome != want || requests != 0 {
				t.Errorf("%s, late: got %v, %v, %d requests at the handler", method, got.Outcome, got.err, requests)
			}
		}
	}
}

// deepSource has messages that nest in themselves.
const deepSource = `
message Deep { string tok = 1 [(kalix.field).jwt = {token: true}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; Node node = 3; }
message Node { Node node = 1; }
service S {
  rpc Check(Deep) returns (Deep) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc CheckBidi(stream Deep) returns (stream Deep) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc Open(Deep) returns (Deep);
  rpc OpenBidi(stream Deep) returns (stream Deep);
}`

// HoldDepth holds a server to A102: the messages of a request may nest as deep as for
// jwtctl proxy where the method validates them, elsewhere as deep as protobuf-go reads them.
func HoldDepth(t *testing.T, start Start) {
	s := start(t, Setup{Source: deepSource})
	top := s.SignedWire("Deep", `{"user":"alice"}`)
	malformed := Outcome{Code: codes.InvalidArgument, Text: "Message is not valid"}
	for _, row := range []struct {
		depth         int
		checked, open codes.Code
	}{
		{99, codes.OK, codes.OK}, {100, codes.OK, codes.OK}, {101, malformed.Code, codes.OK}, {1_000, malformed.Code, codes.OK},
		{10_000, malformed.Code, codes.OK}, {10_001, s.Undecoded, s.Undecoded},
	} {
		var nodes []byte
		for range row.depth - 2 { // the message itself, and the last node
			nodes = append(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), uint64(len(nodes))), nodes...)
		}
		message := append(slices.Clone(top), protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), nodes)...)
		for method, want := range map[string]codes.Code{"Check": row.checked, "CheckBidi": row.checked, "Open": row.open, "OpenBidi": row.open} {
			_, before, _ := s.State()
			got := s.Send(t, method, "", message)
			_, requests, _ := s.State()
			if got.Code != want || want == malformed.Code && want != s.Undecoded && got != malformed || (requests != before) != (want == codes.OK) {
				t.Errorf("%s, %d deep: got %v, %d requests at the handler", method, row.depth, got, requests-before)
			}
		}
	}
}

// hold makes the call of c and looks at what comes of it; own says that gRPC's own words
// refuse it.
func (s *Service) hold(t *testing.T, c policytest.CallCase, own bool) {
	t.Helper()
	name := c.Method + ", " + c.Name
	calls, got, log := s.State()
	_, err := s.Call(metadata.AppendToOutgoingContext(context.Background(), c.Metadata...), c.Method, c.Requests...)
	st := status.Convert(err)
	switch {
	case own && (st.Code() == codes.Internal && strings.Contains(st.Message(), "cardinality") || st.Code() == codes.Unimplemented):
	case st.Code() != codes.Code(c.Status) || st.Message() != c.Text:
		t.Errorf("%s: %v", name, err)
	}
	callsNow, gotNow, logNow := s.State()
	if passed := gotNow - got; passed > c.Passed || c.Status == 0 && passed != c.Passed || c.Passed == 0 && callsNow != calls && !own {
		t.Errorf("%s: %d requests in %d calls reached the service", name, passed, callsNow-calls)
	}
	if line := logNow[len(log):]; c.Status != 0 && !own && !strings.Contains(line, "code="+string(c.Code)) {
		t.Errorf("%s: logged %q", name, line)
	}
}

// HoldCallCases makes all calls of policytest.CallCases, and looks at what comes of them.
func HoldCallCases(t *testing.T) {
	for name, unknown := range map[string]bool{"generated service": false, "handler for unknown services": true} {
		t.Run(name, func(t *testing.T) {
			s := Serve(t, policytest.CallSource, unknown, jwtpolicy.Options{})
			for _, c := range s.CallCases() {
				s.hold(t, c, !unknown && (s.Set.Method("t.S/"+c.Method) == nil || len(c.Requests) == 0 && !s.Set.Method("t.S/"+c.Method).IsStreamingClient()))
			}
		})
	}
}
