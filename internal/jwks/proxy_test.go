package jwks_test

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// proxy is an HTTP proxy that connects every host to one address, and counts requests.
type proxy struct {
	*httptest.Server
	to    string
	asked atomic.Int32
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	p := &proxy{to: to}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// ServeHTTP opens a tunnel for CONNECT, and answers any other request itself.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked.Add(1)
	if r.Method != http.MethodConnect {
		r.URL.Host, r.RequestURI = p.to, ""
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
		return
	}
	upstream, err := (&net.Dialer{Timeout: testkit.Timeout}).DialContext(r.Context(), "tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	client, rest, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = upstream.Close()
		return
	}
	deadline := time.Now().Add(testkit.Timeout)
	_, _ = client.SetDeadline(deadline), upstream.SetDeadline(deadline)
	go func() { _, _ = io.Copy(upstream, rest); _ = upstream.Close() }()
	_, _ = io.Copy(client, upstream)
	_ = client.Close()
}

// environment looks up variables in pairs of name and value.
func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// TestProxyFromEnvironment: a set is fetched through the proxy that the environment
// selects, as with curl, but never through one for this machine (S19).
func TestProxyFromEnvironment(t *testing.T) {
	good := has(t, newKey(t, keys.ES256, "a"))
	server, n := secure(t, good)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	plain := newIssuer(t, good)
	p := newProxy(t, server.Listener.Addr().String())
	// Names resolve to this machine without the proxy too, so that only its count
	// differs.
	n.Resolver = resolver(t, netip.MustParseAddr("127.0.0.1"))
	secret := "http://user:hunter2@" + p.Listener.Addr().String()
	unavailable := string(fault.KeySetUnavailable)
	for name, tc := range map[string]struct {
		url     string
		env     []string
		through int32 // requests to the proxy
		want    string
	}{
		"https_proxy":                      {"https://example.com", []string{"https_proxy", p.URL}, 1, "a"},
		"upper case":                       {"https://example.com", []string{"HTTPS_PROXY", p.URL}, 1, "a"},
		"without a scheme":                 {"https://example.com", []string{"HTTPS_PROXY", p.Listener.Addr().String()}, 1, "a"},
		"with a password":                  {"https://example.com", []string{"HTTPS_PROXY", secret}, 1, "a"},
		"lower case takes precedence":      {"https://example.com", []string{"HTTPS_PROXY", "http://127.0.0.1:1", "https_proxy", p.URL}, 1, "a"},
		"all_proxy":                        {"https://example.com", []string{"all_proxy", p.URL}, 1, "a"},
		"http_proxy is not used for https": {"https://example.com:" + port, []string{"http_proxy", p.URL}, 0, "a"},
		"no_proxy":                         {"https://example.com:" + port, []string{"https_proxy", p.URL, "no_proxy", "example.com"}, 0, "a"},
		"NO_PROXY, a domain":               {"https://example.com:" + port, []string{"https_proxy", p.URL, "NO_PROXY", "x,.com"}, 0, "a"},
		"NO_PROXY of other hosts":          {"https://example.com", []string{"https_proxy", p.URL, "NO_PROXY", "ample.com"}, 1, "a"},
		"NO_PROXY of everything":           {"https://example.com:" + port, []string{"https_proxy", p.URL, "no_proxy", "*"}, 0, "a"},
		"127.0.0.1":                        {plain.URL, []string{"http_proxy", p.URL, "all_proxy", p.URL}, 0, "a"},
		"localhost":                        {strings.Replace(plain.URL, "127.0.0.1", "localhost", 1), []string{"http_proxy", p.URL}, 0, "a"},
		"0.0.0.0":                          {strings.Replace(plain.URL, "127.0.0.1", "0.0.0.0", 1), []string{"http_proxy", p.URL}, 0, "a"},
		"[::]":                             {strings.Replace(plain.URL, "127.0.0.1", "[::]", 1), []string{"http_proxy", p.URL}, 0, "a"},
		"not running":                      {"https://example.com", []string{"https_proxy", "http://127.0.0.1:1"}, 0, unavailable},
		"not a URL":                        {"https://example.com", []string{"https_proxy", "://user:hunter2@x"}, 0, unavailable},
		"unknown scheme":                   {"https://example.com", []string{"https_proxy", "ftp://user:hunter2@x"}, 0, unavailable},
		"metadata address":                 {"https://169.254.169.254/", []string{"https_proxy", p.URL}, 0, string(fault.KeySetURLNotAllowed)},
		"http to another host":             {"http://example.com", []string{"http_proxy", p.URL}, 0, string(fault.KeySetURLNotAllowed)},
	} {
		t.Run(name, func(t *testing.T) {
			before := p.asked.Load()
			n.Proxy = jwks.ProxyFrom(environment(tc.env...))
			set, err := jwks.NewRemote(tc.url, options(newClock(), n))
			if err == nil {
				var list []*keys.Key
				if list, err = set.Keys(t.Context(), ""); err == nil && idsOf(list)[0] != tc.want {
					t.Errorf("got %v", list)
				}
			}
			if err != nil && string(fault.CodeOf(err)) != tc.want || err == nil && tc.want != "a" {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has the password: %v", err)
			}
			if through := p.asked.Load() - before; through != tc.through {
				t.Errorf("%d requests through the proxy, want %d", through, tc.through)
			}
		})
	}
}

// TestTrustCA: a private CA is trusted in addition to the system's, through a proxy too,
// and only if it is given; without it, the error has the whole cause.
func TestTrustCA(t *testing.T) {
	server, _ := secure(t, has(t, newKey(t, keys.ES256, "a")))
	p := newProxy(t, server.Listener.Addr().String())
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	pool, err := jwks.TrustCA(text, "ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	n := jwks.Network{RootCAs: pool, Proxy: jwks.ProxyFrom(environment("https_proxy", p.URL))}
	gives(t, remote(t, "https://example.com", options(newClock(), n)), "", "a")
	gives(t, remote(t, server.URL, options(newClock(), n)), "", "a")
	n.RootCAs = nil
	_, err = remote(t, "https://example.com", options(newClock(), n)).Keys(t.Context(), "")
	if fault.CodeOf(err) != fault.KeySetUnavailable || !strings.HasSuffix(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("the cause is cut: %v", err)
	}
	for _, text := range []string{"", "x", string(pemOf(t, newKey(t, keys.ES256, "a")))} {
		if _, err := jwks.TrustCA([]byte(text), "ca.pem"); fault.CodeOf(err) != fault.KeyFormatUnknown {
			t.Errorf("%q: got %v, want %v", text, err, fault.KeyFormatUnknown)
		}
	}
}
