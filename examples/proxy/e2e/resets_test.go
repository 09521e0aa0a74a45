package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
)

var flood = flag.Duration("flood", 2*time.Second, "how long TestRapidResets attacks; S81 says 10s")

// TestRapidResets starts calls and resets them on four connections without pause, as in
// CVE-2023-44487: the proxy's memory stays within bound, and a call of a polite client
// costs at most 20 times the CPU time that it costs on an idle proxy, or the attack costs
// less than a fifth of a processor. Other load on the machine counts for neither. S81.
func TestRapidResets(t *testing.T) {
	p := install(t)
	upstream := startGo(t)
	proxy, key := startProxy(t, p, upstream.addr)
	bearer := token(t, p, key, `{"user": "alice"}`)
	polite := dial(t, proxy.addr)
	if err := call(polite, "JwtInToken", bearer, nil); err != nil {
		t.Fatal(err)
	}
	idle := proxy.cost(polite, bearer, *flood/4)
	for name, sent := range map[string]string{"valid token": bearer, "forged token": bearer[:len(bearer)-8] + "AAAAAAAA", "no token": ""} {
		t.Run(name, func(t *testing.T) {
			var stop atomic.Bool
			var sentOff atomic.Int64
			var attackers sync.WaitGroup
			for range 4 {
				attackers.Go(func() {
					for !stop.Load() { // connects again if it is disconnected
						resets(t, proxy.addr, sent, &stop, &sentOff)
					}
				})
			}
			busy := proxy.cost(polite, bearer, *flood)
			stop.Store(true)
			attackers.Wait()
			proxy.hold(name)
			attack := busy.cpu - time.Duration(busy.calls)*idle.each()
			t.Logf("%d resets cost %s in %s; each of %d calls of the polite client %s, %s on an idle proxy", sentOff.Load(), attack, busy.long, busy.calls, busy.each(), idle.each())
			if busy.each() > 20*idle.each() && attack > busy.long/5 {
				t.Errorf("a call costs %s, and %s on an idle proxy", busy.each(), idle.each())
			}
		})
	}
}

// spent is the CPU time that the proxy used while a client made calls.
type spent struct {
	calls     int
	cpu, long time.Duration // wall clock
}

// each returns the CPU time for a call.
func (s spent) each() time.Duration { return s.cpu / time.Duration(s.calls) }

// cost makes calls, one after the other, for so long and until the proxy's CPU time is
// enough to measure. All calls must pass.
func (p *process) cost(conn *grpc.ClientConn, bearer string, long time.Duration) (s spent) {
	p.t.Helper()
	before := p.cpu()
	for begun := time.Now(); s.long < long || s.cpu < 10*tick; s.calls++ {
		if err := call(conn, "JwtInToken", bearer, []byte("hello")); err != nil {
			p.t.Fatal(err)
		}
		s.cpu, s.long = p.cpu()-before, time.Since(begun)
	}
	return s
}

// tick is the unit in which Linux reports CPU time.
const tick = 10 * time.Millisecond

// cpu returns the CPU time that the process has used.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	var user, system time.Duration
	_, rest, _ := strings.Cut(string(text), ") ") // proc_pid_stat(5): utime is field 14
	fields := strings.Fields(rest)
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		p.t.Fatal(err)
	}
	return (user + system) * tick
}

// resets starts calls on one connection and resets each at once, until stop.
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
