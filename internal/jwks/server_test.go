package jwks_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS16_ThousandSlowConnections responds to valid requests while a thousand slow ones
// are open, and ends those.
func TestS16_ThousandSlowConnections(t *testing.T) {
	t.Parallel()
	if jwks.LongestConnection >= 10*time.Second {
		t.Errorf("a slow connection may live for %s", jwks.LongestConnection)
	}
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{})
	slow := 1000
	var files syscall.Rlimit // each connection takes two, and the next thousand may begin before these end
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		slow = min(slow, int(files.Cur/8))
	}
	starts := []string{"", "G", "GET /jwks.json HTTP/1.1\r\nHost: x\r\nX-Slow: ", "POST /jwks.json HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1"}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	var open atomic.Int32
	var wait sync.WaitGroup
	// Slow connections are opened until a good one has overtaken them: a busy machine may
	// take so long to open them that the server has already ended them.
	for passed := false; !passed && ctx.Err() == nil; {
		for i := range slow {
			conn, err := net.Dial("tcp", p.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			open.Add(1)
			_, _ = io.WriteString(conn, starts[i%len(starts)])
			wait.Go(func() {
				defer func() { open.Add(-1); _ = conn.Close() }()
				drip(ctx, conn)
			})
		}
		if answer, _ := p.get(t, jwks.DefaultPath); answer.StatusCode != 200 {
			t.Errorf("status %d, want 200", answer.StatusCode)
		}
		passed = int(open.Load()) > slow/2
	}
	wait.Wait()
	if ctx.Err() != nil {
		t.Error("slow connections are not ended, or delay others")
	}
}

// drip sends a byte now and then until the server closes the connection.
func drip(ctx context.Context, conn net.Conn) {
	gone := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, conn); close(gone) }()
	for {
		select {
		case <-gone:
			return
		case <-ctx.Done():
			_ = conn.Close()
			<-gone
			return
		case <-time.After(time.Second):
			_, _ = conn.Write([]byte("x"))
		}
	}
}

func TestS16_LargeHeaderIsRefused(t *testing.T) {
	t.Parallel()
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{})
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = io.WriteString(conn, "GET /jwks.json HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("a", 1<<20)+"\r\n\r\n")
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", answer.StatusCode)
	}
}

// readBody counts how often a request's body is read.
type readBody struct {
	io.ReadCloser
	reads *atomic.Int32
}

func (b readBody) Read(p []byte) (int, error) {
	b.reads.Add(1)
	return b.ReadCloser.Read(p)
}

func TestS16_BodiesAreRefusedUnread(t *testing.T) {
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{})
	var reads atomic.Int32
	p.Server = jwks.NewServer(testkit.Listen(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = readBody{r.Body, &reads}
		p.handler.ServeHTTP(w, r)
	}), p.handler.Path(), p.log.logger())
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- p.Server.Serve(ctx) }()
	defer func() { stop(); <-ended }()
	for name, head := range map[string]string{
		"10 MiB":                       "GET /jwks.json HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n",
		"posted":                       "POST /jwks.json HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n",
		"absolute URL of another host": "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n",
		"unknown length":               "GET /jwks.json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"with Expect: 100-continue":    "GET /jwks.json HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10485760\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := raw(t, p, head) // without reading a single byte of the body
			if n := reads.Swap(0); n != 0 {
				t.Errorf("the body was read %d times, want 0", n)
			}
			if answer.StatusCode != http.StatusRequestEntityTooLarge || !answer.Close {
				t.Errorf("status %d, close %t; want 413 and the connection closed", answer.StatusCode, answer.Close)
			}
			checkNoJSON(t, answer, body)
		})
	}
}

