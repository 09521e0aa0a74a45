package proxy_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// hopFields are fields about framing or one connection, with a value that a peer sends.
var hopFields = map[string]string{
	"content-length":            "5",
	"keep-alive":                "timeout=5",
	"proxy-connection":          "keep-alive",
	"proxy-authenticate":        "Basic",
	"proxy-authentication-info": "x",
	"proxy-authorization":       "Basic eDp5",
	"transfer-encoding":         "chunked",
	"upgrade":                   "h2c",
	"expect":                    "100-continue",
	"http2-settings":            "AAMAAABkAAQAAP__",
}

// TestS78_HopFieldsStay sends each hop-by-hop field in a request, a response header, a
// trailer, and a trailers-only response: none is forwarded, but other fields are.
func TestS78_HopFieldsStay(t *testing.T) {
	t.Parallel()
	r := start(t, setup{upstream: ofBytes()})
	hop := metadata.Pairs("x-mine", "1", "connection", "X-Named, close", "x-named", "2", "te", "gzip")
	for name, value := range hopFields {
		hop.Set(name, value)
	}
	var alone atomic.Bool
	r.upstream.become(func(name string, ss grpc.ServerStream) error {
		if alone.Load() {
			ss.SetTrailer(hop)
			return status.Error(codes.Aborted, "")
		}
		if err := ss.SendHeader(hop); err != nil {
			return err
		}
		ss.SetTrailer(hop)
		return echoBytes(name, ss)
	})
	clean := func(where string, md metadata.MD) {
		t.Helper()
		if !slices.Equal(md["x-mine"], []string{"1"}) {
			t.Errorf("%s: got x-mine %q", where, md["x-mine"])
		}
		for name := range hop {
			if name != "x-mine" && len(md[name]) > 0 {
				t.Errorf("%s: %s was forwarded: %q", where, name, md[name])
			}
		}
	}
	sent := hop.Copy() // grpc-go resets a request with connection: see the next test
	delete(sent, "connection")
	delete(sent, "x-named")
	for _, name := range []string{"Open", "OpenClient", "OpenServer", "OpenBidi"} {
		alone.Store(false)
		got := r.call(metadata.NewOutgoingContext(context.Background(), sent), r.conn, name, `{}`)
		if got.err != nil {
			t.Fatalf("%s: got %v", name, got.err)
		}
		clean(name+", request", r.upstream.metadata())
		clean(name+", header", got.header)
		clean(name+", trailer", got.trailer)
		alone.Store(true)
		got = r.call(context.Background(), r.conn, name, `{}`)
		if status.Code(got.err) != codes.Aborted {
			t.Fatalf("%s: got %v, want %v", name, got.err, codes.Aborted)
		}
		clean(name+", trailer alone", got.trailer)
	}
}

// TestS78_ConnectionFieldIsRefused: a request with a connection field, which RFC 9113
// section 8.2.2 calls malformed, is reset, and te: gzip is dropped.
func TestS78_ConnectionFieldIsRefused(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	raw := r.raw()
	raw.headers(1, "/t.S/OpenBidi", "connection", "x-named", "x-named", "1")
	if !raw.until(func(f http2.Frame) bool {
		reset, is := f.(*http2.RSTStreamFrame)
		return is && reset.StreamID == 1 && reset.ErrCode == http2.ErrCodeProtocol
	}) {
		t.Error("the call was not reset")
	}
	raw.headers(3, "/t.S/OpenBidi", "te", "gzip", "x-named", "1")
	r.waitCalls(1)
	if md := r.upstream.metadata(); len(md["te"]) > 0 || len(md["connection"]) > 0 || len(md["x-named"]) != 1 {
		t.Errorf("the upstream got %v", md)
	}
}

// TestS78_NamesReadAsClaims: names that a server would read as claims when folding case,
// "_" and "-" are removed, whether or not the method validates a token.
func TestS78_NamesReadAsClaims(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	forged := []string{
		"_kalix-jwt-claim-sub", "_kalix_jwt_claim_sub", "-kalix-jwt-claim-sub", "_kalix-jwt_claim-sub", "-kalix_jwt.claim-sub",
		"_kalix_jwt_claim_", "_kalix-jwt-claim-sub-bin", "_kalix_jwt_claim_x-bin",
	}
	kept := []string{"kalix-jwt-claim-sub", "_kalix_jwt_clai", "x_kalix_jwt_claim_sub", "_kalixjwtclaim_sub"}
	for _, method := range []string{"Open", "Bearer", "Sign", "CheckBidi"} {
		request := `{}`
		if method == "CheckBidi" {
			request = `{"user":"bob","tok":"` + r.Token(signedClaims) + `"}`
		}
		ctx := bearing(r.Token(goodClaims))
		for _, name := range slices.Concat(forged, kept) {
			ctx = metadata.AppendToOutgoingContext(ctx, name, "mallory")
		}
		if got := r.call(ctx, r.conn, method, request); got.err != nil {
			t.Fatalf("%s: got %v", method, got.err)
		}
		md := r.upstream.metadata()
		for _, name := range forged {
			if slices.Contains(md[name], "mallory") {
				t.Errorf("%s: %s reached the server", method, name)
			}
		}
		for _, name := range kept {
			if len(md[name]) != 1 {
				t.Errorf("%s: %s was removed", method, name)
			}
		}
	}
}
