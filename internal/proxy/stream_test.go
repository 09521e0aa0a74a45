package proxy_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS63_BadMessageEndsTheStream: messages before a bad one are delivered; the bad one
// and later ones are not.
func TestS63_BadMessageEndsTheStream(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	good := `{"user":"bob","tok":"` + r.Token(signedClaims) + `"}`
	tests := map[string]struct {
		bad    string
		status codes.Code
		text   string
	}{
		"no token":     {`{"user":"bob"}`, codes.Unauthenticated, "Message token is missing"},
		"not a JWS":    {`{"tok":"x"}`, codes.Unauthenticated, "Message token is not valid"},
		"expired":      {`{"tok":"` + r.Token(`{"iss":"maker","role":"r","exp":1}`) + `"}`, codes.Unauthenticated, "Message token is not valid"},
		"wrong issuer": {`{"tok":"` + r.Token(`{"iss":"me","role":"r"}`) + `"}`, codes.Unauthenticated, "Message token is not valid"},
		"wrong role":   {`{"tok":"` + r.Token(`{"iss":"maker","role":"x"}`) + `"}`, codes.PermissionDenied, "Message is not what its token says"},
		"wrong claim":  {`{"user":"eve","tok":"` + r.Token(signedClaims) + `"}`, codes.PermissionDenied, "Message is not what its token says"},
		"EXTRACT":      {`{"n":8,"tok":"` + r.Token(signedClaims) + `"}`, codes.PermissionDenied, "Message is not what its token says"},
	}
	expect := func(name string, got reply, want codes.Code, text string) {
		if status.Code(got.err) != want || status.Convert(got.err).Message() != text {
			t.Errorf("%s: got %v, want %v", name, got.err, want)
		}
	}
	for name, c := range tests {
		for _, kind := range []string{"Check", "CheckClient", "CheckServer", "CheckBidi"} {
			expect(kind+", "+name, r.call(context.Background(), r.conn, kind, c.bad), c.status, c.text)
		}
	}
	if n := r.upstream.calls.Load(); n != 0 {
		t.Errorf("%d calls with a bad first message reached the upstream, want 0", n)
	}
	for name, c := range tests {
		bad, after := strings.Replace(c.bad, "{", `{"other":"BAD",`, 1), strings.Replace(good, "{", `{"other":"AFTER",`, 1)
		for _, kind := range []string{"CheckClient", "CheckBidi"} {
			expect(kind+", "+name, r.call(context.Background(), r.conn, kind, good, bad, after), c.status, c.text)
			expect(kind+", "+name, r.call(context.Background(), r.conn, kind, good, good, bad, after), c.status, c.text)
		}
	}
	if text := strings.Join(r.upstream.received(), "\n"); strings.Contains(text, "BAD") || strings.Contains(text, "AFTER") {
		t.Errorf("delivered:\n%s", text)
	}
}

// TestS63_GoodMessagesAreDelivered: for a client that waits for each response, valid
// messages before a bad one arrive. S63.
func TestS63_GoodMessagesAreDelivered(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	stream := r.open(context.Background(), "CheckBidi")
	for i := range 3 {
		stream.send(`{"user":"bob","tok":"` + r.Token(signedClaims) + `"}`)
		if _, err := stream.receive(); err != nil {
			t.Fatal(i, err)
		}
	}
	stream.send(`{"user":"eve","tok":"` + r.Token(signedClaims) + `"}`)
	if _, err := stream.receive(); status.Code(err) != codes.PermissionDenied {
		t.Error(err)
	}
	if got := r.upstream.received(); len(got) != 3 || !strings.Contains(got[2], `"n":"7"`) || !strings.Contains(got[2], `"team":"x"`) {
		t.Errorf("the upstream got %v", got)
	}
}

