package enforce

import (
	"context"
	"strings"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// Call is one call on its way through a transport. The transport calls CheckMethod, Admit and
// Begin, in this order; then Request for each request message before it is delivered, End
// when the client has sent all of them, and Response for each response message before it
// is sent. A refusal ends the call.
//
// Request and End must not run concurrently, nor must Response and the methods up to
// Begin. Request and Response may run at the same time.
type Call struct {
	// Method is never nil. For an unknown method it requires nothing.
	Method *plan.Method

	state  *State // the same for the whole call, even after a reload
	known  bool
	bearer *Admission // nil if none is required
	// rules check the requests of the call as a whole, from Begin until the call is only
	// passed through.
	rules  verify.Call
	decide bool
	// report is called with the first refusal of a call that continues regardless; nil if
	// refusals end calls.
	report   func(*Refusal)
	reported atomic.Bool
}

// Call begins a call of path as the client spelled it; no other name is used (S60). If
// report is not nil, refusals do not end the call: report is called with the first one,
// and later requests pass unchanged.
func (s *State) Call(path string, report func(*Refusal)) *Call {
	c := new(Call)
	s.Start(c, path, report)
	return c
}

// Start is Call for memory provided by the caller.
func (s *State) Start(c *Call, path string, report func(*Refusal)) {
	c.state, c.report = s, report
	if c.Method, c.known = s.methods[path]; !c.known {
		c.Method = &plan.Method{Name: strings.TrimPrefix(path, "/")}
	}
}

// CheckMethod refuses a method that is not in the policy.
func (c *Call) CheckMethod() *Refusal {
	if c.known {
		return nil
	}
	return c.Enforce(Refuse(InCall, fault.New(fault.MethodUnknown, "", "the descriptors have no method with this path")))
}

// Codec returns the codec for messages of the call from the network.
func (c *Call) Codec() *message.Codec { return c.state.codec }

// IsKnown reports whether the method is in the policy.
func (c *Call) IsKnown() bool { return c.known }

// Admit checks the bearer token in authorization, the values of that metadata key, if the
// method requires one (A30-A33).
func (c *Call) Admit(ctx context.Context, authorization []string) *Refusal {
	need := c.Method.Bearer
	if need == nil {
		return nil
	}
	a, err := c.state.admit(ctx, need, authorization)
	if err != nil {
		return Refuse(InBearer, err).signedBy(func() *string { return bearerKeyID(authorization) })
	}
	c.bearer = a
	return nil
}

// Begin prepares the checks of the call's messages. The bearer token must have been
// accepted.
func (c *Call) Begin() *Refusal {
	rules, err := c.state.Verifier.Call(c.Method, c.verified())
	if err != nil {
		return Refuse(InBearer, err)
	}
	c.rules, c.decide = rules, true
	return nil
}

// Enforce returns r if it ends the call. If refusals are only reported, it reports the first
// one of the call and returns nil. A crash always ends the call.
func (c *Call) Enforce(r *Refusal) *Refusal {
	if r == nil || c.report == nil || r.Stack != nil {
		return r
	}
	if c.reported.CompareAndSwap(false, true) {
		c.report(r)
	}
	return nil
}

// PassesThrough reports whether the call would have been refused and is only passed through
// from now on. A call that has no rules, although refusals end calls, is a bug in the
// transport and does not pass.
func (c *Call) PassesThrough() bool { return !c.decide && c.report != nil }

// Admission returns the accepted bearer token, or nil if none was required.
func (c *Call) Admission() *Admission { return c.bearer }

// verified returns the bearer token of the call, or nil.
func (c *Call) verified() *jws.Verified {
	if c.bearer == nil {
		return nil
	}
	return c.bearer.Token
}

// UsesMessages reports whether the method has messages to check or sign.
func (c *Call) UsesMessages() bool { return c.Method.Request != nil || c.Method.Response != nil }

// Request checks the next request (A37, S63, S88). If the method validates m, it also
// fills it in; otherwise m may be nil, as it may for a request beyond the permitted one.
// m must be of the method's type.
func (c *Call) Request(ctx context.Context, m proto.Message) *Refusal {
	if c.PassesThrough() {
		return nil
	}
	p := c.Method.Request
	if p == nil || m == nil {
		return c.RefuseRequest(c.rules.Request(ctx, nil), nil)
	}
	return c.RefuseRequest(c.state.as(p, m, func(m protoreflect.Message) error { return c.rules.Request(ctx, m) }), m)
}

// End checks a call after its last request.
func (c *Call) End() *Refusal {
	if c.PassesThrough() {
		return nil
	}
	return c.RefuseRequest(c.rules.End(), nil)
}

// RefuseRequest returns the refusal for err, an error of the rules or of parsing the
// request m. It returns nil for a nil error, and for a refusal that is only reported. m
// is nil if the error is not about a particular message.
func (c *Call) RefuseRequest(err error, m proto.Message) *Refusal {
	if err == nil {
		return nil
	}
	r := Refuse(InRequest, err)
	switch {
	case mostSevere(err).What == verify.BearerPath && c.bearer != nil:
		r = Refuse(InBearer, err).signedBy(func() *string { return c.bearer.Token.Header.KeyID })
	case m != nil && c.Method.Request != nil && m.ProtoReflect().Descriptor() == c.Method.Request.Desc:
		r = r.signedBy(func() *string { return messageKeyID(c.Method.Request, m.ProtoReflect()) })
	}
	if r = c.Enforce(r); r == nil {
		c.decide = false
	}
	return r
}

// Response signs m, the next response, if the method signs (A60). m must be of the
// method's type. The refusal may be one that is only reported, see Enforce; m must not be
// used then.
func (c *Call) Response(m proto.Message) *Refusal {
	p := c.Method.Response
	if p == nil {
		return nil
	}
	err := c.state.as(p, m, func(m protoreflect.Message) error {
		_, err := c.state.Signer.Message(p, m, c.verified())
		return err
	})
	if err != nil {
		return Refuse(InResponse, err)
	}
	return nil
}

// as calls fn with m as a message of p's descriptor: m itself, or a converted copy if m
// has another descriptor of the same name, such as that of generated code under a policy
// from files.
func (s *State) as(p *plan.Message, m proto.Message, fn func(protoreflect.Message) error) error {
	r := m.ProtoReflect()
	if r.Descriptor() == p.Desc {
		return fn(r)
	}
	if r.Descriptor().FullName() != p.Desc.FullName() {
		return fault.New(fault.MessageMalformed, string(p.Desc.FullName()), "has another type: %s", r.Descriptor().FullName())
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		return fault.New(fault.MessageMalformed, string(p.Desc.FullName()), "cannot be encoded")
	}
	same := dynamicpb.NewMessage(p.Desc)
	if err := s.codec.Decode(wire, same); err != nil {
		return err
	}
	if err := fn(same); err != nil {
		return err
	}
	if wire, err = proto.Marshal(same); err == nil {
		err = proto.Unmarshal(wire, m)
	}
	if err != nil {
		return fault.New(fault.Internal, string(p.Desc.FullName()), "cannot be encoded")
	}
	return nil
}

// VerifyMessage checks m outside of a call against the annotations of its type, and fills
// it in. bearer may be nil. Errors are those of verify.Verifier.Message, and
// method_unknown for a type that is not in the policy.
func (s *State) VerifyMessage(ctx context.Context, m proto.Message, bearer *jws.Verified) error {
	p, err := s.message(m)
	if err != nil {
		return err
	}
	return s.as(p, m, func(m protoreflect.Message) error {
		_, err := s.Verifier.Message(ctx, p, m, bearer)
		return err
	})
}

// SignMessage signs m outside of a call. Errors are those of sign.Signer.Message, and
// method_unknown for a type that is not in the policy.
func (s *State) SignMessage(m proto.Message, bearer *jws.Verified) error {
	p, err := s.message(m)
	if err != nil {
		return err
	}
	return s.as(p, m, func(m protoreflect.Message) error {
		_, err := s.Signer.Message(p, m, bearer)
		return err
	})
}

func (s *State) message(m proto.Message) (*plan.Message, error) {
	if m == nil || !m.ProtoReflect().IsValid() {
		return nil, fault.New(fault.MessageMalformed, "message", "is nil")
	}
	name := m.ProtoReflect().Descriptor().FullName()
	p, err := s.Plan.Message(string(name))
	if err != nil {
		return nil, fault.New(fault.MethodUnknown, string(name), "the descriptors have no message with this name")
	}
	return p, nil
}
