package proxy_test

import (
	"bytes"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rawConn is a client that speaks HTTP/2 by hand.
type rawConn struct {
	*http2.Framer
	conn net.Conn
	buf  bytes.Buffer
	enc  *hpack.Encoder
}

func (r *rig) raw() *rawConn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		r.t.Fatal(err)
	}
	c := &rawConn{Framer: http2.NewFramer(conn, conn), conn: conn}
	c.enc = hpack.NewEncoder(&c.buf)
	if err := c.WriteSettings(); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// headers begins a call of path with more headers, name and value in turn.
func (c *rawConn) headers(id uint32, path string, more ...string) {
	c.buf.Reset()
	all := append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "x", "content-type", "application/grpc", "te", "trailers"}, more...)
	for i := 0; i < len(all); i += 2 {
		_ = c.enc.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
	}
	block := c.buf.Bytes()
	first := block[:min(len(block), 16<<10)]
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndHeaders: len(first) == len(block)})
	for rest := block[len(first):]; len(rest) > 0; {
		n := min(len(rest), 16<<10)
		_ = c.WriteContinuation(id, n == len(rest), rest[:n])
		rest = rest[n:]
	}
}

// until reads frames until one that want takes; it is false if none came.
func (c *rawConn) until(want func(http2.Frame) bool) bool {
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return false
		}
		if want(f) {
			return true
		}
	}
}
