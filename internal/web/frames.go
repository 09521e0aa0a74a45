package web

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
)

// The flags of a frame (PROTOCOL-HTTP2.md, Length-Prefixed-Message; PROTOCOL-WEB.md,
// "Trailers").
const (
	compressedFlag = 0x01
	trailersFlag   = 0x80
	frameHeader    = 5
)

// frames parses a stream of length-prefixed messages that arrives in any pieces.
type frames struct {
	header [frameHeader]byte
	have   int    // bytes of the header so far
	left   uint32 // bytes of the frame's body still to come
	// begin is called with each complete header, and may change its flags.
	begin func(header *[frameHeader]byte)
	// body returns what to pass on for a piece of a body.
	body func(piece []byte) []byte
}

// pass returns what to pass on for p.
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

// rest returns an incomplete header.
func (f *frames) rest() []byte {
	if f.have < frameHeader {
		return f.header[:f.have]
	}
	return nil
}

// lowerTrailers writes a gRPC-Web response: vanguard spells the names of trailers as in
// HTTP/1.1, but the protocol requires lower case.
type lowerTrailers struct {
	http.ResponseWriter
	frames
	trailers bool // the frame has trailers
	name     bool // the next byte is part of a name
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

// lower converts the names of fields in text to lower case.
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

// Write implements io.Writer.
func (l *lowerTrailers) Write(p []byte) (int, error) {
	if out := l.pass(p); len(out) > 0 {
		if _, err := l.ResponseWriter.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Unwrap is for http.ResponseController.
func (l *lowerTrailers) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// Flush implements http.Flusher, which vanguard looks for.
func (l *lowerTrailers) Flush() { _ = http.NewResponseController(l.ResponseWriter).Flush() }

// plainEmpty reads a gRPC request, and corrects what vanguard 0.4.0 makes of an empty
// message: it marks one as compressed if the client's protocol compresses the whole body,
// and grpc-go cannot decompress nothing; and it returns io.EOF with one, wherever it is in
// a stream.
type plainEmpty struct {
	from io.ReadCloser
	frames
	ready []byte
	err   error
}

func newPlainEmpty(from io.ReadCloser, encoded bool) *plainEmpty {
	p := &plainEmpty{from: from}
	p.begin = func(h *[frameHeader]byte) {
		if encoded && binary.BigEndian.Uint32(h[1:]) == 0 { // otherwise the flag is an error
			h[0] &^= compressedFlag
		}
	}
	p.body = func(piece []byte) []byte { return piece }
	return p
}

// Read implements io.Reader.
func (p *plainEmpty) Read(buf []byte) (int, error) {
	for len(p.ready) == 0 && p.err == nil {
		var n int
		n, p.err = p.from.Read(buf)
		if n > 0 && p.err == io.EOF { // at the end of all messages, the next Read returns it again
			p.err = nil
		}
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

// Close implements io.Closer.
func (p *plainEmpty) Close() error { return p.from.Close() }
