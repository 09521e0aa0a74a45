package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TestFaultUpstreamKilled kills the Node server during a stream: its client gets an error
// at once, and is served again once there is a new server.
func TestFaultUpstreamKilled(t *testing.T) {
	p := install(t)
	node := startNode(t, p)
	proxy, key := startProxy(t, p, node.addr)
	bearer := token(t, p, key, `{"user": "alice"}`)
	conn := dial(t, proxy.addr)
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+bearer), patience)
	defer cancel()

	var ticket []byte
	if err := conn.Invoke(ctx, "/com.example.JwtService/Issue", &[]byte{}, &ticket); err != nil {
		t.Fatal(err)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/com.example.JwtService/RedeemMany")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(&ticket); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	if err := stream.RecvMsg(&answer); err != nil {
		t.Fatal(err)
	}
	if err := node.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&answer); status.Code(err) != codes.Unavailable || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("the stream ended with %v, want %v", err, codes.Unavailable)
	}
	if err := call(conn, "JwtInToken", bearer, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("call without a server: got %v, want %v", err, codes.Unavailable)
	}
	startNode(t, p, node.addr)
	eventually(t, "a call that is served", func() bool { return call(conn, "JwtInToken", bearer, nil) == nil })
}

// TestFaultTerminated sends SIGTERM under load: each call that reached the upstream is
// answered, and the proxy ends with 0.
func TestFaultTerminated(t *testing.T) {
	p := install(t)
	upstream := startGo(t)
	upstream.slow = 20 * time.Millisecond
	proxy, key := startProxy(t, p, upstream.addr)
	bearer := token(t, p, key, `{"user": "alice"}`)
	var answered, refused atomic.Int64
	var wg sync.WaitGroup
	for range 5 {
		conn := dial(t, proxy.addr)
		for range 10 {
			wg.Go(func() {
				for {
					err := call(conn, "JwtInToken", bearer, nil)
					if err != nil {
						if status.Code(err) != codes.Unavailable {
							t.Error(err)
						}
						refused.Add(1)
						return
					}
					answered.Add(1)
				}
			})
		}
	}
	eventually(t, "load", func() bool { return answered.Load() > 200 })
	proxy.stop()
	wg.Wait()
	if n := upstream.calls.Load(); n != answered.Load() || refused.Load() != 50 {
		t.Errorf("%d calls reached the upstream, %d were answered, %d clients ended", n, answered.Load(), refused.Load())
	}
}

// TestFaultKeysDown starts the proxy before the server of its keys: it starts, responds
// with UNAVAILABLE if it needs them, and admits calls soon after they are there.
func TestFaultKeysDown(t *testing.T) {
	p := install(t)
	key := newKey(t, p)
	set, ok := run(t, p.jwtctl, "jwks", "-q", "--key", key, "--kid", "remote-1")
	if !ok {
		t.Fatal(set)
	}
	bearer := token(t, p, key, `{"user": "alice"}`, "--kid", "remote-1")
	address := freeAddress(t)
	upstream := startGo(t)
	proxy, _ := startProxy(t, p, upstream.addr, "--jwks", "http://"+address+"/")
	conn := dial(t, proxy.addr)
	if err := call(conn, "JwtInToken", bearer, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("without keys: got %v, want %v", err, codes.Unavailable)
	}
	if n := upstream.calls.Load(); n != 0 {
		t.Errorf("%d calls reached the upstream, want 0", n)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, set) })}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	begun := time.Now()
	eventually(t, "a call that is served", func() bool { return call(conn, "JwtInToken", bearer, nil) == nil })
	t.Logf("served only %s after the keys were there", time.Since(begun).Round(time.Millisecond))
	proxy.stop()
}
