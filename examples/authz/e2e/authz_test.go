package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/testkit/ports"
)

// fixture is a policy, keys, a server, and the proxies in front of it.
type fixture struct {
	key, other string
	policy     []string // flags
	upstream   *upstream
	ways       map[string]*way
	brief      bool // proxies wait for jwtctl as long as it prints, and not as long as a slow machine takes
}

// way is a proxy in front of the server.
type way struct {
	address string
	conn    *grpc.ClientConn
	grpc    bool // refuses in gRPC's form, with the text
	named   bool // only claims named in its configuration arrive
	strips  bool // authorization reaches no method, protected or not
	cleans  bool // resolves dots, escapes and doubled slashes before it calls the authorization server
}

const policyFile = "../shop.proto"

func newFixture(t *testing.T) *fixture {
	dir := t.TempDir()
	f := &fixture{key: filepath.Join(dir, "key.priv.pem"), other: filepath.Join(dir, "other.pem"), upstream: newUpstream(t), ways: map[string]*way{}}
	run(t, "keygen", "-o", f.key)
	run(t, "keygen", "-o", f.other)
	f.policy = []string{"--proto", policyFile, "--key", f.key}
	f.proxy(t)
	return f
}

// proxy starts jwtctl proxy, the reference for the others.
func (f *fixture) proxy(t *testing.T) {
	at := ports.Address(t)
	start(t, program(t), append([]string{"proxy", "--upstream", f.upstream.address, "--listen", at}, f.policy...)...).answering(t, at)
	f.ways["jwtctl proxy"] = &way{conn: dial(t, at), grpc: true}
}

// authz starts the authorization server.
func (f *fixture) authz(t *testing.T) (p *process, grpc, http string) {
	grpc, http = ports.Address(t), ports.Address(t)
	return f.authzAt(t, grpc, http), grpc, http
}

func (f *fixture) authzAt(t *testing.T, grpc, http string) *process {
	p := start(t, program(t), append([]string{"authz", "--listen", grpc, "--http", http}, f.policy...)...)
	p.answering(t, http)
	return p
}

// snippet returns the configuration that jwtctl prints for proxy, with addresses of the
// test.
func (f *fixture) snippet(t *testing.T, proxy, grpc, http, listen string) string {
	text := run(t, append([]string{"authz", "--print", proxy, "--listen", grpc, "--http", http}, f.policy...)...)
	_, port, _ := strings.Cut(listen, ":")
	swap := strings.NewReplacer("127.0.0.1:8080", listen, ":8080", ":"+port, "127.0.0.1:9000", f.upstream.address)
	if proxy == "envoy" {
		swap = strings.NewReplacer(envoyAddress("127.0.0.1:8080"), envoyAddress(listen), envoyAddress("127.0.0.1:9000"), envoyAddress(f.upstream.address))
	}
	if !f.brief {
		text = unhurried(text)
	}
	return swap.Replace(text)
}

// unhurried has a printed configuration wait a minute for jwtctl, in place of 2 seconds.
func unhurried(text string) string {
	return strings.NewReplacer("timeout: 2s", "timeout: 60s", "timeout 2s", "timeout 60s", "timeout = 2000", "timeout = 60000").Replace(text)
}

func envoyAddress(address string) string {
	host, port, _ := strings.Cut(address, ":")
	return fmt.Sprintf("address: %q, port_value: %s", host, port)
}

// envoyAt starts Envoy at address; nil without Envoy.
func (f *fixture) envoyAt(t *testing.T, address, config string) *way {
	envoy := installed("envoy", "JWTCTL_ENVOY")
	if envoy == "" {
		return missing(t, "Envoy")
	}
	start(t, envoy, "-c", write(t, "envoy.yaml", config), "--use-dynamic-base-id", "--concurrency", "1", "-l", "error").answering(t, address)
	return &way{conn: dial(t, address), grpc: true}
}

func (f *fixture) nginx(t *testing.T, address, config string) *way {
	nginx := installed("nginx", "")
	if nginx == "" {
		return missing(t, "nginx")
	}
	dir := t.TempDir()
	main := "daemon off; master_process off; pid " + dir + "/pid; error_log stderr; events {} http { access_log off;"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += " " + kind + "_temp_path " + dir + "/" + kind + ";"
	}
	start(t, nginx, "-p", dir, "-c", write(t, "nginx.conf", main+"\n"+config+"\n}\n")).answering(t, address)
	return &way{conn: dial(t, address), grpc: true, named: true, strips: true}
}

