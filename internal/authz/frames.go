package authz

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/jwtctl/jwtctl/internal/compress"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// frameHeader is the size of the prefix of a gRPC message: a compression flag and the
// length (PROTOCOL-HTTP2.md, Length-Prefixed-Message).
const frameHeader = 5

// frame is a message as received.
type frame struct {
	data   []byte // without the prefix
	packed bool   // compressed
}

// wire appends f with its prefix to to.
func (f frame) wire(to []byte) []byte {
	var flag byte
	if f.packed {
		flag = 1
	}
	to = binary.BigEndian.AppendUint32(append(to, flag), uint32(len(f.data)))
	return append(to, f.data...)
}

// deframer extracts messages from a body that arrives in any pieces.
type deframer struct {
	rest     []byte
	maxBytes int // maximum bytes of a message
}

func (d *deframer) add(body []byte) {
	if len(d.rest) == 0 {
		d.rest = body[:len(body):len(body)] // limited: the bytes after it belong to others
		return
	}
	d.rest = append(d.rest, body...)
}

// next returns the next message, or false if it is incomplete. Refusals are those of
// grpc-go.
func (d *deframer) next() (f frame, ok bool, refusal *enforce.Refusal) {
	if len(d.rest) < frameHeader {
		return f, false, nil
	}
	flag, size := d.rest[0], binary.BigEndian.Uint32(d.rest[1:])
	if int64(size) > int64(d.maxBytes) {
		return f, false, invalidFraming(fault.LimitExceeded, fault.GRPCResourceExhausted, "grpc: received message larger than max (%d vs. %d)", size, d.maxBytes)
	}
	if int64(len(d.rest)-frameHeader) < int64(size) {
		return f, false, nil
	}
	if flag > 1 {
		return f, false, invalidFraming(fault.MessageMalformed, fault.GRPCInternal, "grpc: received unexpected payload format %d", flag)
	}
	end := frameHeader + int(size)
	f = frame{d.rest[frameHeader:end:end], flag == 1}
	d.rest = d.rest[end:]
	return f, true, nil
}

// end refuses a body that ends within a message.
func (d *deframer) end() *enforce.Refusal {
	if len(d.rest) == 0 {
		return nil
	}
	return invalidFraming(fault.MessageMalformed, fault.GRPCInternal, "%v", io.ErrUnexpectedEOF)
}

// unpacked returns the bytes of f, decompressed with encoding.
func (f frame) unpacked(encoding string, limit int) ([]byte, *enforce.Refusal) {
	if !f.packed {
		return f.data, nil
	}
	if encoding == "" || encoding == identity {
		return nil, invalidFraming(fault.MessageMalformed, fault.GRPCInternal, "grpc: compressed flag set with identity or empty encoding")
	}
	c := compress.Find(encoding)
	if c == nil {
		return nil, enforce.Refuse(enforce.InRequest, fault.New(fault.EncodingUnknown, "grpc-encoding", "unknown compression, but the messages must be read"))
	}
	r, err := c.Decompress(bytes.NewReader(f.data))
	if err != nil {
		return nil, invalidFraming(fault.MessageMalformed, fault.GRPCInternal, "grpc: failed to decompress the message: %v", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if closer, ok := r.(io.Closer); ok {
		_ = closer.Close()
	}
	switch {
	case err != nil:
		return nil, invalidFraming(fault.MessageMalformed, fault.GRPCInternal, "grpc: failed to read decompressed data: %v", err)
	case len(data) > limit:
		return nil, invalidFraming(fault.LimitExceeded, fault.GRPCResourceExhausted, "grpc: received message after decompression larger than max %d", limit)
	}
	return data, nil
}

const identity = "identity"

// packed returns a frame of data, compressed with encoding if as is true.
func packed(data []byte, encoding string, as bool) (frame, *enforce.Refusal) {
	if !as {
		return frame{data: data}, nil
	}
	var out bytes.Buffer
	w, err := compress.Find(encoding).Compress(&out)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return frame{}, enforce.Refuse(enforce.InCall, fault.New(fault.Internal, "message", "cannot be compressed: %w", err))
	}
	return frame{out.Bytes(), true}, nil
}

// invalidFraming returns the refusal of invalid gRPC framing, with the status and text of
// grpc-go, which parses frames for jwtctl proxy.
func invalidFraming(reason fault.Code, status fault.GRPC, format string, args ...any) *enforce.Refusal {
	f := fault.New(reason, "message", format, args...)
	return &enforce.Refusal{Fault: f, Status: status, Text: f.Reason}
}
