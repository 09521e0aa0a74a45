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

// Call is one call on its way through a transport, which asks in this order: Known,
// Admit, Begin; then Request about each request message before it is delivered, and
// End when the client has sent all of them; and Response about each response message
// before it is sent. What is refused ends the call.
//
// Request and End are for one goroutine at a time, as are Response and what is before
// Begin; Request and Response may run at once.
type Call struct {
	// Method is never nil; of an unknown one it requires nothing.
	Method *plan.Method

	state  *State // for all of the call, whatever comes in force meanwhile
	known  bool
	bearer *Admission // nil where none is required
	// rules decide about the requests of the call as a whole, from Begin on and until the
	// call only passes.
	rules  verify.Call
	decide bool
	// report is called with the first refusal of a call that passes all the same; nil
	// where refusals end calls.
	report   func(*Refusal)
	reported atomic.Bool
}

// Call begins a call of path, as the client spelled it: it is the only name there is
// (S60). report, unless nil, makes refusals reported only: it is called with the first
// one of the call, whose requests pass from then on as they are.
func (s *State) Call(path string, report func(*Refusal)) *Call {
	c := new(Call)
	s.Start(c, path, report)
	return c
}

// Start is Call for memory that the caller has.
func (s *State) Start(c *Call, path string, report func(*Refusal)) {
	c.state, c.report = s, report
	if c.Method, c.known = s.methods[path]; !c.known {
		c.Method = &plan.Method{Name: strings.TrimPrefix(path, "/")}
	}
}

// Known refuses a method that the policy does not have.
func (c *Call) Known() *Refusal {
	if c.known {
		return nil
	}
	return c.ends(Refuse(InCall, fault.New(fault.MethodUnknown, "", "the descriptors have no method of this path")))
}

// Codec reads the messages of the call from outside.
func (c *Call) Codec() *message.Codec { return c.state.codec }

// IsKnown reports whether the policy has the method.
func (c *Call) IsKnown() bool { return c.known }

// Admit decides about the bearer token in authorization, the values of the metadata of
// that name, if the method requires one (A30-A33).
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

// Begin makes the rules for the messages of the call, whose bearer token has passed.
func (c *Call) Begin() *Refusal {
	rules, err := c.state.Verifier.Call(c.Method, c.verified())
	if err != nil {
		return Refuse(InBearer, err)
	}
	c.rules, c.decide = rules, true
	return nil
}

// Ends returns r if it ends the call, and nil if refusals are reported only: the first
// of a call is then reported. A crash always ends it.
func (c *Call) Ends(r *Refusal) *Refusal { return c.ends(r) }

func (c *Call) ends(r *Refusal) *Refusal {
	if r == nil || c.report == nil || r.Stack != nil {
		return r
	}
	if c.reported.CompareAndSwap(false, true) {
		c.report(r)
	}
	return nil
}

// Passing reports whether the call would have been refused: what still comes passes as
// it is. A call without rules that is not reported only is a fault of the transport,
// and ends there.
func (c *Call) Passing() bool { return !c.decide && c.report != nil }

// Admission is what the bearer token says; nil where none was required.
func (c *Call) Admission() *Admission { return c.bearer }

// verified is the bearer token of the call, nil for none.
func (c *Call) verified() *jws.Verified {
	if c.bearer == nil {
		return nil
	}
	return c.bearer.Token
}

// Looks reports whether the method has messages that are read.
func (c *Call) Looks() bool { return c.Method.Request != nil || c.Method.Response != nil }

// Request decides about the next request (A37, S63, S88). m is looked at where the
// method validates it, and is then filled in; nil will do elsewhere, and for one request
// too many. It must be of the method's type.
func (c *Call) Request(ctx context.Context, m proto.Message) *Refusal {
	if c.Passing() {
		return nil
	}
	p := c.Method.Request
	if p == nil || m == nil {
		return c.AboutRequest(c.rules.Request(ctx, nil), nil)
	}
	return c.AboutRequest(c.state.as(p, m, func(m protoreflect.Message) error { return c.rules.Request(ctx, m) }), m)
}

// End decides about a call whose requests have all come.
func (c *Call) End() *Refusal {
	if c.Passing() {
		return nil
	}
	return c.AboutRequest(c.rules.End(), nil)
}

// AboutRequest returns the refusal for err, which the rules of the call, or a reader of
// messages, gave for m; nil for no error and for one that is reported only. m is nil
// where the error is about no single message.
func (c *Call) AboutRequest(err error, m proto.Message) *Refusal {
	if err == nil {
		return nil
	}
	r := Refuse(InRequest, err)
	switch {
	case gravest(err).What == verify.BearerPath && c.bearer != nil:
		r = Refuse(InBearer, err).signedBy(func() *string { return c.bearer.Token.Header.KeyID })
	case m != nil && c.Method.Request != nil && m.ProtoReflect().Descriptor() == c.Method.Request.Desc:
		r = r.signedBy(func() *string { return messageKeyID(c.Method.Request, m.ProtoReflect()) })
	}
	if r = c.ends(r); r == nil {
		c.decide = false
	}
	return r
}

// Response signs m, the next response, where the method signs (A60). It must be of the
// method's type. The refusal that it returns may be reported only, see Ends: m is of no
// use then.
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

// as lets do work on m as a message of p's descriptor: on m itself, or on a message of
// the same name and bytes where its descriptor is another, as of generated code under a
// policy that was read from files.
func (s *State) as(p *plan.Message, m proto.Message, do func(protoreflect.Message) error) error {
	r := m.ProtoReflect()
	if r.Descriptor() == p.Desc {
		return do(r)
	}
	if r.Descriptor().FullName() != p.Desc.FullName() {
		return fault.New(fault.MessageMalformed, string(p.Desc.FullName()), "it is of another type: %s", r.Descriptor().FullName())
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		return fault.New(fault.MessageMalformed, string(p.Desc.FullName()), "it cannot be encoded")
	}
	same := dynamicpb.NewMessage(p.Desc)
	if err := s.codec.Decode(wire, same); err != nil {
		return err
	}
	if err := do(same); err != nil {
		return err
	}
	if wire, err = proto.Marshal(same); err == nil {
		err = proto.Unmarshal(wire, m)
	}
	if err != nil {
		return fault.New(fault.Internal, string(p.Desc.FullName()), "it cannot be encoded")
	}
	return nil
}

// VerifyMessage decides about m outside of a call, by the annotations of its type, and
// fills it in. bearer is nil for none. The error is that of verify.Verifier.Message, and
// method_unknown for a type that the policy lacks.
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

// SignMessage signs m outside of a call. The error is that of sign.Signer.Message, and
// that of VerifyMessage for a type that the policy lacks.
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
		return nil, fault.New(fault.MessageMalformed, "message", "it is nil")
	}
	name := m.ProtoReflect().Descriptor().FullName()
	p, err := s.Plan.Message(string(name))
	if err != nil {
		return nil, fault.New(fault.MethodUnknown, string(name), "the descriptors have no message of this name")
	}
	return p, nil
}