func (f *fixture) caddy(t *testing.T, address, config string) *way {
	caddy := installed("caddy", "")
	if caddy == "" {
		return missing(t, "Caddy")
	}
	config = strings.Replace(config, "{\n", "{\n\tadmin off\n\tauto_https off\n", 1)
	start(t, caddy, "run", "--adapter", "caddyfile", "--config", write(t, "Caddyfile", config)).answering(t, address)
	return &way{conn: dial(t, address), named: true, strips: true}
}

// missing reports that a program is not installed; a failure where JWTCTL_ALL is set.
func missing(t *testing.T, name string) *way {
	if os.Getenv("JWTCTL_ALL") != "" {
		t.Errorf("%s is not installed", name)
	}
	t.Logf("skipped %s, which is not installed; run make mesh", name)
	return nil
}

// registered returns those claims that every snippet names.
func registered(claims string) string {
	var list []string
	for _, c := range strings.Split(claims, "] ") {
		name, _, _ := strings.Cut(strings.TrimPrefix(c, "_kalix-jwt-claim-"), "[")
		if slices.Contains([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "role"}, name) {
			list = append(list, strings.TrimSuffix(c, "]"))
		}
	}
	return strings.Join(list, " ")
}

func (f *fixture) token(t *testing.T, key string, args ...string) string {
	return strings.TrimSpace(run(t, append([]string{"token", "--plain", "--key", key, "--sub", "alice"}, args...)...))
}

// outcome is what the client and the server saw of a call.
type outcome struct {
	code   codes.Code
	text   string
	claims string // claims that arrived, in order
	auth   string
}

func (f *fixture) call(t *testing.T, w *way, method string, md metadata.MD) outcome {
	t.Helper()
	f.upstream.taken()
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), md), patience/4)
	defer cancel()
	var answer []byte
	err := w.conn.Invoke(ctx, method, []byte{}, &answer)
	s := status.Convert(err)
	o := outcome{code: s.Code(), text: s.Message()}
	if calls := f.upstream.taken(); len(calls) > 0 {
		var claims []string
		for _, key := range slices.Sorted(maps.Keys(calls[0])) {
			if strings.Contains(key, "kalix") {
				claims = append(claims, fmt.Sprint(key, calls[0][key]))
			}
		}
		o.claims, o.auth = strings.Join(claims, " "), fmt.Sprint(calls[0]["authorization"])
	} else if err == nil {
		t.Error("the call succeeded without reaching the server")
	}
	return o
}

func bearer(values ...string) metadata.MD {
	md := metadata.MD{}
	for _, v := range values {
		md.Append("authorization", v)
	}
	return md
}

