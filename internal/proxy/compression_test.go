package proxy_test

//lint:file-ignore SA1019 a compressor of one connection: the registry that replaces it is of the whole process

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// last returns the compression in the last header of a connection.
func (e *encodings) last() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.seen) == 0 {
		return "none seen"
	}
	return e.seen[len(e.seen)-1]
}

// TestCompressionReachesTheServer: requests are forwarded in the client's encoding, the
// server is offered what the client accepts, and the response has the server's encoding,
// which is that of the request, whether or not messages are read (compression.md).
func TestCompressionReachesTheServer(t *testing.T) {
	t.Parallel()
	atServer, atClient := &encodings{}, &encodings{}
	r := start(t, setup{upstream: []grpc.ServerOption{grpc.StatsHandler(atServer)}})
	for _, name := range []string{"", "identity", "gzip", "deflate", "zstd"} {
		options := []grpc.CallOption{experimental.AcceptCompressors("gzip", "deflate", "zstd")}
		if name != "" {
			options = append(options, grpc.UseCompressor(name))
		}
		conn := dial(t, r.addr, grpc.WithStatsHandler(atClient), grpc.WithDefaultCallOptions(options...))
		for _, method := range []string{"Open", "OpenClient", "OpenServer", "OpenBidi", "Bearer", "Sign", "SignServer", "Check", "CheckBidi"} {
			request := `{"text":"` + strings.Repeat("x", 5000) + `"}`
			if strings.HasPrefix(method, "Check") {
				request = `{"user":"bob","tok":"` + r.Token(signedClaims) + `"}`
			}
			if got := r.call(bearing(r.Token(goodClaims)), conn, method, request); got.err != nil || len(got.messages) != 1 {
				t.Errorf("%s, %s: got %+v", name, method, got)
			}
			if got := atServer.last(); got != name {
				t.Errorf("%s, %s: the server got %q", name, method, got)
			}
			if got := atClient.last(); strings.TrimPrefix(got, "identity") != strings.TrimPrefix(name, "identity") {
				t.Errorf("%s, %s: the client got %q", name, method, got)
			}
			if got := r.upstream.metadata()["grpc-accept-encoding"]; len(got) != 1 || strings.TrimSuffix(got[0], ",identity") != "gzip,deflate,zstd" {
				t.Errorf("%s, %s: the server is offered %q", name, method, got)
			}
		}
	}
	raw := r.raw() // accepts nothing
	raw.headers(1, "/t.S/OpenBidi")
	calls := r.upstream.calls.Load()
	r.waitCalls(calls)
	testkit.Eventually(t, "the server is offered no encoding", func() bool {
		return strings.Trim(strings.Join(r.upstream.metadata()["grpc-accept-encoding"], ","), "identy,") == ""
	})
}

// TestAnswersAreInWhatIsAccepted: if the server does not compress, the response does not
// use an encoding of the request that the client does not accept.
func TestAnswersAreInWhatIsAccepted(t *testing.T) {
	t.Parallel()
	r := start(t, setup{upstream: ofBytes(), serve: func(name string, ss grpc.ServerStream) error {
		if err := grpc.SetSendCompressor(ss.Context(), "identity"); err != nil {
			return err
		}
		return echoBytes(name, ss)
	}})
	for _, method := range []string{"Open", "OpenServer", "OpenBidi"} {
		got, err := r.bytesCall(context.Background(), "/t.S/"+method, [][]byte{[]byte("\n\x01x")}, grpc.UseCompressor("deflate"), experimental.AcceptCompressors("gzip"))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: got %q, %v", method, got, err)
		}
	}
}

// TestAnswersAreInWhatTheServerChose: the response has the encoding that the server chose
// among those the client accepts, whatever that of the request, whether or not messages
// are read.
func TestAnswersAreInWhatTheServerChose(t *testing.T) {
	t.Parallel()
	var choice atomic.Value
	r := start(t, setup{upstream: ofBytes(), serve: func(name string, ss grpc.ServerStream) error {
		if err := grpc.SetSendCompressor(ss.Context(), choice.Load().(string)); err != nil {
			return err
		}
		return echoBytes(name, ss)
	}})
	for _, request := range []string{"", "gzip", "zstd"} {
		for _, chosen := range []string{"identity", "gzip", "deflate", "zstd"} {
			choice.Store(chosen)
			e := &encodings{}
			options := []grpc.CallOption{experimental.AcceptCompressors("gzip", "deflate", "zstd")}
			if request != "" {
				options = append(options, grpc.UseCompressor(request))
			}
			conn := dial(t, r.addr, grpc.WithStatsHandler(e), grpc.WithDefaultCallOptions(options...))
			for _, method := range []string{"Open", "OpenServer", "OpenBidi", "Sign", "SignServer"} {
				if got := r.call(context.Background(), conn, method, `{"text":"`+strings.Repeat("x", 5000)+`"}`); got.err != nil || len(got.messages) != 1 {
					t.Errorf("%s for %s, %s: %+v", chosen, request, method, got)
				}
				if got := strings.TrimPrefix(e.last(), "identity"); got != strings.TrimPrefix(chosen, "identity") {
					t.Errorf("%s for %q, %s: the client got %q", chosen, request, method, got)
				}
			}
		}
	}
}

