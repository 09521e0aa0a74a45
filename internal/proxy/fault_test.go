package proxy_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/testkit/ports"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// TestS67_UpstreamDown: without the upstream, calls are UNAVAILABLE at once, without its
// address, and are forwarded again soon after it is back.
func TestS67_UpstreamDown(t *testing.T) {
	t.Parallel()
	addr := ports.Address(t)
	r := start(t, setup{dial: addr})
	for _, name := range []string{"Open", "OpenClient", "OpenServer", "OpenBidi"} {
		got := r.call(context.Background(), r.conn, name, `{}`)
		if status.Code(got.err) != codes.Unavailable || strings.Contains(got.err.Error(), "127.0.0.1") {
			t.Errorf("%s: got %v, want %v", name, got.err, codes.Unavailable)
		}
	}
	back := listenAt(t, addr)
	go func() { _ = r.upstream.srv.Serve(back) }()
	testkit.Eventually(t, "the upstream that is back is reached", func() bool { return r.call(context.Background(), r.conn, "Open", `{}`).err == nil })
}

// TestS67_UpstreamKilled: calls in progress end as UNAVAILABLE however the connection
// ends, without addresses in the message (S64).
func TestS67_UpstreamKilled(t *testing.T) {
	t.Parallel()
	between := testkit.Listen(t)
	t.Cleanup(func() { _ = between.Close() })
	r := start(t, setup{dial: between.Addr().String()})
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := between.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", r.upstream.addr)
			if err != nil { // the upstream has been stopped
				_ = conn.Close()
				continue
			}
			go func() { _, _ = io.Copy(up, conn); _ = up.Close() }()
			go func() { _, _ = io.Copy(conn, up); _ = conn.Close() }()
			accepted <- conn
		}
	}()
	for i, kill := range []func(net.Conn){
		func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		func(c net.Conn) { _ = c.Close() },
		func(net.Conn) { r.upstream.srv.Stop() },
	} {
		s := r.open(context.Background(), "OpenBidi")
		s.send(`{"text":"1"}`)
		if _, err := s.receive(); err != nil {
			t.Fatal(i, err)
		}
		kill(<-accepted)
		if _, err := s.receive(); status.Code(err) != codes.Unavailable || status.Convert(err).Message() != "Upstream is not available" {
			t.Errorf("%d: got %v, want %v", i, err, codes.Unavailable)
		}
	}
}

// TestS74_PanicEndsOneCall: after a panic the call is INTERNAL, nothing is forwarded, and the proxy
// continues.
func TestS74_PanicEndsOneCall(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	var broken atomic.Bool
	clock := func() time.Time {
		if broken.Load() {
			panic("CANARY")
		}
		return policytest.Now
	}
	w := policytest.Of(t, r.Policy, r.Plan, policytest.Setup{Keys: []*keys.Key{r.Key}, Verify: verify.Options{Now: clock}})
	if err := r.proxy.Swap(proxy.Policy{Plan: w.Plan, Verifier: w.Verifier, Signer: w.Signer}); err != nil {
		t.Fatal(err)
	}
	good := `{"tok":"` + r.Token(signedClaims) + `"}`
	s := r.open(context.Background(), "CheckBidi")
	s.send(good)
	if _, err := s.receive(); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	s.send(good)
	_, err := s.receive()
	got := []error{err, r.call(bearing(r.Token(goodClaims)), r.conn, "Who", `{}`).err, r.call(context.Background(), r.conn, "Check", good).err}
	if n := r.upstream.calls.Load(); n != 1 || len(r.upstream.received()) != 1 {
		t.Errorf("%d calls were forwarded, want 1", n)
	}
	got = append(got, r.call(context.Background(), r.conn, "Sign", `{}`).err)
	for i, err := range got {
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "CANARY") {
			t.Error(i, err)
		}
	}
	if text := r.waitLog(0, "panicked"); strings.Contains(text, "CANARY") || !strings.Contains(text, "verify.go") {
		t.Errorf("logged: got %s, want %q in it", text, "verify.go")
	}
	broken.Store(false)
	if got := r.call(bearing(r.Token(goodClaims)), r.conn, "Who", `{}`); got.err != nil {
		t.Error(got.err)
	}
}
