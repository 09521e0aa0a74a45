package jwtpolicy

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Call is one call of a method, from its start to its end. Packages grpcauth and
// connectauth create calls; other transports can do the same. Use Policy.Call when a call
// begins, Request for each request message before it is delivered, End after the last
// request, Response for each response before it is sent, and finally Close.
//
// Request and End must not be called concurrently. Response may run at the same time as
// either.
type Call struct {
	rules  enforce.Call
	policy *Policy
	once   sync.Once
	// requests counts the requests so far.
	requests int
}

type callKey struct{}

// Call begins a call of path, "/pkg.Service/Method" as the client spelled it.
// authorization holds all values of the call's authorization metadata. The error is an
// *Error; after an error there is no call to Close.
func (p *Policy) Call(ctx context.Context, path string, authorization ...string) (*Call, error) {
	c := &Call{policy: p}
	var report func(*enforce.Refusal)
	if p.o.ReportOnly {
		report = func(r *enforce.Refusal) { c.report(ctx, path, r) }
	}
	p.state.Load().Start(&c.rules, path, report)
	if p.o.Observer != nil {
		p.o.Observer.Begin(c.name())
	}
	if r := c.begin(ctx, authorization); r != nil {
		return nil, c.refuse(ctx, r)
	}
	return c, nil
}

// Unguarded reports whether calls of path can skip Call: the method is in the policy or
// in Options.Open, it requires nothing, and there is no Observer to count it. The
// transport must still remove metadata that a client sends under the keys of claims
// (IsClaimKey).
func (p *Policy) Unguarded(path string) bool {
	return p.o.Observer == nil && p.state.Load().Unguarded(path)
}

func (c *Call) begin(ctx context.Context, authorization []string) (r *enforce.Refusal) {
	defer recoverCrash(&r)
	if r = c.rules.CheckMethod(); r != nil {
		return r
	}
	if r = c.rules.Admit(ctx, authorization); r == nil {
		r = c.rules.Begin()
	}
	return c.rules.Enforce(r)
}

// recoverCrash turns a panic of the engine into the refusal of this call (S74).
func recoverCrash(r **enforce.Refusal) {
	if cause := recover(); cause != nil {
		*r = enforce.PanicRefusal(cause)
	}
}

// name returns the method's name, or "" if the policy does not have it.
func (c *Call) name() string {
	if !c.rules.IsKnown() {
		return ""
	}
	return c.rules.Method.Name
}

func (c *Call) report(ctx context.Context, path string, r *enforce.Refusal) {
	r.Log(ctx, c.policy.o.Log, "call would be refused", c.shown(), nil)
	if c.policy.o.Observer != nil {
		c.policy.o.Observer.WouldRefuse(c.name(), refused(r))
	}
}

// shown returns the method's name for the log.
func (c *Call) shown() string { return quote.Shorten(c.rules.Method.Name) }

// refuse logs r and ends the call with it.
func (c *Call) refuse(ctx context.Context, r *enforce.Refusal) error {
	if r == nil {
		return nil
	}
	r.Log(ctx, c.policy.o.Log, "call refused", c.shown(), nil)
	e := refused(r)
	c.end(e)
	return e
}

func (c *Call) end(e *Error) {
	if c.policy.o.Observer != nil {
		c.once.Do(func() { c.policy.o.Observer.End(c.name(), e) })
	}
}

// Close ends the call. It may be called more than once.
func (c *Call) Close() { c.end(nil) }

// Claims returns the claims of the call's bearer token. It returns false if the method
// requires none.
func (c *Call) Claims() (Claims, bool) {
	a := c.rules.Admission()
	if a == nil {
		return Claims{}, false
	}
	return Claims{a.Token}, true
}