// TestVerdictsAreThoseOfTheProxy: code, text and claims are equal, whichever proxy asks.
func TestVerdictsAreThoseOfTheProxy(t *testing.T) {
	f := newFixture(t)
	_, grpcAt, httpAt := f.authz(t)
	maps.Copy(f.ways, f.planes(t, grpcAt, httpAt))
	// Without the filter that removes claims by pattern, jwtctl's own removal counts.
	at := ports.Address(t)
	bare := f.snippet(t, "envoy", grpcAt, httpAt, at)
	before, rest, _ := strings.Cut(bare, "          - name: envoy.filters.http.header_mutation")
	_, after, found := strings.Cut(rest, "          - name: envoy.filters.http.ext_authz")
	if !found {
		t.Fatalf("unexpected snippet:\n%s", bare)
	}
	f.ways["envoy without the filter"] = f.envoyAt(t, at, before+"          - name: envoy.filters.http.ext_authz"+after)

	good := f.token(t, f.key, "--iss", "shop")
	admin := f.token(t, f.key, "--iss", "shop", "--claim", "role=admin")
	claims := f.token(t, f.key, "--iss", "shop", "--claim-json", `aud=["a","b"]`, "--claim", "jti=Grüße")
	expired := f.token(t, f.key, "--iss", "shop", "--claim-json", "exp=1000")
	foreign := f.token(t, f.key, "--iss", "elsewhere")
	forged := f.token(t, f.other, "--iss", "shop")
	spoofed := bearer("Bearer " + good)
	for _, name := range []string{"_kalix-jwt-claim-sub", "_kalix-jwt-claim-role", "_kalix_jwt_claim_role", "_kalix.jwt.claim.role", "_kalix-jwt-claim-jti-bin"} {
		spoofed.Append(name, "admin")
		spoofed.Append(name, "root")
	}
	unguarded := spoofed.Copy()
	delete(unguarded, "authorization")
	cases := map[string]struct {
		method string
		md     metadata.MD
		clean  string // the method, for a proxy that normalizes paths
	}{
		"valid token":                       {method: "/shop.Shop/Buy", md: bearer("Bearer " + good)},
		"lower-case scheme":                 {method: "/shop.Shop/Buy", md: bearer("bearer " + good)},
		"no token":                          {method: "/shop.Shop/Buy"},
		"empty token":                       {method: "/shop.Shop/Buy", md: bearer("Bearer ")},
		"wrong scheme":                      {method: "/shop.Shop/Buy", md: bearer("Basic YTpi")},
		"two tokens":                        {method: "/shop.Shop/Buy", md: bearer("Bearer "+good, "Bearer "+good)},
		"malformed token":                   {method: "/shop.Shop/Buy", md: bearer("Bearer x.y.z")},
		"expired":                           {method: "/shop.Shop/Buy", md: bearer("Bearer " + expired)},
		"unknown issuer":                    {method: "/shop.Shop/Buy", md: bearer("Bearer " + foreign)},
		"unknown key":                       {method: "/shop.Shop/Buy", md: bearer("Bearer " + forged)},
		"static claim mismatch":             {method: "/shop.Shop/Admin", md: bearer("Bearer " + admin)},
		"static claim missing":              {method: "/shop.Shop/Admin", md: bearer("Bearer " + good)},
		"unknown method":                    {method: "/shop.Shop/Sell", md: bearer("Bearer " + good)},
		"unknown service":                   {method: "/other.Shop/Buy", md: bearer("Bearer " + good)},
		"wrong case":                        {method: "/shop.Shop/buy", md: bearer("Bearer " + good)},
		"escaped path":                      {method: "/shop.Shop/%42uy", md: bearer("Bearer " + good), clean: "/shop.Shop/Buy"},
		"doubled slash":                     {method: "//shop.Shop/Buy", md: bearer("Bearer " + good), clean: "/shop.Shop/Buy"},
		"dots":                              {method: "/shop.Open/../shop.Shop/Buy", clean: "/shop.Shop/Buy"},
		"open method":                       {method: "/shop.Open/Look"},
		"open method with a token":          {method: "/shop.Open/Look", md: bearer("Bearer " + good)},
		"claims sent by the client":         {method: "/shop.Shop/Buy", md: spoofed},
		"claims on an open method":          {method: "/shop.Open/Look", md: unguarded},
		"claims that are not ASCII":         {method: "/shop.Shop/Buy", md: bearer("Bearer " + claims)},
		"server stream":                     {method: "/shop.Shop/Watch", md: bearer("Bearer " + good)},
		"client stream, no token":           {method: "/shop.Shop/Put"},
		"bidirectional stream, wrong token": {method: "/shop.Shop/Talk", md: bearer("Bearer " + forged)},
	}
	for name, c := range cases {
		want := f.call(t, f.ways["jwtctl proxy"], c.method, c.md)
		for kind, w := range f.ways {
			if w == nil {
				continue
			}
			got := f.call(t, w, c.method, c.md)
			expect := want
			if w.cleans && c.clean != "" { // and whose method is called
				expect = f.call(t, f.ways["jwtctl proxy"], c.clean, c.md)
			}
			if w.named { // such a proxy can only remove claims named in its configuration
				expect.claims, got.claims = registered(want.claims), registered(got.claims)
			}
			if w.strips && c.method == "/shop.Open/Look" {
				expect.auth, got.auth = "", ""
			}
			if kind == "nginx" && name == "two tokens" { // Envoy refuses them itself, with 400
				expect, got.text = outcome{code: codes.Internal}, ""
			}
			if !w.grpc {
				expect.text, got.text = "", ""
			}
			if got != expect {
				t.Errorf("%s through %s:\n got %+v\nwant %+v", name, kind, got, expect)
			}
		}
	}
}
