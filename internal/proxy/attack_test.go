package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// attackAddr names the proxy to a child of this program, which then is attackers
// instead of tests.
const attackAddr = "JWTCTL_TEST_ATTACK"

func TestMain(m *testing.M) {
	if addr := os.Getenv(attackAddr); addr != "" {
		attackers(addr, os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// attackers are a crowd of connections to addr that are idle, but between a line
// of in with a rate and a token, and the next, which is empty: it answers that
// with how many were sent. They are a process of their own, which has the CPU
// that nobody else wants: attackers do not compute on the machine they attack.
func attackers(addr string, in io.Reader, out io.Writer) {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19)
	all := make([]*attacker, crowd)
	for i := range all {
		all[i] = newAttacker(addr)
	}
	_, _ = fmt.Fprintln(out, len(all))
	lines := bufio.NewReader(in)
	for {
		var rate int
		var token string
		if _, err := fmt.Fscanf(lines, "%d %s\n", &rate, &token); err != nil {
			return
		}
		stop := attack(all, token, rate)
		_, err := lines.ReadString('\n')
		_, _ = fmt.Fprintln(out, stop())
		if err != nil {
			return
		}
	}
}

// child is attackers from the outside.
type child struct {
	b   *testing.B
	in  io.Writer
	out io.Reader
}

func startAttackers(b *testing.B, addr string) *child {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), attackAddr+"="+addr)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	c := &child{b, in, bufio.NewReader(out)}
	if n := c.answer(); n != crowd {
		b.Fatalf("%d attackers have connected", n)
	}
	return c
}

// begin has all send token, see attack; end ends that, and returns how many were
// sent.
func (c *child) begin(token string, rate int) { c.tell("%d %s\n", rate, token) }

func (c *child) end() int {
	c.tell("\n")
	return c.answer()
}

func (c *child) tell(format string, args ...any) {
	if _, err := fmt.Fprintf(c.in, format, args...); err != nil {
		c.b.Fatal(err)
	}
}

func (c *child) answer() (n int) {
	if _, err := fmt.Fscanln(c.out, &n); err != nil {
		c.b.Fatal(err)
	}
	return n
}

// attacker is a connection that sends bad tokens at next to no cost of its own:
// its request is encoded once. It connects again when it is thrown out.
type attacker struct {
	addr     string
	conn     net.Conn
	framer   *http2.Framer
	id       uint32
	answered chan bool // one for each answer; closed with the connection
	waits    bool      // for the answer to what was sent last
}

func newAttacker(addr string) *attacker {
	a := &attacker{addr: addr}
	a.connect()
	return a
}

func (a *attacker) connect() {
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		panic(err)
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
				if !a.waits {
					a.send(block.Bytes())
					sent.Add(1)
				}
				a.waits = true
				select {
				case open := <-a.answered:
					a.waits = false
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
