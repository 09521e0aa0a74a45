//go:build bench

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"github.com/jwtctl/jwtctl/internal/testkit/ports"
)

const (
	rounds = 9   // in each of which every proxy takes its turn
	calls  = 250 // of a turn, one after the other
)

// envoyFilters are the filters before the router in Envoy, by what is measured; those of
// the snippet are ext_authz's.
func (f *fixture) envoyFilters(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"Envoy alone": "",
		"Envoy, its jwt_authn": `          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                shop:
                  issuer: shop
                  local_jwks: {inline_string: '` + strings.Join(strings.Fields(run(t, "jwks", "--key", f.key)), "") + `'}
                  claim_to_headers:
                  - {header_name: x-claim-iss, claim_name: iss}
                  - {header_name: x-claim-sub, claim_name: sub}
                  - {header_name: x-claim-exp, claim_name: exp}
              rules:
              - {match: {prefix: /}, requires: {provider_name: shop}}
`,
		"Envoy, claims removed": `          - name: envoy.filters.http.header_mutation
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
              mutations:
                request_mutations:
                - remove_on_match: {key_matcher: {safe_regex: {regex: "[-_.]kalix[-_.]jwt[-_.]claim[-_.].*"}}}
`,
		"Envoy, ext_proc of headers": `          - name: envoy.filters.http.ext_proc
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
              grpc_service: {envoy_grpc: {cluster_name: authz}}
              processing_mode: {request_header_mode: SEND, response_header_mode: SKIP, request_body_mode: NONE, response_body_mode: NONE}
              message_timeout: 10s
`,
		"Envoy, ext_proc of requests and responses": `          - name: envoy.filters.http.ext_proc
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
              grpc_service: {envoy_grpc: {cluster_name: authz}}
              processing_mode: {request_header_mode: SEND, request_body_mode: FULL_DUPLEX_STREAMED, request_trailer_mode: SEND, response_header_mode: SEND, response_body_mode: FULL_DUPLEX_STREAMED, response_trailer_mode: SEND}
              message_timeout: 10s
`,
	}
}

// nothing is the minimum cost of a call with an authorization server in Go.
const nothing = "Envoy, ext_authz that decides nothing"

type passer struct {
	auth.UnimplementedAuthorizationServer
}

func (passer) Check(context.Context, *auth.CheckRequest) (*auth.CheckResponse, error) {
	return &auth.CheckResponse{HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{}}}, nil
}

// passing starts an authorization server that accepts every call, in a separate process
// like jwtctl: in the client's process it would already be awake when Envoy calls it.
func passing(t *testing.T) (address string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, "-test.run", "^TestPasser$", "-test.v")
	command.Env = append(os.Environ(), passerEnv+"=1")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if at, found := strings.CutPrefix(lines.Text(), passerEnv+"="); found {
			return at
		}
	}
	t.Fatal("the passing server did not start")
	return ""
}

const passerEnv = "JWTCTL_BENCH_PASSER"

