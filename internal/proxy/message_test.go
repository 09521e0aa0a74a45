package proxy_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"
)

// TestA12_ExtractAndRaw: the upstream receives messages with EXTRACT and RAW filled in,
// and unknown fields unchanged.
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
	if err := r.invoke("/t.S/Check", in, dynamicpb.NewMessage(m.Desc.Output())); err != nil {
		t.Fatal(err)
	}
	if string(got.GetUnknown()) != string(unknown) {
		t.Errorf("unknown fields: got %x, want %x", got.GetUnknown(), string(unknown))
	}
	got.SetUnknown(nil)
	text := r.JSON(got)
	for _, want := range []string{`"n":"7"`, `"team":"x"`, `"user":"bob"`, `"other":"o"`, `"iss":"maker"`} {
		if !strings.Contains(text, want) {
			t.Errorf("want %s in %s", want, text)
		}
	}
	if strings.Contains(text, "mine") {
		t.Errorf("RAW keeps the client's entries: %s", text)
	}
}

// TestA12_EveryResponseIsSigned: every response is signed, and a client can verify each.
func TestA12_EveryResponseIsSigned(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, kind := range []string{"Sign", "SignServer"} {
		got := r.call(context.Background(), r.conn, kind, `{}`)
		if got.err != nil || len(got.messages) != 1 {
			t.Fatalf("%s: got %+v", kind, got)
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
		t.Errorf("response that sets one claim twice: %+v", got)
	}
}

// TestA36_MalformedMessagesAreRefused: data that is not a message of its type is INVALID_ARGUMENT, or
// INTERNAL if the upstream sent it. A36.
func TestA36_MalformedMessagesAreRefused(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	broken := grpc.ForceCodecV2(bytesCodec{})
	junk := []byte{0x0a, 0xff}
	err := r.invoke("/t.S/Check", &junk, new([]byte), broken)
	if status.Code(err) != codes.InvalidArgument || r.upstream.calls.Load() != 0 {
		t.Errorf("malformed request: got %v, want %v", err, codes.InvalidArgument)
	}
	err = r.invoke("/t.S/Check", &junk, new([]byte), broken, grpc.CallContentSubtype("json"))
	if status.Code(err) != codes.InvalidArgument || r.upstream.calls.Load() != 0 {
		t.Errorf("other content type: got %v, want %v", err, codes.InvalidArgument)
	}
	r2 := start(t, setup{upstream: ofBytes()})
	r2.upstream.become(func(_ string, ss grpc.ServerStream) error { return ss.SendMsg(&junk) })
	if got := r2.call(context.Background(), r2.conn, "Sign", `{}`); status.Code(got.err) != codes.Internal {
		t.Errorf("malformed response: got %v, want %v", got.err, codes.Internal)
	}
	// Messages that are not checked pass, whatever they contain.
	out := []byte{}
	r2.upstream.become(echoBytes)
	err = r2.invoke("/t.S/Open", &junk, &out, broken, grpc.CallContentSubtype("odd+x"))
	if err == nil {
		t.Error("a content type with control characters passed")
	}
	err = r2.invoke("/t.S/Open", &junk, &out, broken, grpc.CallContentSubtype("json"))
	if err != nil || !slices.Equal(out, junk) || r2.upstream.metadata().Get("content-type")[0] != "application/grpc+json" {
		t.Errorf("passthrough: %v, % x, %v", err, out, r2.upstream.metadata())
	}
}
