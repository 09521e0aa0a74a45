package proxy_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

var streams = flag.Int("proxy.streams", 1000, "how many streams to open and leave at once")

// TestS68_StreamsThenIdle opens thousands of streams, ends them, and expects the initial
// number of goroutines and descriptors. These are counted for the whole process, so it
// does not run in parallel.
func TestS68_StreamsThenIdle(t *testing.T) {
	r := start(t, setup{})
	if got := r.call(context.Background(), r.conn, "Open", `{}`); got.err != nil {
		t.Fatal(got.err)
	}
	// Two connections stay open from here on.
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var conns []*grpc.ClientConn
	for i := range *streams {
		if i%200 == 0 { // MaxStreams is 250 per connection
			conns = append(conns, dial(t, r.addr))
		}
		s, err := conns[i/200].NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/t.S/OpenBidi")
		if err != nil {
			t.Fatal(i, err)
		}
		if i%100 == 0 { // some send a message
			m, _ := r.Plan.Method("t.S/OpenBidi")
			in, _ := r.Codec.Read([]byte(`{"text":"x"}`), m.Desc.Input())
			if err := s.SendMsg(in); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.waitCalls(int64(*streams) + 1)
	cancel()
	// And some whose server ends while the client has more to send.
	r.upstream.become(func(string, grpc.ServerStream) error { return status.Error(codes.Aborted, "enough") })
	for range *streams / 10 {
		s := r.open(context.Background(), "OpenBidi")
		if _, err := s.receive(); status.Code(err) != codes.Aborted {
			t.Fatal(err)
		}
	}
	for _, c := range conns {
		_ = c.Close()
	}
	testkit.Eventually(t, fmt.Sprintf("no more than %d goroutines and %d files are left", goroutines+10, files+10), func() bool {
		return runtime.NumGoroutine() <= goroutines+10 && openFiles(t) <= files+10
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestS66_RapidResets starts and resets thousands of calls, as in CVE-2023-44487: the
// number of goroutines is limited, and they end.
func TestS66_RapidResets(t *testing.T) {
	r := start(t, setup{})
	if got := r.call(context.Background(), r.conn, "Open", `{}`); got.err != nil {
		t.Fatal(got.err)
	}
	before := runtime.NumGoroutine()
	raw := r.raw()
	worst := 0
	for i := range 10_000 {
		id := uint32(2*i + 1)
		raw.headers(id, "/t.S/OpenBidi")
		if err := raw.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
			break // the server may well disconnect
		}
		if i%100 == 0 {
			worst = max(worst, runtime.NumGoroutine())
		}
	}
	// Per current call: its handler and forwardRequests here, and the upstream's.
	if worst > before+5*proxy.MaxStreams {
		t.Errorf("got %d goroutines, %d before", worst, before)
	}
	_ = raw.conn.Close()
	testkit.Eventually(t, fmt.Sprintf("no more than %d goroutines are left", before+10), func() bool { return runtime.NumGoroutine() <= before+10 })
	if got := r.call(context.Background(), r.conn, "Open", `{}`); got.err != nil {
		t.Error(got.err)
	}
}

// TestS66_PingsAreLimited: a connection ends if its client pings more often than permitted.
func TestS66_PingsAreLimited(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	raw := r.raw()
	for range 10 {
		_ = raw.WritePing(false, [8]byte{})
	}
	if !raw.until(func(f http2.Frame) bool {
		away, is := f.(*http2.GoAwayFrame)
		return is && away.ErrCode == http2.ErrCodeEnhanceYourCalm
	}) {
		t.Error("the connection was not closed")
	}
}

// TestS66_LargeMetadataIsRefused: more than 16 KiB of metadata are refused, from clients that honour
// the server's setting and from those that do not.
func TestS66_LargeMetadataIsRefused(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	md := func(n int) context.Context {
		return metadata.AppendToOutgoingContext(context.Background(), "x", strings.Repeat("a", n))
	}
	if got := r.call(md(15<<10), r.conn, "Open", `{}`); got.err != nil {
		t.Error(got.err)
	}
	if got := r.call(md(17<<10), r.conn, "Open", `{}`); status.Code(got.err) != codes.ResourceExhausted {
		t.Errorf("17 KiB: got %v, want %v", got.err, codes.ResourceExhausted)
	}
	if got := r.call(md(33<<10), r.conn, "Open", `{}`); got.err == nil {
		t.Error("33 KiB passed")
	}
	for name, headers := range map[string][]string{
		"one value":   {"x", strings.Repeat("~", 40<<10)},
		"many values": strings.Split(strings.Repeat("x,~~~~~~~~~,", 1000)+"x,y", ","),
	} {
		raw := r.raw()
		raw.headers(1, "/t.S/Open", headers...)
		raw.until(func(f http2.Frame) bool { // the call or the connection has ended
			switch f := f.(type) {
			case *http2.RSTStreamFrame, *http2.GoAwayFrame:
				return true
			case *http2.DataFrame:
				t.Errorf("%s: got a response", name)
			case *http2.MetaHeadersFrame:
				return f.StreamEnded()
			}
			return false
		})
	}
	if n := r.upstream.calls.Load(); n != 1 {
		t.Errorf("%d calls reached the upstream, want 1", n)
	}
}

// TestS66_MetadataLimit: bytes are counted as in HTTP/2, calls with more than 16 KiB are
// refused like any other and their connection continues. Beyond 32 KiB the connection
// ends.
func TestS66_MetadataLimit(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	raw := r.raw()
	const path = "/t.S/Bearer" // needs no message, even within the limit
	rest := 7 * 32
	for _, text := range []string{":methodPOST", ":schemehttp", ":path" + path, ":authorityx", "content-typeapplication/grpc", "tetrailers"} {
		rest += len(text)
	}
	for i, c := range []struct {
		key  string
		size int
		want codes.Code
	}{
		{"x", 16 << 10, codes.Unauthenticated},
		{"x", 16<<10 + 1, codes.ResourceExhausted},
		{"x-bin", 16 << 10, codes.Unauthenticated},
		{"x-bin", 16<<10 + 4, codes.ResourceExhausted},
		{"x", 32 << 10, codes.ResourceExhausted},
		{"x", 1 << 10, codes.Unauthenticated},
	} {
		id := uint32(2*i + 1)
		value := strings.Repeat("A", c.size-rest-len(c.key))
		if c.key == "x-bin" {
			value = value[:len(value)/4*4] // a valid length for base64
		}
		raw.headers(id, path, c.key, value)
		var got string
		if !raw.until(func(f http2.Frame) bool {
			h, is := f.(*http2.MetaHeadersFrame)
			if !is || h.StreamID != id {
				return false
			}
			for _, field := range h.RegularFields() {
				if field.Name == "grpc-status" {
					got = field.Value
				}
			}
			return true
		}) {
			t.Fatalf("%s, %d bytes: no response", c.key, c.size)
		}
		if want := strconv.Itoa(int(c.want)); got != want {
			t.Errorf("%s, %d bytes: got status %s, want %s", c.key, c.size, got, want)
		}
	}
}

// TestS66_LargeMessagesAreRefused: messages over the limit are refused both ways, including those that
// exceed it only after decompression.
func TestS66_LargeMessagesAreRefused(t *testing.T) {
	t.Parallel()
	r := start(t, setup{
		options:  proxy.Options{Limits: proxy.Limits{MessageBytes: 100 << 10}},
		upstream: append(ofBytes(), grpc.MaxRecvMsgSize(1<<30)),
	})
	var answer []byte
	var reached atomic.Bool // by a call that is not forwarded before its message arrives
	r.upstream.become(func(name string, ss grpc.ServerStream) error {
		if name != "t.S/OpenBidi" {
			reached.Store(true)
		}
		var in []byte
		if err := ss.RecvMsg(&in); err != nil && err != io.EOF {
			return err
		}
		return ss.SendMsg(&answer)
	})
	tests := map[string]struct {
		request, answer int
		zip             bool
		want            codes.Code
		reaches         bool
	}{
		"within":                       {request: 100 << 10, answer: 100 << 10, want: codes.OK, reaches: true},
		"request too large":            {request: 100<<10 + 1, want: codes.ResourceExhausted},
		"response too large":           {answer: 100<<10 + 1, want: codes.ResourceExhausted, reaches: true},
		"compression bomb":             {request: 1 << 20, zip: true, want: codes.ResourceExhausted},
		"compressed, within the limit": {request: 100 << 10, zip: true, want: codes.OK, reaches: true},
	}
	for name, c := range tests {
		for _, method := range []string{"Open", "OpenBidi", "Check"} {
			if method == "Check" && c.reaches {
				continue // not a message of that method
			}
			reached.Store(false)
			request := make([]byte, c.request)
			answer = make([]byte, c.answer)
			options := []grpc.CallOption{grpc.ForceCodecV2(bytesCodec{}), grpc.MaxCallRecvMsgSize(1 << 30)}
			if c.zip {
				options = append(options, grpc.UseCompressor("gzip"))
			}
			err := r.invoke("/t.S/"+method, &request, new([]byte), options...)
			if status.Code(err) != c.want {
				t.Errorf("%s, %s: got %v, want %v", name, method, err, c.want)
			}
			if method != "OpenBidi" && reached.Load() != c.reaches {
				t.Errorf("%s, %s: the upstream was reached: %v", name, method, reached.Load())
			}
		}
	}
}

// TestS66_StreamsAreLimited: a connection may have this number of concurrent calls, and no
// more.
func TestS66_StreamsAreLimited(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{Limits: proxy.Limits{Streams: 5}}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 5 {
		r.open(ctx, "OpenBidi")
	}
	r.waitCalls(5)
	late, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	defer stop()
	if got := r.call(late, r.conn, "Open", `{}`); status.Code(got.err) != codes.DeadlineExceeded {
		t.Errorf("sixth call: got %v, want %v", got.err, codes.DeadlineExceeded)
	}
	cancel()
	if got := r.call(context.Background(), r.conn, "Open", `{}`); got.err != nil {
		t.Error(got.err)
	}
	// A client that ignores the setting is refused.
	raw := r.raw()
	for i := range 20 {
		raw.headers(uint32(2*i+1), "/t.S/OpenBidi")
	}
	if !raw.until(func(f http2.Frame) bool {
		reset, is := f.(*http2.RSTStreamFrame)
		return is && reset.ErrCode == http2.ErrCodeRefusedStream
	}) {
		t.Error("none of 20 calls was refused")
	}
}
