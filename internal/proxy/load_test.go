package proxy_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"

	"github.com/jwtctl/jwtctl/internal/proxy"
)

// Load that does not wait for answers: of clients with a connection each, one
// after the other calls, at an even rate. It is far below what the machine can
// do, since latency at its limit is only the length of a queue. Client, proxy
// and upstream are one process.

// crowd is how many clients there are (S75, S76).
const crowd = 1000

// paced calls do(0) to do(n-1), rate in a second, whether those before have ended
// or not, and returns how long each took.
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

// quantile sorts took.
func quantile(took []time.Duration, q float64) time.Duration {
	slices.Sort(took)
	return took[int(float64(len(took)-1)*q)]
}

// caller makes calls with a good token over its connections.
type caller struct {
	b       *testing.B
	ctx     context.Context
	request []byte
	conns   []*grpc.ClientConn
}

func (r *rig) caller(b *testing.B, addr string, n int) *caller {
	c := &caller{b: b, ctx: bearing(r.Token(benchClaims)), request: r.benchRequest("Open")}
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

// BenchmarkS75_Connections compares calls of 1,000 clients, 1,000 a second in all,
// that go direct, through the proxy, and through it with an ES256 bearer token.
// Wanted: passthrough adds at most 1 ms at p50 and 5 ms at p99. An operation is
// one call of each kind by each client, which takes 3 s: use -benchtime 10x.
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
		// The ways take turns, so that what else the machine does falls on all.
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

// startBytes is a rig of the benchmarks' policy whose upstream answers each
// request with itself.
func startBytes(b *testing.B, o proxy.Options) *rig {
	r := start(b, setup{source: benchSource, options: o, upstream: []grpc.ServerOption{grpc.ForceServerCodecV2(bytesCodec{})}})
	r.upstream.become(func(_ string, ss grpc.ServerStream) error {
		var in []byte
		if err := ss.RecvMsg(&in); err != nil {
			return err
		}
		return ss.SendMsg(&in)
	})
	return r
}

// BenchmarkS76_Hostile compares calls of 50 good clients, 200 a second in all,
// beside 1,000 connections that are idle and beside the same where each sends
// bad tokens of 16 KiB: 1,000 a second in all, or (flood) as many as are answered,
// which is more than two cores can do. It reports p99 as a multiple of that beside
// idle ones, and the CPU that a good call and a bad one cost all involved.
// Wanted: at most 2 ×. An operation is 5 s of each.
func BenchmarkS76_Hostile(b *testing.B) {
	r := startBytes(b, proxy.Options{CachedTokens: 10_000})
	good := r.caller(b, r.addr, 50)
	attackers := make([]*attacker, crowd)
	for i := range attackers {
		attackers[i] = newAttacker(b, r.addr)
	}
	const most = 15 << 10 // of 16 KiB of metadata
	signed := r.Token(strings.Replace(benchClaims, "{", `{"pad":"`+strings.Repeat("x", most*3/4-400)+`",`, 1))
	forged := signed[:strings.LastIndexByte(signed, '.')+1] + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 64))
	for _, c := range []struct {
		name, token string
		rate        int // 0 for a flood
	}{
		{"over the limit", strings.Repeat("x", 16<<10), 1000},
		{"no JWS", strings.Repeat("x", most), 1000},
		{"forged", forged, 1000},
		{"forged flood", forged, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			var idle, beside []time.Duration
			var sent int64
			var spent, alone time.Duration
			for range b.N {
				before := cpu(b)
				idle = append(idle, paced(1000, 200, func(i int) { good.call(i, "Bearer") })...)
				between := cpu(b)
				stop := attack(attackers, c.token, c.rate)
				beside = append(beside, paced(1000, 200, func(i int) { good.call(i, "Bearer") })...)
				sent += stop()
				alone += between - before
				spent += cpu(b) - between
			}
			b.ReportMetric(float64(quantile(idle, 0.99).Microseconds()), "idle-p99-µs")
			b.ReportMetric(float64(quantile(beside, 0.99))/float64(quantile(idle, 0.99)), "p99-×")
			b.ReportMetric(float64(quantile(beside, 0.5))/float64(quantile(idle, 0.5)), "p50-×")
			b.ReportMetric(float64(alone.Microseconds())/float64(len(idle)), "cpu-µs/good")
			b.ReportMetric(float64((spent-alone).Microseconds())/float64(sent), "cpu-µs/bad")
			b.ReportMetric(float64(sent)/b.Elapsed().Seconds()*2, "bad/s")
		})
	}
}

// attacker is a connection that sends bad tokens at next to no cost of its own:
// its request is encoded once. It connects again when it is thrown out.
type attacker struct {
	b        *testing.B
	addr     string
	conn     net.Conn
	framer   *http2.Framer
	id       uint32
	answered chan bool // one for each answer; closed with the connection
}

func newAttacker(b *testing.B, addr string) *attacker {
	a := &attacker{b: b, addr: addr}
	a.connect()
	b.Cleanup(func() { _ = a.conn.Close() })
	return a
}

func (a *attacker) connect() {
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		a.b.Error(err)
		return
	}
	if a.conn != nil {
		_ = a.conn.Close()
	}
	_, _ = conn.Write([]byte(http2.ClientPreface))
	framer, answered := http2.NewFramer(conn, conn), make(chan bool, 1)
	_ = framer.WriteSettings()
	a.conn, a.framer, a.id, a.answered = conn, framer, 1, answered
	go func() {
		defer close(answered)
		for {
			f, err := framer.ReadFrame()
			if err != nil {
				return
			}
			switch f.(type) {
			case *http2.HeadersFrame, *http2.RSTStreamFrame:
				select {
				case answered <- true:
				default: // both, for one call
				}
			}
		}
	}()
}

// send begins a call with this header block, and ends it.
func (a *attacker) send(block []byte) {
	first := block[:min(len(block), 16<<10)]
	_ = a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: a.id, BlockFragment: first, EndStream: true, EndHeaders: len(first) == len(block)})
	if rest := block[len(first):]; len(rest) > 0 {
		_ = a.framer.WriteContinuation(a.id, true, rest)
	}
	a.id += 2
}

// attack has all send token, rate times a second together or, for 0, whenever they
// are answered, until stop, which returns how often they did.
func attack(all []*attacker, token string, rate int) (stop func() int64) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	enc.SetMaxDynamicTableSize(0) // so that the block can be sent again
	for _, h := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", "/t.S/Bearer"}, {":authority", "x"},
		{"content-type", "application/grpc"}, {"te", "trailers"}, {"authorization", "Bearer " + token},
	} {
		_ = enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	var sent atomic.Int64
	var wg sync.WaitGroup
	done := make(chan struct{})
	for i, a := range all {
		wg.Go(func() {
			var tick <-chan time.Time
			if rate > 0 {
				every := time.Duration(len(all)) * time.Second / time.Duration(rate)
				time.Sleep(every * time.Duration(i) / time.Duration(len(all)))
				t := time.NewTicker(every)
				defer t.Stop()
				tick = t.C
			}
			for {
				a.send(block.Bytes())
				sent.Add(1)
				select {
				case open := <-a.answered:
					if !open {
						a.connect()
					}
				case <-done:
					return
				}
				if tick != nil {
					select {
					case <-tick:
					case <-done:
						return
					}
				}
			}
		})
	}
	return func() int64 {
		close(done)
		wg.Wait()
		return sent.Load()
	}
}
