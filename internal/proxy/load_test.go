package proxy_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// Load that does not wait for responses: clients with a connection each call in turn, at
// an even rate. The rate is far below what the machine can do, since latency at its limit
// is only the length of a queue. Client, proxy and upstream are one process.

// crowd is the number of clients (S75, S76).
const crowd = 1000

// paced calls do(0) to do(n-1), rate per second, whether or not earlier ones have ended,
// and returns how long each took.
func paced(n, rate int, do func(i int)) []time.Duration {
	took := make([]time.Duration, n)
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range n {
		time.Sleep(time.Until(begun.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		launched := time.Now()
		wg.Go(func() {
			do(i)
			took[i] = time.Since(launched)
		})
	}
	wg.Wait()
	return took
}

// quantile sorts took and returns its q quantile.
func quantile(took []time.Duration, q float64) time.Duration {
	slices.Sort(took)
	return took[int(float64(len(took)-1)*q)]
}

// caller makes calls with a valid token over its connections.
type caller struct {
	b       *testing.B
	ctx     context.Context
	request []byte
	conns   []*grpc.ClientConn
}

func (r *rig) caller(b *testing.B, addr string, n int) *caller {
	return newCaller(b, addr, r.Token(benchClaims), r.benchRequest("Open"), n)
}

func newCaller(b *testing.B, addr, token string, request []byte, n int) *caller {
	c := &caller{b: b, ctx: bearing(token), request: request}
	for i := range n {
		c.conns = append(c.conns, dial(b, addr))
		c.call(i, "Open") // connects
	}
	return c
}

func (c *caller) call(i int, method string) {
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	if err := c.conns[i%len(c.conns)].Invoke(ctx, "/t.S/"+method, &c.request, new([]byte), grpc.ForceCodecV2(bytesCodec{})); err != nil {
		c.b.Error(err)
	}
}

// BenchmarkS75_Connections compares calls of 1,000 clients, 1,000 per second in total,
// made directly, through the proxy, and through it with an ES256 bearer token. Target:
// passthrough adds at most 1 ms at p50 and 5 ms at p99. An operation is one call of each
// kind by each client, which takes 3 s: use -benchtime 10x.
func BenchmarkS75_Connections(b *testing.B) {
	r := startBytes(b, proxy.Options{})
	direct, through := r.caller(b, r.upstream.addr, crowd), r.caller(b, r.addr, crowd)
	ways := []struct {
		name string
		call func(i int)
	}{
		{"direct", func(i int) { direct.call(i, "Open") }},
		{"passthrough", func(i int) { through.call(i, "Open") }},
		{"bearer", func(i int) { through.call(i, "Bearer") }},
	}
	b.ResetTimer()
	took := make([][]time.Duration, len(ways))
	for range b.N {
		// The ways take turns, so that load on the machine affects all.
		all := paced(len(ways)*crowd, 1000, func(i int) { ways[i%len(ways)].call(i / len(ways)) })
		for i, d := range all {
			took[i%len(ways)] = append(took[i%len(ways)], d)
		}
	}
	for _, q := range []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		base := quantile(took[0], q.q)
		b.ReportMetric(float64(base.Microseconds()), "direct-"+q.name+"-µs")
		for i, w := range ways[1:] {
			b.ReportMetric(float64((quantile(took[i+1], q.q) - base).Microseconds()), w.name+"-adds-"+q.name+"-µs")
		}
	}
}

// startBytes starts a rig with the benchmarks' policy, whose upstream echoes each
// request.
func startBytes(b testing.TB, o proxy.Options) *rig {
	r := start(b, setup{source: benchSource, options: o, upstream: ofBytes()})
	r.upstream.become(echoBytes)
	return r
}

// BenchmarkS76_Hostile compares calls of 50 good clients, 200 per second in total, next
// to 1,000 idle connections and next to the same number that send bad tokens of 16 KiB:
// 1,000 per second in total, or (flood) as many as are answered. Proxy with upstream, and
// attackers, are separate processes. An operation is 5 s of each, and up to 7.5 s until
// the last attackers have their response. It reports p99 and p50 as multiples of those
// with idle connections, as the median of all operations, since load on the machine
// affects some of them; and the CPU time of proxy and upstream for a good call and a bad
// one. Target: p99 at most 2 ×. Use -benchtime 5x.
func BenchmarkS76_Hostile(b *testing.B) {
	r := startProcess(b)
	good := newCaller(b, r.Addr, r.Good, r.Request, 50)
	bad := startAttackers(b, r.Addr)
	const calls = 1000
	for _, c := range []struct {
		name, token string
		rate        int // 0 means a flood
	}{
		{"over the limit", strings.Repeat("x", 16<<10), 1000},
		{"not a JWS", strings.Repeat("x", mostToken), 1000},
		{"forged", r.Forged, 1000},
		{"forged flood", r.Forged, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			var p99, p50, idleP99 []float64
			var sent int
			var spent, alone time.Duration
			for range b.N {
				before := r.cpu()
				idle := paced(calls, 200, func(i int) { good.call(i, "Bearer") })
				between := r.cpu()
				bad.begin(c.token, c.rate)
				beside := paced(calls, 200, func(i int) { good.call(i, "Bearer") })
				sent += bad.end()
				alone += between - before
				spent += r.cpu() - between
				p99 = append(p99, float64(quantile(beside, 0.99))/float64(quantile(idle, 0.99)))
				p50 = append(p50, float64(quantile(beside, 0.5))/float64(quantile(idle, 0.5)))
				idleP99 = append(idleP99, float64(quantile(idle, 0.99).Microseconds()))
			}
			b.ReportMetric(testkit.Median(idleP99), "idle-p99-µs")
			b.ReportMetric(testkit.Median(p99), "p99-×")
			b.ReportMetric(testkit.Median(p50), "p50-×")
			b.ReportMetric(float64(alone.Microseconds())/float64(calls*b.N), "cpu-µs/good")
			b.ReportMetric(float64((spent-alone).Microseconds())/float64(sent), "cpu-µs/bad")
			b.ReportMetric(float64(sent)/float64(b.N), "bad")
		})
	}
}
