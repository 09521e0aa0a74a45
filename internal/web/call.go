package web

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The gRPC status codes of calls that break off (google.rpc.Code).
const (
	invalidArgument  = "3"
	deadlineExceeded = "4"
	unavailable      = "14"
)

// call makes the gRPC call that vanguard has made of a request, by the link of
// its connection.
//
// httputil.ReverseProxy would wait for a request that goes on when its response
// has ended, as those of streams do.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	l, ok := r.Context().Value(linkKey{}).(*link)
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	interrupt, _ := r.Context().Value(interruptKey{}).(func())
	body := &requestBody{ReadCloser: newPlainEmpty(r.Body, r.Header.Get("Grpc-Encoding") != ""), interrupt: interrupt}
	out := r.Clone(r.Context())
	out.URL = &url.URL{Scheme: "http", Host: "inside", Path: r.URL.Path}
	out.RequestURI, out.Body, out.ContentLength, out.Close = "", body, -1, false
	withoutHops(out.Header)
	out.Header.Set("Te", "trailers")
	began := time.Now()
	response, err := l.open().RoundTrip(out)
	if err != nil {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.Header().Set("Grpc-Status", statusOf(r, body, time.Since(began)))
		w.WriteHeader(http.StatusOK)
		return
	}
	defer func() { _ = response.Body.Close() }()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	if err := copyFlushing(w, response.Body); err != nil {
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", statusOf(r, body, time.Since(began)))
		return
	}
	for name, values := range response.Trailer {
		w.Header()[http.TrailerPrefix+name] = values
	}
}

// withoutHops removes from h what concerns the client's connection (RFC 9110,
// section 7.6.1), which HTTP/2 does not allow. The proxy removes what else frames.
func withoutHops(h http.Header) {
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Content-Length", "Expect", "Http2-Settings", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
}

// copyFlushing copies what of a stream has come at once.
func copyFlushing(w http.ResponseWriter, from io.Reader) error {
	flush := http.NewResponseController(w)
	if err := flush.Flush(); err != nil {
		return err
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := flush.Flush(); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// interruptKey is what a context has the function under that ends a Read of its
// request.
type interruptKey struct{}

// interruptible returns r with that function, for the connection of w, which does
// nothing once over has been called: the transport closes bodies in the background, and
// w must not be used after its handler.
//
// Over HTTP/1 an interrupted Read cancels the context of the connection, and so that of
// each request after it. Such a request gets a context of its own, and the connection
// ends with its answer.
func interruptible(w http.ResponseWriter, r *http.Request) (_ *http.Request, over func()) {
	ctx := r.Context()
	if r.ProtoMajor == 1 && ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
		w.Header().Set("Connection", "close")
	}
	var mu sync.Mutex
	controller := http.NewResponseController(w)
	end := func() {
		mu.Lock()
		defer mu.Unlock()
		if controller != nil {
			_ = controller.SetReadDeadline(time.Unix(1, 0))
		}
	}
	return r.WithContext(context.WithValue(ctx, interruptKey{}, end)), func() {
		mu.Lock()
		defer mu.Unlock()
		controller = nil
	}
}

// requestBody is the body that vanguard has made, whose Close waits for a Read
// that is under way.
type requestBody struct {
	io.ReadCloser
	interrupt             func()
	reading, read, broken atomic.Bool // now; to its end; not to its end
}

// Read is that of io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	b.reading.Store(true)
	n, err := b.ReadCloser.Read(p)
	b.reading.Store(false)
	switch {
	case err == io.EOF:
		b.read.Store(true)
	case err != nil:
		b.broken.Store(true)
	}
	return n, err
}

// Close is that of io.Closer. It ends a Read first.
func (b *requestBody) Close() error {
	if b.interrupt != nil && b.reading.Load() && !b.read.Load() && !b.broken.Load() {
		b.interrupt()
	}
	return b.ReadCloser.Close()
}

// statusOf is how a call that broke off after so long has ended: a gRPC server
// resets a call whose time is over.
func statusOf(r *http.Request, body *requestBody, took time.Duration) string {
	limit, limited := timeout(r.Header.Get("Grpc-Timeout"))
	switch {
	case limited && took >= limit:
		return deadlineExceeded
	case body.broken.Load():
		return invalidArgument
	}
	return unavailable
}

// timeout reads the value of grpc-timeout (PROTOCOL-HTTP2.md, Timeout).
func timeout(value string) (time.Duration, bool) {
	if value == "" {
		return 0, false
	}
	unit, ok := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second,
		'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}[value[len(value)-1]]
	n, err := strconv.ParseUint(value[:len(value)-1], 10, 31)
	return time.Duration(n) * unit, ok && err == nil
}
