package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/jwtctl/jwtctl/internal/proxy"
)

// Programs that a child process of the test binary runs instead of tests: attackers of the
// proxy at attackAddr, or a proxy.
const (
	attackAddr = "JWTCTL_TEST_ATTACK"
	asProxy    = "JWTCTL_TEST_PROXY"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(attackAddr); addr != "" {
		attackers(addr, os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// attackers keeps many connections to addr, idle except between a line in in with a rate
// and a token, and the next, empty line, to which it replies with the number of calls
// sent. It is a separate process with low priority: real attackers do not use the CPU of
// the machine that they attack.
func attackers(addr string, in io.Reader, out io.Writer) {
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

// child is an attackers process.
type child struct {
	b   *testing.B
	in  io.Writer
	out io.Reader
}

func startAttackers(b *testing.B, addr string) *child {
	b.Helper()
	_, in, out := again(b, attackAddr+"="+addr, "nice", "-n", "19", os.Args[0])
	c := &child{b, in, out}
	if n := c.answer(); n != crowd {
		b.Fatalf("%d attackers have connected, want %d", n, crowd)
	}
	return c
}

// again runs this program once more with args, until the benchmark ends.
func again(b *testing.B, env string, args ...string) (*exec.Cmd, io.Writer, *bufio.Reader) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env)
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
	return cmd, in, bufio.NewReader(out)
}

// mostToken is the longest token that fits into 16 KiB of metadata.
const mostToken = 15 << 10

// process is a proxy in a separate process, and what its clients need.
type process struct {
	Addr, Good, Forged string
	Request            []byte

	b   *testing.B
	pid int
}

func startProcess(b *testing.B) *process {
	b.Helper()
	cmd, _, out := again(b, asProxy+"=yes", os.Args[0], "-test.run=^TestProxyProcess$")
	p := &process{b: b, pid: cmd.Process.Pid}
	line, err := out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, p)
	}
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// cpu returns the CPU time used by p.
func (p *process) cpu() time.Duration {
	p.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		p.b.Fatal(err)
	}
	var user, system int64 // in hundredths of a second
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+2:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		p.b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestProxyProcess is not a test but the proxy of startProcess: it serves, with a running
// clock, until stdin ends.
func TestProxyProcess(t *testing.T) {
	if os.Getenv(asProxy) == "" {
		return
	}
	defer proxy.KeepGarbage(proxy.SpareGarbage)()
	r := startBytes(t, proxy.Options{CachedTokens: 10_000})
	signed := r.Token(strings.Replace(benchClaims, "{", `{"pad":"`+strings.Repeat("x", mostToken*3/4-400)+`",`, 1))
	forged := signed[:strings.LastIndexByte(signed, '.')+1] + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 64))
	if err := json.NewEncoder(os.Stdout).Encode(process{Addr: r.addr, Good: r.Token(benchClaims), Forged: forged, Request: r.benchRequest("Open")}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	const tick = 100 * time.Millisecond
	for each := time.NewTicker(tick); ; {
		select {
		case <-each.C:
			r.advance(tick)
		case <-ended:
			return
		}
	}
}

// begin makes all send token, see attack; end stops that, and returns the number sent.
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

// attacker is a connection that sends bad tokens at almost no cost: its request is
// encoded once. It reconnects when it is disconnected.
type attacker struct {
	addr     string
	conn     net.Conn
	framer   *http2.Framer
	id       uint32
	answered chan bool // one for each response; closed with the connection
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
				default: // headers and data of one call
				}
			}
		}
	}()
}

// send sends a call with this header block.
func (a *attacker) send(block []byte) {
	first := block[:min(len(block), 16<<10)]
	_ = a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: a.id, BlockFragment: first, EndStream: true, EndHeaders: len(first) == len(block)})
	if rest := block[len(first):]; len(rest) > 0 {
		_ = a.framer.WriteContinuation(a.id, true, rest)
	}
	a.id += 2
}

// attack makes all send token, rate times per second in total or, for 0, as fast as the
// responses arrive, until stop is called, which waits for the responses and returns their
// number.
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
	done, always := make(chan struct{}), make(chan time.Time)
	close(always)
	for i, a := range all {
		wg.Go(func() {
			var tick <-chan time.Time = always
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
				if open := <-a.answered; !open {
					a.connect()
				}
				select {
				case <-tick:
				case <-done:
					return
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
