package proxy

import (
	"context"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// validate returns the request in f as it goes upstream: with its EXTRACT and
// RAW fields filled in. What the upstream reads is always what was checked, in
// the one spelling that we give it, and fields that the descriptors do not know.
func (c *call) validate(ctx context.Context, f *frame) (*frame, error) {
	m, err := c.decode(f, c.method.Request)
	if err == nil {
		_, err = c.state.Verifier.Message(ctx, c.method.Request, m, c.verified())
	}
	if err != nil {
		return nil, refuse(inRequest, err).signedBy(messageKeyID(c.method.Request, m))
	}
	return encode(inRequest, m)
}

// sign returns the response in f with its tokens.
func (c *call) sign(f *frame) (*frame, error) {
	m, err := c.decode(f, c.method.Response)
	if err == nil {
		_, err = c.state.Signer.Message(c.method.Response, m, c.verified())
	}
	if err != nil {
		return nil, refuse(inResponse, err)
	}
	return encode(inResponse, m)
}

// verified is the bearer token of the call, nil for none.
func (c *call) verified() *jws.Verified {
	if c.bearer == nil {
		return nil
	}
	return c.bearer.token
}

// decode takes f's message out of it.
func (c *call) decode(f *frame, p *plan.Message) (*dynamicpb.Message, error) {
	defer f.free()
	m := dynamicpb.NewMessage(p.Desc)
	return m, c.state.codec.Decode(f.data.Materialize(), m)
}

func encode(at place, m *dynamicpb.Message) (*frame, error) {
	wire, err := proto.Marshal(m)
	if err != nil {
		return nil, refuse(at, fault.New(fault.Internal, string(m.Descriptor().FullName()), "it cannot be encoded"))
	}
	return &frame{mem.BufferSlice{mem.SliceBuffer(wire)}}, nil
}