// strange is an encoding unknown to the proxy: it inverts each byte.
type strange struct{}

func (strange) Type() string { return "br" }

func (strange) Do(w io.Writer, p []byte) error {
	_, err := w.Write(invert(p))
	return err
}

type unstrange struct{ strange }

func (unstrange) Do(r io.Reader) ([]byte, error) {
	p, err := io.ReadAll(r)
	return invert(p), err
}

func invert(p []byte) []byte {
	out := make([]byte, len(p))
	for i, b := range p {
		out[i] = ^b
	}
	return out
}

// TestUnknownEncodingsPass: messages in an unknown encoding are forwarded both ways if
// they are not read; otherwise the call is UNIMPLEMENTED and the client learns which
// encodings are supported (compression.md).
func TestUnknownEncodingsPass(t *testing.T) {
	t.Parallel()
	r := start(t, setup{upstream: []grpc.ServerOption{grpc.RPCCompressor(strange{}), grpc.RPCDecompressor(unstrange{})}})
	accepts := grpc.WithDefaultCallOptions(experimental.AcceptCompressors("br"))
	both := dial(t, r.addr, grpc.WithCompressor(strange{}), grpc.WithDecompressor(unstrange{}), accepts)
	answers := dial(t, r.addr, grpc.WithDecompressor(unstrange{}), accepts) // does not compress its own
	text := strings.Repeat("y", 100_000)
	for _, conn := range []*grpc.ClientConn{both, answers} {
		for _, method := range []string{"Open", "OpenClient", "OpenServer", "OpenBidi", "Bearer"} {
			got := r.call(bearing(r.Token(goodClaims)), conn, method, `{"text":"`+text+`"}`)
			if got.err != nil || len(got.messages) != 1 {
				t.Errorf("%s: got %+v", method, got)
			}
			if all := r.upstream.received(); len(all) == 0 || !strings.Contains(all[len(all)-1], text) {
				t.Errorf("%s: the server got a different message", method)
			}
		}
	}
	calls := r.upstream.calls.Load()
	for _, method := range []string{"Check", "CheckBidi"} {
		got := r.call(context.Background(), both, method, `{"user":"bob","tok":"`+r.Token(signedClaims)+`"}`)
		if status.Code(got.err) != codes.Unimplemented || !slices.Equal(got.header["grpc-accept-encoding"], []string{"gzip,deflate,zstd"}) {
			t.Errorf("%s: got %+v, want %v", method, got, codes.Unimplemented)
		}
	}
	// Not every message of a stream must be compressed; the proxy could not identify its
	// own messages.
	raw := r.raw()
	raw.headers(1, "/t.S/Open", "grpc-encoding", "br")
	_ = raw.WriteData(1, true, wire([]byte("\n\x01x")))
	if got := raw.answers(1)[1]; got.status != "12" {
		t.Errorf("uncompressed message: %+v", got)
	}
	if got := r.upstream.calls.Load(); got != calls {
		t.Errorf("%d calls reached the server", got-calls)
	}
	// An encoding that is not registered with grpc-go.
	raw.headers(3, "/t.S/Open", "grpc-encoding", "mine")
	_ = raw.WriteData(3, true, wire([]byte("\n\x01x")))
	if got := raw.answers(1)[3]; got.status != "12" {
		t.Errorf("unregistered encoding: %+v", got)
	}
}

// TestBombsOfEveryEncoding: messages that are small on the wire and too large after
// decompression are refused for every method. S66.
func TestBombsOfEveryEncoding(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{Limits: proxy.Limits{MessageBytes: 100 << 10}}})
	large := make([]byte, 16<<20)
	for _, name := range []string{"gzip", "deflate", "zstd"} {
		for _, method := range []string{"/t.S/Open", "/t.S/Check", "/t.S/CheckBidi"} {
			err := r.invoke(method, &large, new([]byte), grpc.ForceCodecV2(bytesCodec{}), grpc.UseCompressor(name))
			if status.Code(err) != codes.ResourceExhausted {
				t.Errorf("%s, %s: got %v, want %v", name, method, err, codes.ResourceExhausted)
			}
		}
	}
	r.noCalls()
}

// TestEncodingsAtOnce uses the compressors in many calls at the same time: none gets
// another's data.
func TestEncodingsAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, reportSetup(false))
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			name := []string{"gzip", "deflate", "zstd"}[i%3]
			for n := range 20 {
				sent := []byte("\n" + strings.Repeat(string(rune('a'+i)), 1+n*50))
				ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), nil), testkit.Timeout)
				var got []byte
				err := r.conn.Invoke(ctx, "/t.S/Open", &sent, &got, grpc.ForceCodecV2(bytesCodec{}), grpc.UseCompressor(name), experimental.AcceptCompressors("gzip", "deflate", "zstd"))
				cancel()
				if err != nil || string(got) != string(sent) {
					t.Errorf("%s: got %q, %v, want %q", name, got, err, string(sent))
				}
			}
		})
	}
	all.Wait()
}
