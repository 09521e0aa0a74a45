package proxy_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// rawConn is a client that writes HTTP/2 frames directly.
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
	_ = conn.SetDeadline(time.Now().Add(testkit.Timeout))
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		r.t.Fatal(err)
	}
	c := &rawConn{Framer: http2.NewFramer(conn, conn), conn: conn}
	c.enc, c.ReadMetaHeaders = hpack.NewEncoder(&c.buf), hpack.NewDecoder(4096, nil)
	if err := c.WriteSettings(); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// headers starts a call of path with more headers, alternating names and values.
func (c *rawConn) headers(id uint32, path string, more ...string) { c.begin(id, path, false, more...) }

// begin is headers; if end is set, they end the client's half of the stream.
func (c *rawConn) begin(id uint32, path string, end bool, more ...string) {
	c.buf.Reset()
	all := append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "x", "content-type", "application/grpc", "te", "trailers"}, more...)
	for i := 0; i < len(all); i += 2 {
		_ = c.enc.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
	}
	block := c.buf.Bytes()
	first := block[:min(len(block), 16<<10)]
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndHeaders: len(first) == len(block), EndStream: end})
	for rest := block[len(first):]; len(rest) > 0; {
		n := min(len(rest), 16<<10)
		_ = c.WriteContinuation(id, n == len(rest), rest[:n])
		rest = rest[n:]
	}
}

// answer is the result of a call.
type answer struct{ status, message string }

// answers reads until n calls have ended.
func (c *rawConn) answers(n int) map[uint32]answer {
	ended := map[uint32]answer{}
	c.until(func(f http2.Frame) bool {
		if h, is := f.(*http2.MetaHeadersFrame); is && h.StreamEnded() {
			ended[h.StreamID] = statusOf(h)
		}
		return len(ended) == n
	})
	return ended
}

func statusOf(trailers *http2.MetaHeadersFrame) answer {
	a := answer{}
	for _, field := range trailers.RegularFields() {
		switch field.Name {
		case "grpc-status":
			a.status = field.Value
		case "grpc-message":
			a.message = field.Value
		}
	}
	return a
}

// wire returns the gRPC frame of a message.
func wire(message []byte) []byte {
	head := []byte{0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[1:], uint32(len(message)))
	return append(head, message...)
}

// until reads frames until want accepts one. It returns false if there was none.
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
