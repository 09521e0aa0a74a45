package proxy

import (
	"bytes"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is a message as on the wire, after decompression unless it is opaque. It holds a
// reference to its bytes, which the sender passes on; any other holder must free it.
type frame struct {
	data mem.BufferSlice
	// opaque is set if data is compressed in an encoding that is unknown here.
	opaque bool
}

func (f *frame) free() {
	if f != nil {
		f.data.Free()
		f.data = nil
	}
}

// codec passes frames unchanged. Other messages of the server, of health checks, are
// encoded as protobuf. It has no name, so that content types remain the client's.
type codec struct{}

func (codec) Name() string { return "" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		data := f.data
		f.data = nil
		if f.opaque {
			data = append(mem.BufferSlice{mem.SliceBuffer(opaqueMark())}, data...)
		}
		return data, nil
	}
	return encoding.GetCodecV2(proto.Name).Marshal(v)
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*frame); ok {
		if f.opaque = hasOpaqueMark(data); f.opaque {
			whole := data.Materialize()
			data = mem.BufferSlice{mem.SliceBuffer(whole[:len(whole)-len(opaqueMark())])}
		}
		data.Ref()
		f.data = data
		return nil
	}
	return encoding.GetCodecV2(proto.Name).Unmarshal(data, v)
}

// hasOpaqueMark reports whether data ends in mark.
func hasOpaqueMark(data mem.BufferSlice) bool {
	rest := opaqueMark()
	for i := len(data) - 1; i >= 0 && len(rest) > 0; i-- {
		part := data[i].ReadOnlyData()
		n := min(len(part), len(rest))
		if !bytes.Equal(part[len(part)-n:], rest[len(rest)-n:]) {
			return false
		}
		rest = rest[:len(rest)-n]
	}
	return len(rest) == 0
}