// Context returns ctx with the claims of the call, which FromContext returns.
func (c *Call) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// Metadata yields the metadata with which jwtctl proxy passes claims to a service: keys
// such as "_kalix-jwt-claim-sub", in lower case, and their values. The value of a key
// that ends in "-bin" is raw bytes. The transport must first remove what a client sends
// under such keys, on every method: see IsClaimKey.
func (c *Call) Metadata(yield func(key, value string) bool) {
	a := c.rules.Admission()
	if a == nil {
		return
	}
	for i := range a.Claims {
		if !yield(a.Claims[i].Key, a.Claims[i].Value) {
			return
		}
	}
}

// RequiresBearer reports whether the method requires a bearer token. If so, the transport
// should not pass the authorization metadata on to the service.
func (c *Call) RequiresBearer() bool { return c.rules.Method.Bearer != nil }

// NewRequest returns a new request message if the method validates its requests, and nil
// otherwise. The message has its generated type if that is linked into the program.
func (c *Call) NewRequest() proto.Message {
	p := c.rules.Method.Request
	if p == nil {
		return nil
	}
	if t, err := protoregistry.GlobalTypes.FindMessageByName(p.Desc.FullName()); err == nil {
		return t.New().Interface()
	}
	return dynamicpb.NewMessage(p.Desc)
}

// OneRequest reports whether the method takes exactly one request message. Do not deliver
// that message before End returns.
func (c *Call) OneRequest() bool { return c.rules.Method.OneRequest() }

// Signs reports whether the method's responses are signed.
func (c *Call) Signs() bool { return c.rules.Method.Response != nil }

// IsClaimKey reports whether a service could read the metadata under key as a claim: in
// any case and spelling, key is one of those that Call.Metadata yields.
func IsClaimKey(key string) bool { return enforce.IsClaim(key) }

// Request checks the next request message, m, and fills in its EXTRACT and RAW fields if
// the method validates requests. m may be nil for a message beyond the one that the
// method takes. The error is an *Error and ends the call; m must then not be used.
func (c *Call) Request(ctx context.Context, m proto.Message) error {
	return c.refuse(ctx, c.request(ctx, m))
}

func (c *Call) request(ctx context.Context, m proto.Message) (r *enforce.Refusal) {
	defer recoverCrash(&r)
	c.requests++
	switch {
	case c.rules.Method.Request == nil:
		return c.rules.Request(ctx, nil)
	case m == nil && c.requests > 1 && c.OneRequest(): // one too many, whatever its content
		return c.rules.Request(ctx, nil)
	case m == nil:
		return c.rules.RefuseRequest(fault.New(fault.MessageMalformed, "request", "is not a protobuf message"), nil)
	case !c.policy.o.ReportOnly:
		return c.rules.Request(ctx, m)
	}
	checked := proto.Clone(m) // a message that fails is passed on unchanged
	if r = c.rules.Request(ctx, checked); r == nil && !c.rules.PassesThrough() {
		proto.Reset(m)
		proto.Merge(m, checked)
	}
	return r
}

// End checks a call after its last request: that it had as many requests as the method
// takes, and that its tokens have not expired. The error is an *Error.
func (c *Call) End(ctx context.Context) error { return c.refuse(ctx, c.rules.End()) }

// Response returns the message to send instead of m: a copy with tokens if the method
// signs responses, m itself otherwise. The error is an *Error and ends the call.
func (c *Call) Response(ctx context.Context, m proto.Message) (proto.Message, error) {
	if !c.Signs() {
		return m, nil
	}
	signed, r := c.sign(m)
	if r == nil {
		return signed, nil
	}
	if r = c.rules.Enforce(r); r != nil {
		return nil, c.refuse(ctx, r)
	}
	return m, nil
}

func (c *Call) sign(m proto.Message) (signed proto.Message, r *enforce.Refusal) {
	defer recoverCrash(&r)
	if m == nil {
		return nil, enforce.Refuse(enforce.InResponse, fault.New(fault.MessageMalformed, "response", "is not a protobuf message"))
	}
	signed = proto.Clone(m)
	return signed, c.rules.Response(signed)
}
