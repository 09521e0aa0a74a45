package cli

import (
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestProxyCommandEnforces_S59: a valid token is admitted and an invalid one is not, and
// the address is printed.
func TestProxyCommandEnforces_S59(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	u := startEcho(t)
	r := startProxy(t, dir, u.addr, args...)
	good := sign(ofMe)
	for name, token := range map[string]string{
		"none": "", "malformed": "x", "tampered": good[:len(good)-8] + "AAAAAAAA", "unknown issuer": sign(`{"iss":"you"}`),
		"expired": sign(`{"iss":"me","exp":1}`), "unknown key": makeKey(t, filepath.Join(dir, "other.jwk"))(ofMe),
		"unsigned": "eyJhbGciOiJub25lIn0.eyJpc3MiOiJtZSJ9",
	} {
		if got := r.call(r.conn, "S/Who", token); got != codes.Unauthenticated {
			t.Errorf("%s: got %v, want %v", name, got, codes.Unauthenticated)
		}
	}
	r.want("S/Nope", good, codes.Unimplemented)
	if n := u.calls.Load(); n != 0 {
		t.Errorf("%d calls reached the upstream, want 0", n)
	}
	r.want("S/Who", good, codes.OK)
	r.want("S/Open", "", codes.OK)
	r.stop(0)
	if got, want := r.out.String(), "Started proxy. Listening on "+r.addr+", upstream "+u.addr+". Ctrl+C to exit.\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if log := r.err.String(); !strings.Contains(log, "code=token_expired") || !strings.Contains(log, "msg=stopped") || strings.Contains(log, good) {
		t.Errorf("log:\n%s", log)
	}
}

// TestS62_S65_ProxyFlags: flags permit more, and without them nothing more is permitted.
func TestS62_S65_ProxyFlags(t *testing.T) {
	t.Parallel()
	_, sign, args := world(t)
	const health, reflection = "/grpc.health.v1.Health/List", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	for flag, passed := range map[string]string{
		"--cache-tokens=0": "", "--pass-health": health, "--pass-reflection": reflection, "--forward-authorization": "authorization",
	} {
		u := startEcho(t)
		r := startProxy(t, t.TempDir(), u.addr, append([]string{flag}, args...)...)
		r.want("S/Who", sign(ofMe), codes.OK)
		if reported := u.told.Load() == 1; reported != (passed == "authorization") {
			t.Errorf("%s: authorization reached the upstream: got %v, want %v",
				flag, reported, passed == "authorization")
		}
		for _, method := range []string{health, reflection} {
			before := u.calls.Load()
			_ = r.call(r.conn, method, "")
			if through := u.calls.Load() > before; through != (passed == method) {
				t.Errorf("%s: %s passed: got %v, want %v", flag, method, through, passed == method)
			}
		}
		r.stop(0)
	}
}

// TestS56_ProxyMetrics: verdicts are counted, and --dev is mentioned in all output.
func TestS56_ProxyMetrics(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	r := startProxy(t, dir, startEcho(t).addr, append(args, "--dev", "--metrics", "127.0.0.1:0", "--log-format", "json")...)
	const unsigned = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJtZSIsImV4cCI6NDEwMjQ0NDgwMH0" // {"alg":"none"} {"iss":"me","exp":4102444800}
	r.want("S/Who", sign(ofMe), codes.OK)
	r.want("S/Who", unsigned, codes.OK)
	r.want("S/Who", "", codes.Unauthenticated)
	_, text := r.get("/metrics")
	for _, line := range []string{
		`jwtctl_proxy_calls_total{method="t.S/Who",grpc_code="OK",reason=""} 2`,
		`jwtctl_proxy_calls_total{method="t.S/Who",grpc_code="UNAUTHENTICATED",reason="token_missing"} 1`,
		"jwtctl_proxy_insecure 1", "jwtctl_proxy_reload_failing 0", "jwtctl_proxy_policy_loaded_timestamp_seconds 1.7698608e+09",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("want %s in\n%s", line, text)
		}
	}
	testkit.File(t, filepath.Join(dir, "key.jwk"), "{")
	r.eventually("the gauge", func() bool {
		_, text := r.get("/metrics")
		return strings.Contains(text, "jwtctl_proxy_reload_failing 1\n")
	})
	if code, _ := r.get("/"); code != http.StatusNotFound {
		t.Errorf("root path: got status %d, want %d", code, http.StatusNotFound)
	}
	r.stop(0)
	banner, lines, _ := strings.Cut(r.err.String(), "\n")
	if !strings.Contains(banner, "WARNING") || !strings.HasPrefix(r.out.String(), "Started proxy. ") {
		t.Errorf("got %s\n%s", banner, r.out.String())
	}
	for line := range strings.Lines(lines) {
		if !strings.HasPrefix(line, `{"time":`) || !strings.Contains(line, `"insecure":true`) {
			t.Errorf("log: %s", line)
		}
	}
}

// TestS74_ProxyDrains: a call in progress may end, within the configured time.
func TestS74_ProxyDrains(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		drain string
		code  int
		want  codes.Code
	}{
		"in time":  {drain: "1m", want: codes.OK},
		"too slow": {drain: "50ms", code: 3, want: codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, sign, args := world(t)
			u := startEcho(t)
			u.hold = make(chan struct{})
			r := startProxy(t, dir, u.addr, append(args, "--drain-timeout", test.drain)...)
			ended := make(chan codes.Code, 1)
			go func() { ended <- r.call(r.conn, "S/Who", sign(ofMe)) }()
			r.eventually("the call", func() bool { return u.calls.Load() == 1 })
			r.interrupt()
			r.eventuallyLogs("waiting for open calls")
			if test.code == 0 {
				r.eventually("the end of listening", func() bool {
					c, err := net.Dial("tcp", r.addr)
					if err == nil {
						_ = c.Close()
					}
					return err != nil
				})
				close(u.hold)
			}
			if got := <-ended; got != test.want {
				t.Errorf("the call ended with %v, want %v", got, test.want)
			}
			r.stop(test.code)
		})
	}
}

// TestProxyKeepsGarbage: garbage accumulates while a proxy runs, unless GOGC is set. It
// changes the process, so it does not run in parallel.
func TestProxyKeepsGarbage(t *testing.T) {
	percent := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	const before = 100
	debug.SetGCPercent(before) // several proxies in one process do not restore the original value
	for gogc, want := range map[string]bool{"": true, "77": false} {
		dir, _, args := world(t)
		r := startProxyIn(t, map[string]string{"GOGC": gogc}, dir, startEcho(t).addr, args...)
		if got := percent(); got > before != want {
			t.Errorf("GOGC=%s: %d %% while it runs, %d before", gogc, got, before)
		}
		r.stop(0)
		if got := percent(); got != before {
			t.Errorf("GOGC=%s: %d %% after it, %d before", gogc, got, before)
		}
	}
}
