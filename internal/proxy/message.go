package proxy

import (
	"context"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// request decides about the request in f and returns it as it goes upstream:
// where it is validated, with its EXTRACT and RAW fields filled in. What the
// upstream reads is then what was checked, in the one spelling that we give it.
func (c *call) request(ctx context.Context, f *frame) (*frame, error) {
	if c.method.Request == nil {
		if err := c.rules.Request(ctx, nil); err != nil {
			f.free()
			return nil, c.refuseRequest(err, nil)
		}
		return f, nil
	}
	m, err := c.decode(f, c.method.Request)
	if err == nil {
		err = c.rules.Request(ctx, m)
	}
	if err != nil {
		return nil, c.refuseRequest(err, m)
	}
	return encode(inRequest, m)
}

// refuseRequest returns the refusal for what the rules of the call say of m, nil
// for no error. m is nil where the error is about no single message.
func (c *call) refuseRequest(err error, m *dynamicpb.Message) error {
	switch {
	case err == nil:
		return nil
	case gravest(err).What == verify.BearerPath && c.bearer != nil:
		return refuse(inBearer, err).signedBy(c.bearer.token.Header.KeyID)
	case m == nil:
		return refuse(inRequest, err)
	}
	return refuse(inRequest, err).signedBy(messageKeyID(c.method.Request, m))
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
