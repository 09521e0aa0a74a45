package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// The gRPC status codes of interrupted calls (google.rpc.Code).
const (
	invalidArgument  = "3"
	deadlineExceeded = "4"
	unavailable      = "14"
)

// call makes the gRPC call that vanguard derived from a request, over the link of its
// connection.
//
// httputil.ReverseProxy would wait for the end of a request after its response has ended,
// which streams do not guarantee.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	l, ok := r.Context().Value(linkKey{}).(*link)
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	interrupt, _ := r.Context().Value(interruptKey{}).(func())
	refused := func() {
		row := fault.Lookup(fault.MessageMalformed)
		s.options.Log.Info("call refused", slog.String("method", quote.Shorten(r.URL.Path)), slog.String("code", string(row.Code)), slog.String("what", "web"), slog.String("reason", row.Meaning))
	}
	whole := &untruncated{ReadCloser: r.Body, refused: refused}
	body := &requestBody{ReadCloser: newPlainEmpty(whole, r.Header.Get("Grpc-Encoding") != ""), interrupt: interrupt}
	out := r.Clone(r.Context())
	out.URL = &url.URL{Scheme: "http", Host: "inside", Path: r.URL.Path}
	out.RequestURI, out.Body, out.ContentLength, out.Close = "", body, -1, false
	removeHopHeaders(out.Header)
	out.Header.Set("Te", "trailers")
	start := time.Now()
	response, err := l.open().RoundTrip(out)
	if err != nil {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.Header().Set("Grpc-Status", statusOf(r, body, time.Since(start)))
		w.WriteHeader(http.StatusOK)
		return
	}
	defer func() { _ = response.Body.Close() }()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	if err := copyFlushing(w, response.Body); err != nil {
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", statusOf(r, body, time.Since(start)))
		return
	}
	for name, values := range response.Trailer {
		w.Header()[http.TrailerPrefix+name] = values
	}
}

// removeHopHeaders removes from h the fields about the client's connection (RFC 9110 section
// 7.6.1), which HTTP/2 does not permit. The proxy removes other framing fields.
func removeHopHeaders(h http.Header) {
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Content-Length", "Expect", "Http2-Settings", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
}

// copyFlushing copies a stream, flushing whatever has arrived.
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

// interruptKey is the context key of the function that ends a Read of the request.
type interruptKey struct{}

// interruptible returns r with that function for the connection of w. The function does
// nothing after over has been called: the transport closes bodies in the background, and
// w must not be used after its handler.
//
// In HTTP/1, an interrupted Read cancels the context of the connection, and so of each
// later request. Such a request gets its own context, and the connection ends with its
// response.
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

// untruncated is a body made by vanguard. At a message that it cannot parse, vanguard
// responds with the error, but ends the body with io.EOF: the server would take the
// messages before it for all. Only another Read returns the error.
type untruncated struct {
	io.ReadCloser
	refused func() // logs the message
}

// Read implements io.Reader.
func (b *untruncated) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 || err != io.EOF {
		return n, err
	}
	if _, again := b.ReadCloser.Read(nil); again != nil && again != io.EOF {
		if bad, ok := errors.AsType[*connect.Error](again); ok && bad.Code() == connect.CodeInvalidArgument {
			b.refused()
		}
		err = again
	}
	return 0, err
}

// requestBody is the body made by vanguard, whose Close waits for a Read in progress.
type requestBody struct {
	io.ReadCloser
	interrupt             func()
	reading, read, broken atomic.Bool // in progress; to the end; failed
}

// Read implements io.Reader.
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

// Close implements io.Closer. It interrupts a Read first.
func (b *requestBody) Close() error {
	if b.interrupt != nil && b.reading.Load() && !b.read.Load() && !b.broken.Load() {
		b.interrupt()
	}
	return b.ReadCloser.Close()
}

// statusOf returns the status of a call that was interrupted after took: a gRPC server
// resets a call whose deadline has passed.
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

// timeout parses a grpc-timeout value (PROTOCOL-HTTP2.md, Timeout).
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
