package proxy

import (
	"context"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// request checks the request in f and returns it as it goes upstream: if it is validated,
// with its EXTRACT and RAW fields filled in, and encoded again, so that the upstream
// reads exactly what was checked.
func (c *call) request(ctx context.Context, f *frame) (*frame, error) {
	if c.rules.PassesThrough() {
		return f, nil
	}
	if c.method.Request == nil {
		if r := c.rules.Request(ctx, nil); r != nil {
			f.free()
			return nil, refused(r)
		}
		return f, nil
	}
	m, err := c.decode(f, c.method.Request)
	r := c.rules.RefuseRequest(err, m)
	if err == nil {
		r = c.rules.Request(ctx, m)
	}
	switch {
	case r != nil:
		f.free()
		return nil, refused(r)
	case c.rules.PassesThrough():
		return f, nil
	}
	f.free()
	return encode(enforce.InRequest, m)
}

// sign returns the response in f with its tokens.
func (c *call) sign(f *frame) (*frame, error) {
	m, err := c.decode(f, c.method.Response)
	var r *enforce.Refusal
	if err != nil {
		r = refuse(enforce.InResponse, err)
	} else {
		r = c.rules.Response(m)
	}
	if r != nil {
		if r = c.rules.Enforce(r); r == nil {
			return f, nil
		}
		f.free()
		return nil, refused(r)
	}
	f.free()
	return encode(enforce.InResponse, m)
}

// decode returns the message in f, which keeps its bytes.
func (c *call) decode(f *frame, p *plan.Message) (*dynamicpb.Message, error) {
	m := dynamicpb.NewMessage(p.Desc)
	return m, c.rules.Codec().Decode(f.data.Materialize(), m)
}

func encode(at enforce.Place, m *dynamicpb.Message) (*frame, error) {
	wire, err := proto.Marshal(m)
	if err != nil {
		return nil, refused(refuse(at, fault.New(fault.Internal, string(m.Descriptor().FullName()), "cannot be encoded")))
	}
	return &frame{data: mem.BufferSlice{mem.SliceBuffer(wire)}}, nil
}
