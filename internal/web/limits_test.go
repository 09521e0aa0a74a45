package web_test

import (
	"compress/gzip"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestWebHoldsToMessageLimit: a message over --max-message is refused in each protocol,
// compressed or not, before the upstream receives it. S66.
func TestWebHoldsToMessageLimit(t *testing.T) {
	t.Parallel()
	r := start(t)
	bearer := r.bearer(goodClaims)
	text := strings.Repeat("x", proxy.MaxMessageBytes-1000)
	if a := r.do(http.MethodPost, "/t.S/Who", `{"name":"`+text+`"}`, asJSON, bearer); a.status != http.StatusOK {
		t.Errorf("below the limit: status %d: %.100s", a.status, a.body)
	}
	calls, _ := r.seen()
	text += strings.Repeat("x", 2000)
	for _, path := range []string{"/t.S/Who", "/v1/who"} {
		if a := r.do(http.MethodPost, path, `{"name":"`+text+`"}`, asJSON, bearer); a.status != http.StatusTooManyRequests {
			t.Errorf("%s: status %d: %.100s", path, a.status, a.body)
		}
		// zeros of 1 GB would be 1 MB: what counts is the size after decompression
		if a := r.do(http.MethodPost, path, zipped(t, `{"name":"`+text+`"}`), asJSON, "Content-Encoding: gzip", bearer); a.status != http.StatusTooManyRequests {
			t.Errorf("%s, gzip: status %d: %.100s", path, a.status, a.body)
		}
	}
	if _, trailers := r.grpcWeb("/t.S/Who", append([]byte("\n\x80\x80\x80\x02"), make([]byte, 4<<20)...), bearer); trailers["grpc-status"] != "8" {
		t.Errorf("gRPC-Web: %v", trailers)
	}
	if now, _ := r.seen(); now != calls {
		t.Errorf("%d of them reached the upstream", now-calls)
	}
}

// TestWebHoldsToMetadataLimit: metadata over --max-metadata is refused. S66.
func TestWebHoldsToMetadataLimit(t *testing.T) {
	t.Parallel()
	r := start(t)
	small, large := "X-Note: "+strings.Repeat("a", 8<<10), "X-Note: "+strings.Repeat("a", 17<<10)
	if a := r.do(http.MethodPost, "/t.S/Who", `{}`, asJSON, r.bearer(goodClaims), small); a.status != http.StatusOK {
		t.Errorf("below the limit: status %d: %s", a.status, a.body)
	}
	calls, _ := r.seen()
	for _, headers := range [][]string{{large}, {small, "X-More" + small[6:]}, {large, large, large}} {
		a := r.do(http.MethodPost, "/t.S/Who", `{}`, append(headers, asJSON, r.bearer(goodClaims))...)
		if a.status != http.StatusTooManyRequests && a.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d headers: status %d: %.100s", len(headers), a.status, a.body)
		}
	}
	if now, _ := r.seen(); now != calls {
		t.Errorf("%d of them reached the upstream", now-calls)
	}
}

// TestWebHoldsToStreamLimit: clients learn the limit of concurrent calls on a connection,
// --max-streams, and more are refused. S66.
func TestWebHoldsToStreamLimit(t *testing.T) {
	t.Parallel()
	r := start(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(testkit.Timeout))
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	reported, refused := uint32(0), false
	_, token, _ := strings.Cut(r.bearer(goodClaims), ": ")      // otherwise they would end
	for id := uint32(1); id < 2*(proxy.MaxStreams+2); id += 2 { // none of them ends
		var headers strings.Builder
		encoder := hpack.NewEncoder(&headers)
		for _, f := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", "/t.S/Who"}, {":authority", "x"}, {"content-type", "application/json"}, {"authorization", token}} {
			_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte(headers.String()), EndHeaders: true}); err != nil {
			t.Fatal(err)
		}
	}
	for !refused || reported == 0 {
		f, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("got %v, limit %d, refused %v", err, reported, refused)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if n, has := f.Value(http2.SettingMaxConcurrentStreams); has {
				reported = n
			}
		case *http2.RSTStreamFrame:
			refused = refused || f.ErrCode == http2.ErrCodeRefusedStream
		case *http2.GoAwayFrame:
			refused = true
		}
	}
	if reported != proxy.MaxStreams {
		t.Errorf("clients get the limit %d, want %d", reported, proxy.MaxStreams)
	}
	if a := r.do(http.MethodPost, "/t.S/Who", `{}`, asJSON, r.bearer(goodClaims)); a.status != http.StatusOK {
		t.Errorf("another connection: got status %d, want %d", a.status, http.StatusOK)
	}
}

// zipped returns text as gzip.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestWebHoldsRefusalsOfAFlood: refusals of a flood of bad tokens on one connection are
// delayed, as without --web, but a valid call on it is not. S76.
func TestWebHoldsRefusalsOfAFlood(t *testing.T) {
	t.Parallel()
	r := start(t)
	bad := "Authorization: Bearer " + r.Token(goodClaims)[:60]
	held, n, start := false, 0, time.Now()
	for ; !held && time.Since(start) < 20*time.Second; n++ {
		began := time.Now()
		if a := r.do(http.MethodPost, "/t.S/Who", `{}`, asJSON, bad); a.status != http.StatusUnauthorized {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		held = time.Since(began) > 2*time.Second
	}
	if took := time.Since(start).Seconds(); !held && float64(n) > 200+100*took { // 200 at once and 50 per second are prompt
		t.Errorf("none of %d refusals in %.0f s was delayed", n, took)
	}
	for range 3 {
		if a := r.do(http.MethodPost, "/t.S/Who", `{}`, asJSON, r.bearer(goodClaims)); a.status != http.StatusOK {
			t.Errorf("valid call: got status %d: %s", a.status, a.body)
		}
	}
}
