package jwks_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// BenchmarkServe compares requests per second with a bare net/http handler that writes
// the same bytes. The two run in turns, so that load on the machine affects both.
func BenchmarkServe(b *testing.B) {
	p := publish(b, these(newKey(b, keys.ES256, ""), newKey(b, keys.RS256, "")), jwks.HandlerOptions{})
	_, body := p.get(b, jwks.DefaultPath)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	bare := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write([]byte(body))
	})}
	go func() { _ = bare.Serve(listener) }()
	defer func() { _ = bare.Close() }()

	fetch := func(url string) time.Duration {
		start := time.Now()
		answer, err := p.client.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return time.Since(start)
	}
	var ours, theirs time.Duration
	n := 0
	for b.Loop() {
		ours += fetch(p.url(jwks.DefaultPath))
		theirs += fetch("http://" + listener.Addr().String())
		n++
	}
	b.ReportMetric(float64(n)/ours.Seconds(), "req/s")
	b.ReportMetric(float64(n)/theirs.Seconds(), "bare-req/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
}
