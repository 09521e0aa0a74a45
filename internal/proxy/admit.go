package proxy

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// admit checks the bearer token and returns the context of the call to the upstream, with
// its metadata.
func (c *call) admit() (context.Context, error) {
	ctx := c.client.Context()
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	c.compression = c.compressionOf(ctx, md, c.method.Response != nil)
	if r := c.rules.Enforce(c.decide(ctx, md)); r != nil {
		return nil, refused(r)
	}
	if c.method.Bearer != nil && !c.options.ForwardAuthorization {
		delete(md, authorization)
	}
	withoutClaims(forwardable(md))
	if a := c.rules.Admission(); a != nil {
		for _, claim := range a.Claims {
			md[claim.Key] = []string{claim.Value}
		}
	}
	return c.outgoing(ctx, md), nil
}

// decide checks everything that a call begins with, except its messages.
func (c *call) decide(ctx context.Context, md metadata.MD) *enforce.Refusal {
	values := md.Get("content-type")
	if len(values) > 0 { // the transport has checked that it is one of gRPC
		c.subtype = strings.TrimLeft(strings.TrimPrefix(values[0], "application/grpc"), "+;")
	}
	if n, limit := listSize(c.method.Name, md), c.options.Limits.MetadataBytes; n > int(limit) {
		return refuse(enforce.InCall, fault.New(fault.LimitExceeded, "metadata", "%d bytes, more than the limit of %d", n, limit))
	}
	// Messages to be checked must be protobuf.
	if valid := c.subtype == "" || enforce.ValidKey(c.subtype); !valid || c.rules.UsesMessages() && !c.isProtobuf() {
		if !valid {
			c.subtype = ""
		}
		return refuse(enforce.InRequest, fault.New(fault.MessageMalformed, "content-type", "must be application/grpc or application/grpc+proto"))
	}
	if r := c.rules.Admit(ctx, md.Get(authorization)); r != nil {
		return r
	}
	if r := c.refuseOpaque(); r != nil {
		return r
	}
	return c.rules.Begin()
}

func (c *call) isProtobuf() bool { return c.subtype == "" || c.subtype == "proto" }

// reporter returns what is called if refusals are only reported, and nil if they end
// calls.
func (c *call) reporter() func(*enforce.Refusal) {
	if c.options.ReportOnly {
		return c.report
	}
	return nil
}
