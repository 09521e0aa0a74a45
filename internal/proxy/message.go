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
	if c.reportedOnly() {
		return f, nil
	}
	var m *dynamicpb.Message
	var err error
	if c.method.Request != nil {
		if m, err = c.decode(f, c.method.Request); err == nil {
			err = c.rules.Request(ctx, m)
		}
	} else {
		err = c.rules.Request(ctx, nil)
	}
	if err = c.refuseRequest(err, m); err != nil {
		f.free()
		return nil, err
	}
	if c.method.Request == nil || c.reportedOnly() {
		return f, nil
	}
	f.free()
	return encode(inRequest, m)
}

// refuseRequest returns the refusal for err, which the rules of the call gave for m, nil
// for no error and for one that is reported only. m is nil where the error is about
// no single message.
func (c *call) refuseRequest(err error, m *dynamicpb.Message) error {
	if err == nil {
		return nil
	}
	r := refuse(inRequest, err)
	switch {
	case gravest(err).What == verify.BearerPath && c.bearer != nil:
		r = refuse(inBearer, err).signedBy(func() *string { return c.bearer.token.Header.KeyID })
	case m != nil:
		r = r.signedBy(func() *string { return messageKeyID(c.method.Request, m) })
	}
	if c.passes(r) {
		c.rules = nil
		return nil
	}
	return r
}

// sign returns the response in f with its tokens.
func (c *call) sign(f *frame) (*frame, error) {
	m, err := c.decode(f, c.method.Response)
	if err == nil {
		_, err = c.state.Signer.Message(c.method.Response, m, c.verified())
	}
	if err != nil {
		r := refuse(inResponse, err)
		if c.passes(r) {
			return f, nil
		}
		f.free()
		return nil, r
	}
	f.free()
	return encode(inResponse, m)
}

// verified is the bearer token of the call, nil for none.
func (c *call) verified() *jws.Verified {
	if c.bearer == nil {
		return nil
	}
	return c.bearer.token
}

// decode returns the message in f, which keeps its bytes.
func (c *call) decode(f *frame, p *plan.Message) (*dynamicpb.Message, error) {
	m := dynamicpb.NewMessage(p.Desc)
	return m, c.state.codec.Decode(f.data.Materialize(), m)
}

func encode(at place, m *dynamicpb.Message) (*frame, error) {
	wire, err := proto.Marshal(m)
	if err != nil {
		return nil, refuse(at, fault.New(fault.Internal, string(m.Descriptor().FullName()), "it cannot be encoded"))
	}
	return &frame{data: mem.BufferSlice{mem.SliceBuffer(wire)}}, nil
}
