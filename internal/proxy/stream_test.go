package proxy_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/proxy"
)

// TestS63_BadMessageEndsTheStream delivers the messages before the bad one, and
// neither it nor any after.
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
		"no JWS":       {`{"tok":"x"}`, codes.Unauthenticated, "Message token is not valid"},
		"expired":      {`{"tok":"` + r.Token(`{"iss":"maker","role":"r","exp":1}`) + `"}`, codes.Unauthenticated, "Message token is not valid"},
		"wrong issuer": {`{"tok":"` + r.Token(`{"iss":"me","role":"r"}`) + `"}`, codes.Unauthenticated, "Message token is not valid"},
		"wrong role":   {`{"tok":"` + r.Token(`{"iss":"maker","role":"x"}`) + `"}`, codes.PermissionDenied, "Message is not what its token says"},
		"other claim":  {`{"user":"eve","tok":"` + r.Token(signedClaims) + `"}`, codes.PermissionDenied, "Message is not what its token says"},
		"EXTRACT":      {`{"n":8,"tok":"` + r.Token(signedClaims) + `"}`, codes.PermissionDenied, "Message is not what its token says"},
	}
	expect := func(name string, got reply, want codes.Code, text string) {
		if status.Code(got.err) != want || status.Convert(got.err).Message() != text {
			t.Errorf("%s: %v", name, got.err)
		}
	}
	for name, c := range tests {
		for _, kind := range []string{"Check", "CheckClient", "CheckServer", "CheckBidi"} {
			expect(kind+", "+name, r.call(context.Background(), r.conn, kind, c.bad), c.status, c.text)
		}
	}
	if n := r.upstream.calls.Load(); n != 0 {
		t.Errorf("the upstream heard of %d calls whose first message was bad", n)
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

// S63: with a client that waits for each answer, what was good before is there.
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

// S63: the bearer token is checked when the call begins; from its expiry on no
// further request is delivered, while responses are.
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

// TestA12_ExtractAndRaw looks at what the upstream receives: EXTRACT and RAW are
// filled in, and a field that the descriptors do not know stays.
func TestA12_ExtractAndRaw(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	m, _ := r.Plan.Method("t.S/Check")
	in, err := r.Codec.Read([]byte(`{"raw":{"x":"mine"},"other":"o","tok":"`+r.Token(signedClaims)+`"}`), m.Desc.Input())
	if err != nil {
		t.Fatal(err)
	}
	unknown := []byte{0xc2, 0x3e, 0x03, 'a', 'b', 'c'} // field 1000
	in.SetUnknown(unknown)
	var got *dynamicpb.Message
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		got = dynamicpb.NewMessage(m.Desc.Input())
		if err := ss.RecvMsg(got); err != nil {
			return err
		}
		return ss.SendMsg(dynamicpb.NewMessage(m.Desc.Output()))
	})
	if err := r.conn.Invoke(context.Background(), "/t.S/Check", in, dynamicpb.NewMessage(m.Desc.Output())); err != nil {
		t.Fatal(err)
	}
	if string(got.GetUnknown()) != string(unknown) {
		t.Errorf("unknown fields: %x", got.GetUnknown())
	}
	got.SetUnknown(nil)
	text := r.JSON(got)
	for _, want := range []string{`"n":"7"`, `"team":"x"`, `"user":"bob"`, `"other":"o"`, `"iss":"maker"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, "mine") {
		t.Errorf("RAW keeps what the client put in: %s", text)
	}
}

// TestA12_Signing signs every response, and a client can validate each.
func TestA12_Signing(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, kind := range []string{"Sign", "SignServer"} {
		got := r.call(context.Background(), r.conn, kind, `{}`)
		if got.err != nil || len(got.messages) != 1 {
			t.Fatalf("%s: %+v", kind, got)
		}
		if text, err := r.Verify("Signed", got.messages[0], nil); err != nil {
			t.Errorf("%s: %s: %v", kind, text, err)
		}
	}
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		m, _ := r.Plan.Method("t.S/Sign")
		out := dynamicpb.NewMessage(m.Desc.Output())
		raw := out.Mutable(out.Descriptor().Fields().ByName("raw")).Map()
		raw.Set(valueOf("user").MapKey(), valueOf("eve"))
		out.Set(out.Descriptor().Fields().ByName("user"), valueOf("bob"))
		return ss.SendMsg(out)
	})
	if got := r.call(context.Background(), r.conn, "Sign", `{}`); status.Code(got.err) != codes.Internal || len(got.messages) != 0 {
		t.Errorf("a response that makes one claim twice: %+v", got)
	}
}

// A36: what is no protobuf of its type is INVALID_ARGUMENT, and INTERNAL where
// the upstream sent it.
func TestA36_Malformed(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	broken := grpc.ForceCodecV2(bytesCodec{})
	junk := []byte{0x0a, 0xff}
	err := r.conn.Invoke(context.Background(), "/t.S/Check", &junk, new([]byte), broken)
	if status.Code(err) != codes.InvalidArgument || r.upstream.calls.Load() != 0 {
		t.Errorf("a request: %v", err)
	}
	err = r.conn.Invoke(context.Background(), "/t.S/Check", &junk, new([]byte), broken, grpc.CallContentSubtype("json"))
	if status.Code(err) != codes.InvalidArgument || r.upstream.calls.Load() != 0 {
		t.Errorf("another content type: %v", err)
	}
	r2 := start(t, setup{upstream: []grpc.ServerOption{grpc.ForceServerCodecV2(bytesCodec{})}})
	r2.upstream.become(func(_ string, ss grpc.ServerStream) error { return ss.SendMsg(&junk) })
	if got := r2.call(context.Background(), r2.conn, "Sign", `{}`); status.Code(got.err) != codes.Internal {
		t.Errorf("a response: %v", got.err)
	}
	// What nobody looks at passes, whatever it is.
	out := []byte{}
	r2.upstream.become(func(_ string, ss grpc.ServerStream) error {
		var in []byte
		if err := ss.RecvMsg(&in); err != nil {
			return err
		}
		return ss.SendMsg(&in)
	})
	err = r2.conn.Invoke(context.Background(), "/t.S/Open", &junk, &out, broken, grpc.CallContentSubtype("odd+x"))
	if err == nil {
		t.Error("a content type of odd characters passed")
	}
	err = r2.conn.Invoke(context.Background(), "/t.S/Open", &junk, &out, broken, grpc.CallContentSubtype("json"))
	if err != nil || !slices.Equal(out, junk) || r2.upstream.metadata().Get("content-type")[0] != "application/grpc+json" {
		t.Errorf("passthrough: %v, % x, %v", err, out, r2.upstream.metadata())
	}
}

// stream is a call under way.
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

// waitCalls waits until the upstream has had n calls.
func (r *rig) waitCalls(n int64) {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); r.upstream.calls.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("the upstream had %d calls, not %d", r.upstream.calls.Load(), n)
		}
	}
}
