package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var streams = flag.Int("streams", 2000, "how many streams TestS68_IdleStreamsCostNothing opens; the rule says 10000")

// bound is the limit of the proxy's memory in these tests, in MiB: it starts with about
// 30.
const bound = 150

// usage is the resource usage of a process.
type usage struct{ rss, peak, files int } // in MiB, and a number

func (p *process) usage() usage {
	p.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	text, err := os.ReadFile(proc + "status")
	if err != nil {
		p.t.Fatal(err)
	}
	var u usage
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &u.rss)
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &u.peak)
	}
	files, err := filepath.Glob(proc + "fd/*")
	if err != nil {
		p.t.Fatal(err)
	}
	return usage{u.rss >> 10, u.peak >> 10, len(files)}
}

func (u usage) String() string {
	return fmt.Sprintf("%d MiB (%d at most), %d files", u.rss, u.peak, u.files)
}

// hold fails if p is beyond bound, and logs its memory.
func (p *process) hold(what string) {
	p.t.Helper()
	u := p.usage()
	p.t.Logf("%-30s %s", what, u)
	if u.peak > bound {
		p.t.Errorf("%s: %s, more than %d MiB", what, u, bound)
	}
}

// TestS66_BombsAreRefused sends many messages at once that decompress to 64 MiB: each is
// refused, and none is ever held whole.
func TestS66_BombsAreRefused(t *testing.T) {
	p := install(t)
	upstream := startGo(t)
	proxy, key := startProxy(t, p, upstream.addr)
	bearer := token(t, p, key, `{"user": "alice"}`)
	conn := dial(t, proxy.addr)
	if err := call(conn, "JwtInToken", bearer, nil); err != nil {
		t.Fatal(err)
	}
	proxy.hold("before")
	for round := range 3 {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 25 {
					if err := call(conn, "JwtInToken", bearer, []byte("any"), grpc.UseCompressor("gzip")); status.Code(err) != codes.ResourceExhausted {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		proxy.hold(fmt.Sprintf("after %d bombs", 200*(round+1)))
	}
	if n := upstream.calls.Load(); n != 1 {
		t.Errorf("%d calls reached the upstream, want 1", n)
	}
}

// bomb is a compressor that turns any input into a bomb: 64 MiB, which gzip compresses to
// 64 KiB.
type bomb struct{ data []byte }

func newBomb() bomb {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(make([]byte, 64<<20))
	_ = w.Close()
	return bomb{b.Bytes()}
}

func (bomb) Name() string                                   { return "gzip" }
func (bomb) Decompress(r io.Reader) (io.Reader, error)      { return gzip.NewReader(r) }
func (b bomb) Compress(w io.Writer) (io.WriteCloser, error) { return &bombing{b, w}, nil }

type bombing struct {
	bomb
	to io.Writer
}

func (*bombing) Write(p []byte) (int, error) { return len(p), nil }

func (b *bombing) Close() error {
	_, err := b.to.Write(b.data)
	return err
}

func TestMain(m *testing.M) {
	encoding.RegisterCompressor(newBomb()) // which is not allowed later
	os.Exit(m.Run())
}

// TestS66_ResetsAreBounded starts 10,000 calls and resets them, as in CVE-2023-44487,
// several times: the proxy's memory does not grow.
func TestS66_ResetsAreBounded(t *testing.T) {
	p := install(t)
	upstream := startGo(t)
	proxy, key := startProxy(t, p, upstream.addr)
	bearer := token(t, p, key, `{"user": "alice"}`)
	before := proxy.usage()
	for round := range 3 {
		reset(t, proxy.addr, bearer)
		proxy.hold(fmt.Sprintf("after %d resets", 10_000*(round+1)))
	}
	if err := call(dial(t, proxy.addr), "JwtInToken", bearer, nil); err != nil {
		t.Error(err)
	}
	eventually(t, "the files of before", func() bool { return proxy.usage().files <= before.files+10 })
}

func reset(t *testing.T, addr, bearer string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write([]byte(http2.ClientPreface))
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	go func() {
		for {
			if _, err := framer.ReadFrame(); err != nil {
				return
			}
		}
	}()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := range 10_000 {
		block.Reset()
		for _, h := range [][2]string{
			{":method", "POST"}, {":scheme", "http"}, {":path", "/com.example.JwtService/RedeemMany"}, {":authority", "x"},
			{"content-type", "application/grpc"}, {"te", "trailers"}, {"authorization", "Bearer " + bearer},
		} {
			_ = encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		id := uint32(2*i + 1)
		if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}) != nil || framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			t.Logf("the proxy disconnected after %d", i)
			return
		}
	}
}

// TestS68_IdleStreamsCostNothing opens thousands of streams and ends them, again and
// again: the proxy closes its files, and its memory stays within what it may use with
// uncollected garbage.
func TestS68_IdleStreamsCostNothing(t *testing.T) {
	p := install(t)
	upstream := startGo(t)
	proxy, key := startProxy(t, p, upstream.addr)
	bearer := token(t, p, key, `{"user": "alice"}`)
	if err := call(dial(t, proxy.addr), "JwtInToken", bearer, nil); err != nil {
		t.Fatal(err)
	}
	before := proxy.usage()
	t.Log("before ", before)
	var settled usage
	for round := range 60 {
		ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+bearer))
		var conns []*grpc.ClientConn
		for i := range *streams {
			if i%250 == 0 {
				conns = append(conns, dial(t, proxy.addr))
			}
			if _, err := conns[i/250].NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/com.example.JwtService/RedeemMany"); err != nil {
				t.Fatal(i, err)
			}
		}
		eventually(t, "connections", func() bool { return proxy.usage().files >= before.files+len(conns)-1 })
		t.Log("open   ", proxy.usage())
		cancel()
		for _, c := range conns {
			_ = c.Close()
		}
		eventually(t, "the files of before", func() bool { return proxy.usage().files <= before.files+10 })
		t.Log("idle   ", proxy.usage())
		if round == 39 {
			settled = proxy.usage()
		}
	}
	if u := proxy.usage(); u.rss > settled.rss*5/4+10 {
		t.Errorf("%s at first, %s after 40 rounds", u, settled)
	}
}
