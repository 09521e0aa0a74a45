package web

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
)

// The flags of a frame (PROTOCOL-HTTP2.md, Length-Prefixed-Message;
// PROTOCOL-WEB.md, "Trailers").
const (
	compressedFlag = 0x01
	trailersFlag   = 0x80
	frameHeader    = 5
)

// frames reads a stream of length-prefixed messages as it comes, in any pieces.
type frames struct {
	header [frameHeader]byte
	have   int    // bytes of header
	left   uint32 // bytes of the frame's body that are still to come
	// begin sees each header once it is whole, and may change its flags.
	begin func(header *[frameHeader]byte)
	// body returns what to hand on of a piece of a body.
	body func(piece []byte) []byte
}

// pass returns what to hand on of p.
func (f *frames) pass(p []byte) []byte {
	var out []byte
	for len(p) > 0 {
		if f.have < frameHeader {
			n := copy(f.header[f.have:], p)
			f.have, p = f.have+n, p[n:]
			if f.have < frameHeader {
				break
			}
			f.begin(&f.header)
			f.left = binary.BigEndian.Uint32(f.header[1:])
			out = append(out, f.header[:]...)
			if f.left == 0 {
				f.have = 0
			}
			continue
		}
		n := min(len(p), int(f.left))
		f.left -= uint32(n)
		out = append(out, f.body(p[:n])...)
		p = p[n:]
		if f.left == 0 {
			f.have = 0
		}
	}
	return out
}

// rest returns a header that has not come as a whole.
func (f *frames) rest() []byte {
	if f.have < frameHeader {
		return f.header[:f.have]
	}
	return nil
}

// lowerTrailers writes a gRPC-Web response: vanguard spells the names of trailers
// as HTTP/1.1 does, and the protocol demands lower case.
type lowerTrailers struct {
	http.ResponseWriter
	frames
	trailers bool // the frame is one of trailers
	name     bool // what comes next is still part of a name
}

func newLowerTrailers(w http.ResponseWriter) *lowerTrailers {
	l := &lowerTrailers{ResponseWriter: w}
	l.begin = func(h *[frameHeader]byte) { l.trailers, l.name = h[0] == trailersFlag, true }
	l.body = func(piece []byte) []byte {
		if l.trailers {
			piece = bytes.Clone(piece)
			l.lower(piece)
		}
		return piece
	}
	return l
}

// lower puts the names of fields in text into lower case.
func (l *lowerTrailers) lower(text []byte) {
	for i, c := range text {
		switch {
		case c == '\n':
			l.name = true
		case c == ':':
			l.name = false
		case l.name && 'A' <= c && c <= 'Z':
			text[i] = c + 'a' - 'A'
		}
	}
}

// Write is that of io.Writer.
func (l *lowerTrailers) Write(p []byte) (int, error) {
	if out := l.pass(p); len(out) > 0 {
		if _, err := l.ResponseWriter.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Unwrap is for http.ResponseController; Flush is that of http.Flusher, which
// vanguard looks for.
func (l *lowerTrailers) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// Flush is that of http.Flusher.
func (l *lowerTrailers) Flush() { _ = http.NewResponseController(l.ResponseWriter).Flush() }

// plainEmpty reads a gRPC request: vanguard marks a message without a byte as
// compressed where the client's protocol compresses the body as a whole, and
// grpc-go cannot decompress nothing.
type plainEmpty struct {
	from io.ReadCloser
	frames
	ready []byte
	err   error
}

func newPlainEmpty(from io.ReadCloser, encoded bool) *plainEmpty {
	p := &plainEmpty{from: from}
	p.begin = func(h *[frameHeader]byte) {
		if encoded && binary.BigEndian.Uint32(h[1:]) == 0 { // else the flag is a fault
			h[0] &^= compressedFlag
		}
	}
	p.body = func(piece []byte) []byte { return piece }
	return p
}

// Read is that of io.Reader.
func (p *plainEmpty) Read(buf []byte) (int, error) {
	for len(p.ready) == 0 && p.err == nil {
		var n int
		n, p.err = p.from.Read(buf)
		p.ready = p.pass(buf[:n])
		if p.err != nil {
			p.ready = append(p.ready, p.rest()...)
		}
	}
	n := copy(buf, p.ready)
	p.ready = p.ready[n:]
	if len(p.ready) == 0 {
		return n, p.err
	}
	return n, nil
}

// Close is that of io.Closer.
func (p *plainEmpty) Close() error { return p.from.Close() }
