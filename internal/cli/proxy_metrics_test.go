package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// get sends a request to the metrics server.
func (r *proxyRun) get(path string) (status int, text string) {
	r.t.Helper()
	found := regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/metrics`).FindStringSubmatch(r.err.String())
	if found == nil {
		r.t.Fatal(r.err.String())
	}
	resp, err := http.Get(found[1] + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode, string(testkit.Must(io.ReadAll(resp.Body)))
}

// TestProxyKeySetMetrics: metrics have the age of fetched keys, and the number of failed
// fetches.
func TestProxyKeySetMetrics(t *testing.T) {
	t.Parallel()
	dir, sign, _ := world(t)
	set := newFake(t).run(t, 0, "jwks", "--key", filepath.Join(dir, "key.jwk"))
	var down atomic.Bool
	answering := make(chan struct{}) // closed when the issuer starts to respond: the proxy fetches at startup
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-answering
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, set)
	}))
	t.Cleanup(issuer.Close)
	path := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), fmt.Sprintf(`protos: [proto]
key_sets: [{issuer: me, jwks: "%s/?secret=x"}, {issuer: me, jwks: "%[1]s/", allowed_algorithms: [ES256]}, {issuer: other, jwks: "%[1]s/"}]
`, issuer.URL))
	r := startProxy(t, dir, startEcho(t).addr, "--config", path, "--metrics", "127.0.0.1:0")
	labels := fmt.Sprintf(`{set="%s/",issuer="me"`, issuer.URL)
	shows := func(when string, want ...string) {
		t.Helper()
		_, text := r.get("/metrics")
		for _, line := range want {
			line, absent := strings.CutPrefix(line, "no ")
			if strings.Contains(text, "\n"+line) == absent {
				t.Errorf("%s: %s, absent: %v\n%s", when, line, absent, text)
			}
		}
		if strings.Contains(text, "secret") || strings.Count(text, "fetches_total"+labels) > 2 {
			t.Errorf("got %s:\n%s", when, text)
		}
	}
	const age, fetched = "jwtctl_proxy_key_set_age_seconds", "jwtctl_proxy_key_set_fetches_total"
	shows("at the start", "no "+age+"{", fetched+labels+`,result="ok"} 0`, fetched+labels+`,result="failed"} 0`, fetched+strings.Replace(labels, "me", "other", 1))
	close(answering)
	r.eventuallyIs("S/Who", sign(ofMe), codes.OK) // a call gives up before a slow fetch does
	// Two sets have these labels, and a token causes both to be fetched, at different
	// times.
	counted := func(line string) {
		r.eventually(line, func() bool {
			_, text := r.get("/metrics")
			return strings.Contains(text, "\n"+line)
		})
	}
	counted(fetched + labels + `,result="ok"} 2`)
	shows("after a call", age+labels+"} 0\n", fetched+labels+`,result="ok"} 2`)
	down.Store(true)
	r.later.Store(int64(10 * time.Minute)) // the keys are stale, but still used
	r.eventuallyIs("S/Who", sign(ofMe), codes.OK)
	counted(fetched + labels + `,result="failed"} 2`)
	shows("while the issuer is down", age+labels+"} 600\n", fetched+labels+`,result="ok"} 2`, fetched+labels+`,result="failed"} 2`)
}

// TestProxyProbes: the proxy is alive while it responds, and not ready after the signal.
func TestProxyProbes(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	u := startEcho(t)
	u.hold = make(chan struct{})
	r := startProxy(t, dir, u.addr, append(args, "--metrics", "127.0.0.1:0")...)
	probe := func(path string, want int) {
		t.Helper()
		if status, text := r.get(path); status != want {
			t.Errorf("%s: got %d %q, want %d", path, status, text, want)
		}
	}
	probe("/healthz", http.StatusOK)
	probe("/readyz", http.StatusOK)
	ended := make(chan codes.Code, 1)
	go func() { ended <- r.call(r.conn, "S/Who", sign(ofMe)) }()
	r.eventually("the call", func() bool { return u.calls.Load() == 1 })
	r.interrupt()
	r.eventuallyLogs("waiting for open calls")
	probe("/healthz", http.StatusOK)
	probe("/readyz", http.StatusServiceUnavailable)
	close(u.hold)
	if got := <-ended; got != codes.OK {
		t.Errorf("the call in progress ended with %v, want %v", got, codes.OK)
	}
	r.stop(0)
}

// TestProxyConnectionAge: clients are asked to reconnect, also if this is set in
// jwtctl.yaml.
func TestProxyConnectionAge(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	path := testkit.File(t, filepath.Join(dir, "jwtctl.yaml"), "proxy: {max_connection_age: 50ms}\n")
	r := startProxy(t, dir, startEcho(t).addr, append(args, "--config", path)...)
	u := startProxy(t, t.TempDir(), startEcho(t).addr, append(args, "--max-connection-age", "0")...)
	for _, test := range []struct {
		r    *proxyRun
		want bool
	}{{r, true}, {u, false}} {
		var begun connections
		conn := test.r.dial(insecure.NewCredentials(), grpc.WithStatsHandler(&begun))
		for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end) || test.want && begun.Load() < 4 && time.Since(end) < testkit.Timeout; {
			if got := test.r.call(conn, "S/Who", sign(ofMe)); got != codes.OK {
				t.Fatalf("got %v after %d connections", got, begun.Load())
			}
		}
		if n := begun.Load(); n < 4 && test.want || n != 1 && !test.want {
			t.Errorf("%d connections", n)
		}
	}
}
