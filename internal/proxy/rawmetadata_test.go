package proxy_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// httpValues are valid in HTTP (RFC 9110 section 5.5) but not in gRPC.
var httpValues = metadata.MD{
	"x-latin":  {"caf\xe9"},
	"x-utf8":   {"Zoë", "plain", "🎉"},
	"x-tab":    {"a\tb"},
	"x-bytes":  {"\x80\xff"},
	"x!y":      {"a name that gRPC does not have"},
	"x-plain":  {"beside them"},
	"x-it-bin": {"\x00\xff"},
}

// TestMetadataOfHTTPPasses: metadata that HTTP permits but gRPC's grammar does not
// arrives as it would directly, in a request, a response header, a trailer and a
// trailers-only response, and no call fails because of it (PROTOCOL-HTTP2.md,
// Custom-Metadata).
func TestMetadataOfHTTPPasses(t *testing.T) {
	t.Parallel()
	r := start(t, setup{upstream: ofBytes()})
	var alone atomic.Bool
	r.upstream.become(func(name string, ss grpc.ServerStream) error {
		ctx := ss.Context()
		if alone.Load() {
			_ = grpc.SetTrailer(ctx, httpValues)
			return status.Error(codes.Aborted, "")
		}
		if err := grpc.SetHeader(ctx, httpValues); err != nil {
			return err
		}
		_ = grpc.SetTrailer(ctx, httpValues)
		return echoBytes(name, ss)
	})
	arrived := func(where string, md metadata.MD) {
		t.Helper()
		for name, want := range httpValues {
			if !slices.Equal(md[name], want) {
				t.Errorf("%s: got %s %q, want %q", where, name, md[name], want)
			}
		}
	}
	for i, name := range []string{"Open", "OpenClient", "OpenServer", "OpenBidi", "Bearer"} {
		alone.Store(false)
		got := r.call(bearing(r.Token(goodClaims)), r.conn, name, `{}`)
		if got.err != nil {
			t.Fatalf("%s: got %v", name, got.err)
		}
		arrived(name+", header", got.header)
		arrived(name+", trailer", got.trailer)
		alone.Store(true)
		if got = r.call(bearing(r.Token(goodClaims)), r.conn, name, `{}`); status.Code(got.err) != codes.Aborted {
			t.Fatalf("%s: got %v, want %v", name, got.err, codes.Aborted)
		}
		arrived(name+", trailer alone", got.trailer)

		// grpc-go's client refuses to send it, so write it directly.
		raw := r.raw()
		fields := []string{"authorization", "Bearer " + r.Token(goodClaims), "_kalix-jwt-claim-!", "x"}
		for name, values := range httpValues {
			for _, v := range values {
				if name == "x-it-bin" {
					v = "AP8"
				}
				fields = append(fields, name, v)
			}
		}
		raw.headers(1, "/t.S/"+name, fields...)
		_ = raw.WriteData(1, true, []byte{0, 0, 0, 0, 0})
		r.waitCalls(int64(3 * (i + 1)))
		arrived(name+", request", r.upstream.metadata())
		for name := range r.upstream.metadata() {
			if name == "_kalix-jwt-claim-!" {
				t.Error("a forged claim passed")
			}
		}
	}
}

// TestExactMetadataIsNotShared: metadata of one call does not appear in the next on the
// same connection.
func TestExactMetadataIsNotShared(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	raw := r.raw()
	raw.headers(1, "/t.S/OpenBidi", "x-utf8", "é")
	r.waitCalls(1)
	if got := r.call(context.Background(), r.conn, "Open", `{}`); got.err != nil || len(r.upstream.metadata()["x-utf8"]) != 0 {
		t.Errorf("%v: got %v", got.err, r.upstream.metadata())
	}
	raw.headers(3, "/t.S/OpenBidi", "x!y", "1")
	r.waitCalls(3)
	if md := r.upstream.metadata(); len(md["x-utf8"]) != 0 || len(md["x!y"]) != 1 {
		t.Errorf("the upstream got %v", md)
	}
}
