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

// bench is a proxy with and one without a cache, and the ways to call through
// them.
type bench struct {
	plain, cached *rig
	token         string
	ways          []way
}

type way struct {
	name, method string
	conn         *grpc.ClientConn
	// also is done beside the call, unless nil.
	also func()
}

func newBench(b *testing.B) *bench {
	s := setup{source: benchSource, upstream: []grpc.ServerOption{grpc.ForceServerCodecV2(bytesCodec{})}}
	t := &bench{plain: start(b, s)}
	s.options = proxy.Options{CachedTokens: 1000}
	t.cached = start(b, s)
	for _, r := range []*rig{t.plain, t.cached} {
		r.upstream.become(func(_ string, ss grpc.ServerStream) error {
			var in []byte
			if err := ss.RecvMsg(&in); err != nil {
				return err
			}
			return ss.SendMsg(&in)
		})
	}
	t.token = t.plain.Token(benchClaims)
	t.ways = []way{
		{"direct", "Open", t.plain.direct, nil},
		{"passthrough", "Open", t.plain.conn, nil},
		{"passthrough and bare verification", "Open", t.plain.conn, bareVerification(b, t.plain.Key, t.token)},
		{"bearer", "Bearer", t.plain.conn, nil},
		{"bearer cached", "Bearer", t.cached.conn, nil},
		{"bearer message signing", "All", t.plain.conn, nil},
		{"bearer message signing cached", "All", t.cached.conn, nil},
	}
	return t
}

// calls makes n calls one after the other, and notes how long each took.
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
		if w.also != nil {
			w.also()
		}
		took = append(took, time.Since(begun))
	}
	return took
}

// BenchmarkProxy compares unary calls that go direct, through the proxy, and
// with ever more for it to do, all with ES256: with 32 clients at once, where
// ns/op is 1 / throughput, and with one, for the latency. Wanted: passthrough p50
// at most 1 ms over direct.
func BenchmarkProxy(b *testing.B) {
	t := newBench(b)
	for _, clients := range []int{32, 1} {
		name := map[int]string{32: "load/", 1: "latency/"}[clients]
		for _, w := range t.ways {
			if w.also != nil {
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

// BenchmarkProxyCost compares the CPU that client, proxy and upstream, one
// program, spend on a call. The ways take turns, so that what else the machine
// does falls on all. over-bare is what a call costs beside passthrough, in
// verifications of the bare signature. Wanted: bearer at most 1.3.
func BenchmarkProxyCost(b *testing.B) {
	t := newBench(b)
	const turn = 20
	spent := make([]time.Duration, len(t.ways))
	for b.Loop() {
		for i, w := range t.ways {
			before := cpu(b)
			t.calls(b, w, turn, nil)
			spent[i] += cpu(b) - before
		}
	}
	per := func(i int) float64 { return float64(spent[i].Microseconds()) / float64(turn*b.N) }
	for i, w := range t.ways {
		name := strings.ReplaceAll(w.name, " ", "-")
		b.ReportMetric(per(i), name+"-cpu-µs")
		if strings.HasPrefix(w.name, "bearer") {
			b.ReportMetric((per(i)-per(1))/(per(2)-per(1)), name+"-over-bare")
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

// bareVerification returns a check of token's signature alone.
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
			b.Error("the signature is not good")
		}
	}
}

// cpu returns the time that this process has computed.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
