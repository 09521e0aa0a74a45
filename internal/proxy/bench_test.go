package proxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/proxy"
)

const benchSource = `
message Signed {
  string user = 1 [(kalix.field).jwt = {claim: INCLUDE}];
  int64 n = 2 [(kalix.field).jwt = {claim: INCLUDE}];
  string tok = 3 [(kalix.field).jwt = {token: true}];
  string text = 4;
}
service S {
  rpc Open(Signed) returns (Signed);
  rpc Bearer(Signed) returns (Signed) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }
  rpc All(Signed) returns (Signed) { option (kalix.method).jwt = {validate: BEARER_TOKEN, validate: MESSAGE, sign: MESSAGE}; }
}
`

const benchClaims = `{"iss":"https://issuer.example","sub":"jwtctl","aud":"orders","permissions":["orders:read","orders:write"],"iat":1769859000,"exp":1769864400}`

// bench is a proxy with a cache and one without, and functions that call through them.
type bench struct {
	plain, cached *rig
	token         string
	ways          []way
	// verifies makes the upstream check the bare signature, in a new goroutine as in the
	// proxy.
	verifies atomic.Bool
}

type way struct {
	name, method string
	conn         *grpc.ClientConn
	verifies     bool
}

func newBench(b *testing.B) *bench {
	s := setup{source: benchSource, upstream: ofBytes()}
	t := &bench{plain: start(b, s)}
	s.options = proxy.Options{CachedTokens: 1000}
	t.cached = start(b, s)
	t.token = t.plain.Token(benchClaims)
	bare := bareVerification(b, t.plain.Key, t.token)
	for _, r := range []*rig{t.plain, t.cached} {
		r.upstream.become(func(_ string, ss grpc.ServerStream) error {
			var in []byte
			if err := ss.RecvMsg(&in); err != nil {
				return err
			}
			if t.verifies.Load() {
				bare()
			}
			return ss.SendMsg(&in)
		})
	}
	t.ways = []way{
		{"direct", "Open", t.plain.direct, false},
		{"passthrough", "Open", t.plain.conn, false},
		{"passthrough and bare verification", "Open", t.plain.conn, true},
		{"bearer", "Bearer", t.plain.conn, false},
		{"bearer cached", "Bearer", t.cached.conn, false},
		{"bearer message signing", "All", t.plain.conn, false},
		{"bearer message signing cached", "All", t.cached.conn, false},
	}
	return t
}

// calls makes n calls one after the other, and records how long each took.
func (t *bench) calls(b *testing.B, w way, n int, took []time.Duration) []time.Duration {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+t.token)
	request := t.plain.benchRequest(w.method)
	for range n {
		begun := time.Now()
		var answer []byte
		if err := w.conn.Invoke(ctx, "/t.S/"+w.method, &request, &answer, grpc.ForceCodecV2(bytesCodec{})); err != nil {
			b.Error(err)
			return took
		}
		took = append(took, time.Since(begun))
	}
	return took
}

// BenchmarkProxy compares unary calls made directly, through the proxy, and with
// increasing work for it, all with ES256: with 32 concurrent clients, where ns/op is 1 /
// throughput, and with one, for the latency. Target: passthrough p50 at most 1 ms more
// than direct.
func BenchmarkProxy(b *testing.B) {
	t := newBench(b)
	for _, clients := range []int{32, 1} {
		name := map[int]string{32: "load/", 1: "latency/"}[clients]
		for _, w := range t.ways {
			if w.verifies {
				continue
			}
			b.Run(name+w.name, func(b *testing.B) {
				took := make([][]time.Duration, clients)
				var wg sync.WaitGroup
				for i := range clients {
					wg.Add(1)
					go func() {
						defer wg.Done()
						took[i] = t.calls(b, w, (b.N+i)/clients, nil)
					}()
				}
				wg.Wait()
				b.StopTimer()
				all := slices.Concat(took...)
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)/2])/1e3, "p50-µs")
				b.ReportMetric(float64(all[len(all)*99/100])/1e3, "p99-µs")
			})
		}
	}
}

// BenchmarkProxyCost compares the CPU time that client, proxy and upstream, in one
// process, spend on a call: with 16 concurrent clients, as on a busy proxy, and with one,
// where every message wakes up a goroutine. The ways take turns, so that load on the
// machine affects all, and the median counts: use -benchtime 100x or more. over-bare is
// the cost of a call beyond passthrough, in verifications of the bare signature. Target:
// bearer at most 1.3 when busy.
func BenchmarkProxyCost(b *testing.B) {
	t := newBench(b)
	for _, c := range []struct {
		name           string
		clients, calls int
	}{{"in use", 16, 10}, {"one client", 1, 20}} {
		b.Run(c.name, func(b *testing.B) {
			spent := make([][]float64, len(t.ways)) // µs per call, by turn
			for b.Loop() {
				for i, w := range t.ways {
					spent[i] = append(spent[i], t.cost(b, w, c.clients, c.calls))
				}
			}
			reportCosts(b, t.ways, spent)
		})
	}
}

// cost returns the CPU time in µs of a call, when clients each make this number of calls.
func (t *bench) cost(b *testing.B, w way, clients, calls int) float64 {
	t.verifies.Store(w.verifies)
	before := cpu(b)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() { t.calls(b, w, calls, nil) })
	}
	wg.Wait()
	return float64((cpu(b) - before).Nanoseconds()) / float64(clients*calls) / 1e3
}

func reportCosts(b *testing.B, ways []way, spent [][]float64) {
	median := func(of func(turn int) float64) float64 {
		all := make([]float64, b.N)
		for i := range all {
			all[i] = of(i)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	over := func(i int) float64 { // passthrough
		return median(func(turn int) float64 { return spent[i][turn] - spent[1][turn] })
	}
	for i, w := range ways {
		name := strings.ReplaceAll(w.name, " ", "-")
		b.ReportMetric(median(func(turn int) float64 { return spent[i][turn] }), name+"-cpu-µs")
		if strings.HasPrefix(w.name, "bearer") {
			b.ReportMetric(over(i)/over(2), name+"-over-bare")
		}
	}
}

func (r *rig) benchRequest(method string) []byte {
	r.t.Helper()
	json := `{"user":"bob","n":7,"text":"` + strings.Repeat("x", 60) + `"}`
	if method == "All" {
		json = strings.Replace(json, "{", `{"tok":"`+r.Token(`{"user":"bob","n":7,"exp":1769864400}`)+`",`, 1)
	}
	_, m := r.Message("Signed", json)
	wire, err := proto.Marshal(m)
	if err != nil {
		r.t.Fatal(err)
	}
	return wire
}

// bareVerification returns a function that checks only token's signature.
func bareVerification(b *testing.B, key *keys.Key, token string) func() {
	b.Helper()
	at := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[at+1:])
	if err != nil {
		b.Fatal(err)
	}
	public := key.VerifyingMaterial().(*ecdsa.PublicKey)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return func() {
		sum := sha256.Sum256([]byte(token[:at]))
		if !ecdsa.Verify(public, sum[:], r, s) {
			b.Error("the signature does not verify")
		}
	}
}

// cpu returns the CPU time of this process.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
