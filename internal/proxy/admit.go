package proxy

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// admit decides about the bearer token and returns the context of the call to
// the upstream, with its metadata.
func (c *call) admit() (context.Context, error) {
	ctx := c.client.Context()
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	c.compression = compressionOf(ctx, md, c.method.Response != nil)
	if r := c.decide(ctx, md); r != nil && !c.passes(r) {
		return nil, r
	}
	if c.method.Bearer != nil && !c.options.ForwardAuthorization {
		delete(md, authorization)
	}
	withoutClaims(forwardable(md))
	if c.bearer != nil {
		for _, claim := range c.bearer.claims {
			md[claim.key] = []string{claim.value}
		}
	}
	return c.outgoing(ctx, md), nil
}

// decide decides about all that a call begins with. Without an error, and only
// then, c.rules decide about its messages.
func (c *call) decide(ctx context.Context, md metadata.MD) *refusal {
	values := md.Get("content-type")
	if len(values) > 0 { // the transport has made sure that it is one of gRPC
		c.subtype = strings.TrimLeft(strings.TrimPrefix(values[0], "application/grpc"), "+;")
	}
	if n, most := listSize("/"+c.method.Name, md), c.options.Limits.MetadataBytes; n > int(most) {
		return refuse(inCall, fault.New(fault.LimitExceeded, "metadata", "%d bytes; at most %d are read", n, most))
	}
	// Messages that must be looked at must be protobuf.
	if valid := c.subtype == "" || validKey(c.subtype); !valid || c.looks() && !c.isProtobuf() {
		if !valid {
			c.subtype = ""
		}
		return refuse(inRequest, fault.New(fault.MessageMalformed, "content-type", "it is not that of protobuf"))
	}
	if need := c.method.Bearer; need != nil {
		tokens := md.Get(authorization)
		a, err := c.state.admit(ctx, need, tokens)
		if err != nil {
			return refuse(inBearer, err).signedBy(func() *string { return bearerKeyID(tokens) })
		}
		c.bearer = a
	}
	if r := c.refuseOpaque(); r != nil {
		return r
	}
	rules, err := c.state.Verifier.Call(c.method, c.verified())
	if err != nil {
		return refuse(inBearer, err)
	}
	c.rules = rules
	return nil
}

func (c *call) isProtobuf() bool { return c.subtype == "" || c.subtype == "proto" }

// looks reports whether the method has messages that are read.
func (c *call) looks() bool { return c.method.Request != nil || c.method.Response != nil }

// passes reports whether a call goes on that r would end, because refusals are
// reported only: the first of a call in the log and to the observer. From then on
// the requests of the call pass as they are.
func (c *call) passes(r *refusal) bool {
	if !c.options.ReportOnly || r.stack != nil {
		return false
	}
	if c.reported.CompareAndSwap(false, true) {
		c.report(r)
	}
	return true
}

// reportedOnly reports whether the call would have been refused: what still comes
// passes as it is. A call without rules that is not reported only is a fault of the
// proxy, and ends there.
func (c *call) reportedOnly() bool { return c.rules == nil && c.options.ReportOnly }