// TestS63_ExpiryDuringAStream: the bearer token is checked when the call begins; after
// its expiry no further request is delivered, but responses are. S63.
func TestS63_ExpiryDuringAStream(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"WhoBidi", "CheckMine"} {
		r := start(t, setup{options: proxy.Options{CachedTokens: 10}})
		stream := r.open(bearing(r.Token(goodClaims)), kind)
		stream.send(`{"text":"1"}`)
		if _, err := stream.receive(); err != nil {
			t.Fatal(err)
		}
		r.advance(time.Hour - time.Second)
		stream.send(`{"text":"2"}`)
		if _, err := stream.receive(); err != nil {
			t.Fatal(err)
		}
		r.advance(time.Second)
		stream.send(`{"text":"3"}`)
		if _, err := stream.receive(); status.Code(err) != codes.Unauthenticated {
			t.Error(kind, err)
		}
		if got := r.upstream.received(); len(got) != 2 {
			t.Errorf("%s: the upstream got %v", kind, got)
		}
	}
	r := start(t, setup{})
	late := make(chan struct{})
	r.upstream.become(func(name string, ss grpc.ServerStream) error { <-late; return r.upstream.echo(name, ss) })
	stream := r.open(bearing(r.Token(goodClaims)), "WhoServer")
	stream.send(`{"text":"1"}`)
	r.waitCalls(1)
	r.advance(2 * time.Hour)
	close(late)
	if _, err := stream.receive(); err != nil {
		t.Errorf("a response after the expiry: %v", err)
	}
}

// TestS60_OneRequest: if the descriptors declare one request, only one is accepted; a
// second one would be unchecked (A37).
func TestS60_OneRequest(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	m, _ := r.Plan.Method("t.S/Check")
	good, err := r.Codec.Read([]byte(`{"tok":"`+r.Token(signedClaims)+`"}`), m.Desc.Input())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Open", "Check", "CheckServer"} {
		ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
		defer cancel()
		s, err := r.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/t.S/"+name)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.SendMsg(good); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
		if err := s.RecvMsg(dynamicpb.NewMessage(m.Desc.Output())); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: got %v, want %v", name, err, codes.Unimplemented)
		}
	}
	r.noCalls()
}

// TestA37_NoRequestWhereNothingIsValidated: a client stream that is not validated may end
// before its first request; a call of a method that takes one request may not (A37).
func TestA37_NoRequestWhereNothingIsValidated(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, name := range []string{"OpenBidi", "OpenClient"} {
		if got := r.call(context.Background(), r.conn, name); got.err != nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	for _, name := range []string{"Open", "OpenServer", "Sign", "SignServer"} {
		if got := r.call(context.Background(), r.conn, name); status.Code(got.err) != codes.Unimplemented {
			t.Errorf("%s: got %+v, want %v", name, got, codes.Unimplemented)
		}
	}
	if n := r.upstream.calls.Load(); n != 2 {
		t.Errorf("%d calls reached the upstream, want 2", n)
	}
}

// stream is an open call.
type stream struct {
	grpc.ClientStream
	r    *rig
	desc func(in bool) *dynamicpb.Message
}

func (r *rig) open(ctx context.Context, name string) *stream {
	r.t.Helper()
	m, err := r.Plan.Method("t.S/" + name)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := r.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: m.Desc.IsStreamingClient(), ServerStreams: m.Desc.IsStreamingServer()}, "/t.S/"+name)
	if err != nil {
		r.t.Fatal(err)
	}
	return &stream{s, r, func(in bool) *dynamicpb.Message {
		if in {
			return dynamicpb.NewMessage(m.Desc.Input())
		}
		return dynamicpb.NewMessage(m.Desc.Output())
	}}
}

func (s *stream) send(json string) {
	s.r.t.Helper()
	m, err := s.r.Codec.Read([]byte(json), s.desc(true).Descriptor())
	if err != nil {
		s.r.t.Fatal(err)
	}
	if err := s.SendMsg(m); err != nil && err != io.EOF {
		s.r.t.Fatal(err)
	}
}

func (s *stream) receive() (string, error) {
	m := s.desc(false)
	if err := s.RecvMsg(m); err != nil {
		return "", err
	}
	return s.r.JSON(m), nil
}

// waitCalls waits until the upstream has received n calls.
func (r *rig) waitCalls(n int64) {
	r.t.Helper()
	testkit.Eventually(r.t, fmt.Sprintf("the upstream has had %d calls", n), func() bool { return r.upstream.calls.Load() >= n })
}