// TestPanicEndsOneConnection: a handler without a set panics, as an example of any panic.
func TestPanicEndsOneConnection(t *testing.T) {
	broken := &published{log: &logBook{}}
	var err error
	if broken.handler, err = jwks.NewHandler(&jwks.Publisher{}, jwks.HandlerOptions{}); err != nil {
		t.Fatal(err)
	}
	serve(t, broken)
	answer, err := broken.client.Get(broken.url(jwks.DefaultPath))
	if err == nil {
		t.Errorf("response to a request that panicked: %s %q", answer.Status, bodyOf(t, answer))
	}
	if answer, _ := broken.get(t, "/elsewhere"); answer.StatusCode != 404 {
		t.Errorf("after the panic: status %d, want 404", answer.StatusCode)
	}
	if !strings.Contains(broken.log.String(), "panic serving") {
		t.Errorf("the panic is not in the log: %s", broken.log)
	}
}

// TestS18_StopFinishesRequests: a request in progress may end within the grace period,
// however long it takes.
func TestS18_StopFinishesRequests(t *testing.T) {
	t.Parallel()
	stopping, status, leave, ended := stopWithin(t, testkit.Timeout)
	testkit.Eventually(t, "the listener is closed", func() bool {
		conn, err := net.Dial("tcp", stopping.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(leave)
	if got := <-status; got != 200 {
		t.Errorf("request in progress: got status %d, want 200", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestS18_StopCutsOff: requests that do not end in time are cut off.
func TestS18_StopCutsOff(t *testing.T) {
	t.Parallel()
	if jwks.ShutdownTime >= 5*time.Second {
		t.Errorf("stopping may take %s", jwks.ShutdownTime)
	}
	_, status, leave, ended := stopWithin(t, 50*time.Millisecond)
	defer close(leave)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := <-status; got != 0 {
		t.Errorf("request in progress: got status %d, want 0", got)
	}
}

// stopWithin stops a server within a grace period, while an idle connection is open and a
// request is in progress that ends when leave is closed. It returns that request's status,
// 0 if it was cut off, and what Serve returned.
func stopWithin(t *testing.T, grace time.Duration) (server *jwks.Server, status <-chan int, leave chan struct{}, ended <-chan error) {
	t.Helper()
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{})
	entered := make(chan struct{})
	leave = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	server, err := jwks.Listen(ctx, "127.0.0.1:0", p.handler, p.log.logger())
	if err != nil {
		t.Fatal(err)
	}
	server.Grace(grace)
	server.Wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-leave
			h.ServeHTTP(w, r)
		})
	})
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	silent, err := net.Dial("tcp", server.Addr().String()) // never says anything
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	got := make(chan int, 1)
	go func() {
		answer, err := p.client.Get(server.Endpoint())
		if os.IsTimeout(err) {
			got <- http.StatusGatewayTimeout
			return
		}
		if err != nil {
			got <- 0
			return
		}
		_ = answer.Body.Close()
		got <- answer.StatusCode
	}()
	<-entered
	cancel()
	return server, got, leave, served
}

func TestS18_AddressInUse(t *testing.T) {
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{})
	for name, address := range map[string]string{"in use": p.Addr().String(), "no port": "127.0.0.1", "port too large": ":70000"} {
		_, err := jwks.Listen(t.Context(), address, p.handler, p.log.logger())
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.ListenFailed || f.What != address {
			t.Errorf("%s: got %v", name, err)
		}
		t.Log(err)
	}
}

func TestEndpointOfAllInterfaces(t *testing.T) {
	p := publish(t, these(newKey(t, keys.ES256, "a")), jwks.HandlerOptions{})
	s, err := jwks.Listen(t.Context(), ":0", p.handler, p.log.logger())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	defer func() { _ = s.Serve(ctx) }()
	port := s.Addr().(*net.TCPAddr).Port
	want, withoutIPv6 := fmt.Sprintf("http://[::]:%d/jwks.json", port), fmt.Sprintf("http://0.0.0.0:%d/jwks.json", port)
	if got := s.Endpoint(); got != want && got != withoutIPv6 || port == 0 {
		t.Errorf("endpoint %s, want %s", got, want)
	}
}
