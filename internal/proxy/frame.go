package proxy

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is a message as it is on the wire, after decompression. It holds one
// reference to its bytes: whoever sends it gives that away, and whoever does
// not must free it.
type frame struct{ data mem.BufferSlice }

func (f *frame) free() {
	if f != nil {
		f.data.Free()
		f.data = nil
	}
}

// codec passes frames as they are. What else the server speaks, which is health,
// is protobuf as ever. It has no name, so that content types stay the client's.
type codec struct{}

func (codec) Name() string { return "" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		data := f.data
		f.data = nil
		return data, nil
	}
	return encoding.GetCodecV2(proto.Name).Marshal(v)
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*frame); ok {
		data.Ref()
		f.data = data
		return nil
	}
	return encoding.GetCodecV2(proto.Name).Unmarshal(data, v)
}
