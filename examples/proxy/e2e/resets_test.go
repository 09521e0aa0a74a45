package e2e

import (
	"bytes"
	"flag"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
)

var flood = flag.Duration("flood", 2*time.Second, "how long TestRapidResets attacks; S81 says 10s")

// TestRapidResets begins calls and resets them on four connections without pause,
// as CVE-2023-44487 did: the proxy's memory stays within bound, and a polite client
// is answered, within 20 times of what it takes on an idle proxy. S81.
func TestRapidResets(t *testing.T) {
	p := install(t)
	upstream := startGo(t)
	proxy, key := startProxy(t, p, upstream.addr)
	bearer := token(t, p, key, `{"user": "alice"}`)
	polite := dial(t, proxy.addr)
	if err := call(polite, "JwtInToken", bearer, nil); err != nil {
		t.Fatal(err)
	}
	for name, sent := range map[string]string{"a good token": bearer, "a forged token": bearer[:len(bearer)-8] + "AAAAAAAA", "no token": ""} {
		t.Run(name, func(t *testing.T) {
			// What else the machine does may fall on the attack alone: one round of three counts.
			for round := 1; ; round++ {
				idle := median(t, polite, bearer, *flood/4)
				busy, n := attacked(t, proxy.addr, sent, polite, bearer)
				proxy.hold(name)
				idle = max(idle, median(t, polite, bearer, *flood/4)) // before or after
				t.Logf("%d resets; p50 of the polite client %s, %s on an idle proxy", n, busy, idle)
				if busy <= 20*idle {
					break
				}
				if round == 3 {
					t.Errorf("p50 is %s, and %s on an idle proxy", busy, idle)
					break
				}
			}
		})
	}
}

// attacked returns p50 of the polite client while four connections of the proxy begin and
// reset calls with the token sent, and how many they began.
func attacked(t *testing.T, addr, sent string, polite *grpc.ClientConn, bearer string) (p50 time.Duration, n int64) {
	t.Helper()
	var stop atomic.Bool
	var sentOff atomic.Int64
	var attackers sync.WaitGroup
	for range 4 {
		attackers.Go(func() {
			for !stop.Load() { // connects again if it is disconnected
				resets(t, addr, sent, &stop, &sentOff)
			}
		})
	}
	p50 = median(t, polite, bearer, *flood)
	stop.Store(true)
	attackers.Wait()
	return p50, sentOff.Load()
}

// median makes calls, one after the other, for so long, and returns what they took
// at p50. Each must pass.
func median(t *testing.T, conn *grpc.ClientConn, bearer string, long time.Duration) time.Duration {
	t.Helper()
	var took []time.Duration
	for begun := time.Now(); time.Since(begun) < long || len(took) < 20; {
		one := time.Now()
		if err := call(conn, "JwtInToken", bearer, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(one))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// resets begins calls on one connection and resets each at once, until stop.
func resets(t *testing.T, addr, bearer string, stop *atomic.Bool, sent *atomic.Int64) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(*flood + patience))
	done := make(chan struct{})
	defer func() { <-done }()
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte(http2.ClientPreface))
	var block, out bytes.Buffer
	framer := http2.NewFramer(&out, conn)
	_ = framer.WriteSettings()
	go func() {
		defer close(done)
		for {
			if _, err := framer.ReadFrame(); err != nil {
				return
			}
		}
	}()
	encoder := hpack.NewEncoder(&block)
	for id := uint32(1); !stop.Load() && id < 1<<30; {
		for range 100 {
			block.Reset()
			for _, h := range [][2]string{
				{":method", "POST"}, {":scheme", "http"}, {":path", "/com.example.JwtService/RedeemMany"}, {":authority", "x"},
				{"content-type", "application/grpc"}, {"te", "trailers"}, {"authorization", "Bearer " + bearer},
			} {
				_ = encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
			}
			_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
			_ = framer.WriteRSTStream(id, http2.ErrCodeCancel)
			id += 2
		}
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // so that stop is seen
		for out.Len() > 0 {
			n, err := conn.Write(out.Bytes())
			out.Next(n)
			if stop.Load() {
				return
			}
			if timeout, is := err.(net.Error); err != nil && !(is && timeout.Timeout()) {
				return
			}
			_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		}
		sent.Add(100)
	}
}