// TestPasser is the process that passing starts. It ends when its standard input ends.
func TestPasser(t *testing.T) {
	if os.Getenv(passerEnv) == "" {
		t.Skip("started by TestBench")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	auth.RegisterAuthorizationServer(s, passer{})
	go s.Serve(l)
	defer s.Stop()
	fmt.Printf("%s=%s\n", passerEnv, l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// measured is a proxy and the costs of its calls in each round.
type measured struct {
	*way
	name            string
	latency, worked []time.Duration
	jwtctl          []time.Duration // of worked
}

// middle is the median of list.
func middle(list []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

// TestBench prints the cost of a call through each proxy, with one token for all calls and
// with a new one for each: the median latency, and the processor time of client, proxy,
// jwtctl and server together, each the median of rounds in which all take turns.
func TestBench(t *testing.T) {
	f := newFixture(t)
	_, grpcAt, httpAt := f.authz(t)
	ways := []*measured{{way: &way{conn: dial(t, f.upstream.address)}, name: "no proxy"}}
	add := func(name string, w *way) {
		if w != nil {
			ways = append(ways, &measured{way: w, name: name})
		}
	}
	for name, filter := range f.envoyFilters(t) {
		at := ports.Address(t)
		config := f.snippet(t, "envoy", grpcAt, httpAt, at)
		before, rest, _ := strings.Cut(config, "          - name: envoy.filters.http.header_mutation")
		_, after, found := strings.Cut(rest, "          - name: envoy.filters.http.router")
		if !found {
			t.Fatalf("unexpected snippet:\n%s", config)
		}
		add(name, f.envoyAt(t, at, before+filter+"          - name: envoy.filters.http.router"+after))
	}
	at := ports.Address(t)
	add(nothing, f.envoyAt(t, at, f.snippet(t, "envoy", passing(t), httpAt, at)))
	at = ports.Address(t)
	plain := fmt.Sprintf("server { listen %s http2; location / { grpc_pass grpc://%s; } }", at, f.upstream.address)
	add("nginx alone", f.nginx(t, at, plain))
	for kind, w := range f.planes(t, grpcAt, httpAt) {
		add(map[string]string{"envoy": "Envoy, ext_authz"}[kind], w)
		if last := ways[len(ways)-1]; last.name == "" {
			last.name = kind + ", forward-auth"
		}
	}
	add("jwtctl proxy", f.ways["jwtctl proxy"])
	if only := os.Getenv("JWTCTL_ONLY"); only != "" {
		pattern := regexp.MustCompile(only)
		ways = slices.DeleteFunc(ways, func(w *measured) bool { return !pattern.MatchString(w.name) })
	}
	mint := newMinter(t, f.key, f.token(t, f.key, "--iss", "shop"))
	seen := mint.token(t, nil, nil)
	serial := 0
	t.Run("seen", func(t *testing.T) { compare(t, f, ways, func() string { return seen }) })
	t.Run("new", func(t *testing.T) {
		compare(t, f, ways, func() string {
			serial++
			return mint.token(t, nil, map[string]any{"jti": strconv.Itoa(serial)})
		})
	})
}

// compare lets the proxies take turns, and prints the results.
func compare(t *testing.T, f *fixture, ways []*measured, token func() string) {
	for _, w := range ways {
		w.latency, w.worked, w.jwtctl = nil, nil, nil
	}
	for round := range rounds + 1 {
		for _, w := range ways {
			tokens := make([]string, calls)
			for i := range tokens {
				tokens[i] = "Bearer " + token()
			}
			took := make([]time.Duration, calls)
			before, ours := processorTime(t)
			for i := range tokens {
				began := time.Now()
				if err := w.stream(&grpc.StreamDesc{}, "/shop.Shop/Buy", bearer(tokens[i]), patience); err != nil {
					t.Fatalf("%s: %v", w.name, err)
				}
				took[i] = time.Since(began)
			}
			worked, oursNow := processorTime(t)
			f.upstream.taken()
			if round > 0 { // the first round warms up
				w.latency, w.worked = append(w.latency, middle(took)), append(w.worked, (worked-before)/calls)
				w.jwtctl = append(w.jwtctl, (oursNow-ours)/calls)
			}
		}
	}
	slices.SortFunc(ways, func(a, b *measured) int { return strings.Compare(a.name, b.name) })
	for _, w := range ways {
		t.Logf("%-44s p50 %5d µs, processor %5d µs, of which jwtctl %4d µs", w.name, middle(w.latency).Microseconds(), middle(w.worked).Microseconds(), middle(w.jwtctl).Microseconds())
	}
	// Rounds are compared one by one, so that a busy machine slows both sides.
	added := func(name string, of func(*measured) []time.Duration) float64 {
		var with, without []time.Duration
		for _, w := range ways {
			switch w.name {
			case name:
				with = of(w)
			case "Envoy alone":
				without = of(w)
			}
		}
		var list []time.Duration
		for i := range min(len(with), len(without)) {
			list = append(list, with[i]-without[i])
		}
		if list == nil {
			return math.NaN()
		}
		return float64(middle(list).Microseconds())
	}
	latency := func(w *measured) []time.Duration { return w.latency }
	worked := func(w *measured) []time.Duration { return w.worked }
	for _, name := range []string{"Envoy, its jwt_authn", "Envoy, claims removed", nothing, "Envoy, ext_authz", "Envoy, ext_proc of headers", "Envoy, ext_proc of requests and responses"} {
		t.Logf("%-44s adds to Envoy: p50 %5.0f µs, processor %5.0f µs", name, added(name, latency), added(name, worked))
	}
}

// processorTime is the CPU time of this process and its children, and jwtctl's share of
// it.
func processorTime(t *testing.T) (all, jwtctl time.Duration) {
	t.Helper()
	self := os.Getpid()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // the process has ended
		}
		name, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		pid := filepath.Base(filepath.Dir(stat))
		if parent, _ := strconv.Atoi(fields[1]); parent != self && pid != strconv.Itoa(self) {
			continue
		}
		tasks, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
		for _, task := range tasks {
			text, _ := os.ReadFile(task)
			if list := strings.Fields(string(text)); len(list) > 0 {
				n, _ := strconv.ParseInt(list[0], 10, 64)
				all += time.Duration(n)
				if strings.Contains(name, "(jwtctl") {
					jwtctl += time.Duration(n)
				}
			}
		}
	}
	return all, jwtctl
}
