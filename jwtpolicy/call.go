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

// Call is one call of a method while it is served. Packages grpcauth and connectauth
// make it; other transports can as they do: Policy.Call when a call begins, Request for
// each request message before it is delivered and End when all have come, Response for
// each response message before it is sent, and Close in the end.
//
// Request and End are for one goroutine at a time; Response may run at the same time.
type Call struct {
	rules  enforce.Call
	policy *Policy
	once   sync.Once
	// requests have come so far.
	requests int
}

type callKey struct{}

// Call begins a call of path, "/pkg.Service/Method" as the client spelled it, with the
// values of its metadata authorization. The error is an *Error; after one there is no
// call, and nothing to Close.
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

// Unguarded reports whether calls of path may do without Call: the policy or Options.Open
// has the method, nothing is required of it, and no Observer counts calls. Of such a call
// too, what the client says under keys of claims must be removed (IsClaimKey).
func (p *Policy) Unguarded(path string) bool {
	return p.o.Observer == nil && p.state.Load().Unguarded(path)
}

func (c *Call) begin(ctx context.Context, authorization []string) (r *enforce.Refusal) {
	defer crashes(&r)
	if r = c.rules.Known(); r != nil {
		return r
	}
	if r = c.rules.Admit(ctx, authorization); r == nil {
		r = c.rules.Begin()
	}
	return c.rules.Ends(r)
}

// crashes makes a panic of the engine the refusal of this one call (S74).
func crashes(r **enforce.Refusal) {
	if cause := recover(); cause != nil {
		*r = enforce.Crashed(cause)
	}
}

// name is that of the method, "" for one that the policy lacks.
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

// shown is what the log calls the method.
func (c *Call) shown() string { return quote.Shorten(c.rules.Method.Name) }

// refuse logs r, and ends the call with it.
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

// Close ends the call, however it went.
func (c *Call) Close() { c.end(nil) }

// Claims returns those of the call's bearer token; false where its method requires none.
func (c *Call) Claims() (Claims, bool) {
	a := c.rules.Admission()
	if a == nil {
		return Claims{}, false
	}
	return Claims{a.Token}, true
}

// Context returns ctx with the claims of the call, for FromContext.
func (c *Call) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// Metadata yields what jwtctl proxy tells a service about the claims: keys such as
// "_kalix-jwt-claim-sub", in lower case, and their values. A key that ends in "-bin" has
// bytes as its value. What a client sends under such keys must be removed first, on every
// method: see IsClaimKey.
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

// RequiresBearer reports whether the method requires a bearer token; authorization is
// then no business of the service.
func (c *Call) RequiresBearer() bool { return c.rules.Method.Bearer != nil }

// NewRequest returns a new request message where the method validates its requests, of
// generated code if that is linked in; nil elsewhere.
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

// OneRequest reports whether the method takes exactly one request message. That one may
// be delivered only after End.
func (c *Call) OneRequest() bool { return c.rules.Method.OneRequest() }

// Signs reports whether the method's responses are signed.
func (c *Call) Signs() bool { return c.rules.Method.Response != nil }

// IsClaimKey reports whether a service could read key as one of those of Call.Metadata,
// in whatever case and spelling.
func IsClaimKey(key string) bool { return enforce.IsClaim(key) }

// Request decides about the next request message, m, and fills in its EXTRACT and RAW
// fields where the method validates it. The error is an *Error and ends the call; m must
// then not be used. For one request more than the method takes, nil will do.
func (c *Call) Request(ctx context.Context, m proto.Message) error {
	return c.refuse(ctx, c.request(ctx, m))
}

func (c *Call) request(ctx context.Context, m proto.Message) (r *enforce.Refusal) {
	defer crashes(&r)
	c.requests++
	switch {
	case c.rules.Method.Request == nil:
		return c.rules.Request(ctx, nil)
	case m == nil && c.requests > 1 && c.OneRequest(): // one too many, whatever it holds
		return c.rules.Request(ctx, nil)
	case m == nil:
		return c.rules.AboutRequest(fault.New(fault.MessageMalformed, "request", "it is not a message of protobuf"), nil)
	case !c.policy.o.ReportOnly:
		return c.rules.Request(ctx, m)
	}
	checked := proto.Clone(m) // if it does not pass, it goes on as it came
	if r = c.rules.Request(ctx, checked); r == nil && !c.rules.Passing() {
		proto.Reset(m)
		proto.Merge(m, checked)
	}
	return r
}

// End decides about a call whose requests have all come: whether there were as many as
// the method takes, and whether tokens still count. The error is an *Error.
func (c *Call) End(ctx context.Context) error { return c.refuse(ctx, c.rules.End()) }

// Response returns m as it is sent: itself, or a copy with its tokens where the method
// signs. The error is an *Error and ends the call.
func (c *Call) Response(ctx context.Context, m proto.Message) (proto.Message, error) {
	if !c.Signs() {
		return m, nil
	}
	signed, r := c.sign(m)
	if r == nil {
		return signed, nil
	}
	if r = c.rules.Ends(r); r != nil {
		return nil, c.refuse(ctx, r)
	}
	return m, nil
}

func (c *Call) sign(m proto.Message) (signed proto.Message, r *enforce.Refusal) {
	defer crashes(&r)
	if m == nil {
		return nil, enforce.Refuse(enforce.InResponse, fault.New(fault.MessageMalformed, "response", "it is not a message of protobuf"))
	}
	signed = proto.Clone(m)
	return signed, c.rules.Response(signed)
}
