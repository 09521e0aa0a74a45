// Package plan compiles a policy into what sign, verify and the proxy need for each
// message: fields are resolved, names and issuers determined, environment variables
// expanded, patterns compiled. All of them use the same plan, so they cannot differ, and
// no annotation is read again for each message.
//
// The package fails closed: it refuses to compile a policy for which lint reports an
// error (A101). A Plan is immutable and safe for concurrent use.
package plan

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// Plan is a compiled policy.
type Plan struct {
	set      *descset.Set
	methods  map[string]*Method
	messages map[protoreflect.FullName]*Message
}

// Method is what a call of a method requires, and what happens to its response.
type Method struct {
	Name string // "pkg.Service/Method"
	Desc protoreflect.MethodDescriptor
	// Bearer is nil if no bearer token is required.
	Bearer *Bearer
	// Request is nil if the request is not validated, Response if the response
	// is not signed (A12).
	Request, Response *Message
}

// OneRequest reports whether a call has exactly one request message. It is false for
// client streams, and for methods that are forwarded without a descriptor.
func (m *Method) OneRequest() bool { return m.Desc != nil && !m.Desc.IsStreamingClient() }

// OneResponse is like OneRequest, for the response.
func (m *Method) OneResponse() bool { return m.Desc != nil && !m.Desc.IsStreamingServer() }

// Bearer holds the requirements for a bearer token besides a valid signature.
type Bearer struct {
	Issuers      []string      // A32; empty means any
	StaticClaims []StaticClaim // A33
}

// Message is what to check and sign in messages of one type.
type Message struct {
	Desc protoreflect.MessageDescriptor
	// UsesBearer is set if the bearer token is the message's token (A40).
	UsesBearer bool
	// Token is the token in a field of the message, or nil.
	Token *Token
	// Claims are the fields with claims, in the order of the file.
	Claims []Claim
	// Nested are the fields whose messages have their own tokens (A49).
	Nested []Nested
	// MayFill is set if validation may write into the message: it has an EXTRACT or RAW
	// field, or a DESCEND or NEST field whose message has one.
	MayFill bool
}

// Tokenless reports whether there is no token to check or sign.
func (m *Message) Tokenless() bool { return !m.UsesBearer && m.Token == nil && len(m.Nested) == 0 }

// Token is a token in a string or bytes field.
type Token struct {
	Field        protoreflect.FieldDescriptor
	Issuers      []string // A50
	ParentClaims bool     // A52
	BearerClaims []string // A51
	StaticClaims []StaticClaim
	// AnnotationClaims are the claims that signing sets whatever the fields hold, in order (A61).
	AnnotationClaims []AnnotationClaim
}

// AnnotationClaim is a policy.AnnotationClaim with its variables expanded.
type AnnotationClaim struct {
	Claim string
	// FromBearer, Strings, or Lifetime in seconds, as in policy.AnnotationClaim. Default applies
	// only if nothing else sets the claim.
	FromBearer bool
	Strings    []string
	Lifetime   int64
	Default    bool
}

// Claim is a field and its claim.
type Claim struct {
	Field  protoreflect.FieldDescriptor
	Action policy.Action
	Name   string // A48
	// Message is the plan of a DESCEND or NEST field's message.
	Message *Message
}

// Nested is a field of messages with their own tokens.
type Nested struct {
	Field   protoreflect.FieldDescriptor
	Message *Message
}

// Each calls fn with each message of m in the field, and its index, NoIndex where the
// field is not a list. It returns the first error.
func (n Nested) Each(m protoreflect.Message, fn func(inner protoreflect.Message, index int) error) error {
	if !m.Has(n.Field) {
		return nil
	}
	if !n.Field.IsList() {
		return fn(m.Mutable(n.Field).Message(), NoIndex)
	}
	list := m.Mutable(n.Field).List()
	for i := range list.Len() {
		if err := fn(list.Get(i).Message(), i); err != nil {
			return err
		}
	}
	return nil
}

// StaticClaim is a static claim: values that must all be present, or a pattern (A70, A71).
type StaticClaim struct {
	Claim   string
	Values  []string
	Pattern *regexp.Regexp // nil if there are values; matches the whole text
}

// Valid returns nil if p may be enforced (A101). The error is a policy_invalid for each
// error that lint finds, joined.
func Valid(p *policy.Policy) error {
	var faults []error
	for _, f := range lint.Errors(p) {
		e := fault.New(fault.PolicyInvalid, f.Pos.String(), "%s (%s)", f.Message, f.Rule)
		if f.Hint != "" {
			e = e.WithHint("%s", f.Hint)
		}
		faults = append(faults, e)
	}
	return errors.Join(faults...)
}

// Compile compiles p. env looks up environment variables (A72).
//
// Errors are those of Valid, or config_invalid for each text with an unset variable, or
// that expands to an empty text; all are joined.
func Compile(p *policy.Policy, env func(string) (string, bool)) (*Plan, error) {
	if err := Valid(p); err != nil {
		return nil, err
	}
	c := compiler{
		plan: &Plan{set: p.Set(), methods: map[string]*Method{}, messages: map[protoreflect.FullName]*Message{}},
		env:  env,
	}
	for _, m := range p.Messages {
		c.message(m)
	}
	for _, s := range p.Services {
		for _, m := range s.Methods {
			c.method(m)
		}
	}
	if len(c.faults) > 0 {
		return nil, errors.Join(c.faults...)
	}
	c.propagateFills()
	return c.plan, nil
}

// Set returns the descriptors from which the plan was made.
func (p *Plan) Set() *descset.Set { return p.set }

// Method returns the plan of the method called "pkg.Service/Method", in exactly this
// spelling (S60). An unknown name is a usage error.
func (p *Plan) Method(name string) (*Method, error) {
	if m := p.methods[name]; m != nil {
		return m, nil
	}
	if err := p.refuseService("method", name, "method"); err != nil {
		return nil, err
	}
	return nil, unknown("method", "method", name, p.methods)
}

// Message returns the plan of the message with this full name. An unknown name is a usage
// error.
func (p *Plan) Message(name string) (*Message, error) {
	if m := p.messages[protoreflect.FullName(name)]; m != nil {
		return m, nil
	}
	if p.methods[name] != nil {
		return nil, fault.New(fault.UsageError, "type", "%q is a method, not a message", name)
	}
	if err := p.refuseService("type", name, "message"); err != nil {
		return nil, err
	}
	return nil, unknown("message", "type", name, p.messages)
}

// refuseService returns a usage error if name, given for another kind, names a service.
func (p *Plan) refuseService(flag, name, kind string) error {
	var of []string
	for full := range p.methods {
		if strings.HasPrefix(full, name+"/") {
			of = append(of, full)
		}
	}
	if len(of) == 0 {
		return nil
	}
	slices.Sort(of)
	return fault.New(fault.UsageError, flag, "%q is a service, not a %s", name, kind).WithHint("its methods are %s", strings.Join(of[:min(len(of), 8)], ", "))
}

// AddOwnClaims adds to names the top-level claims of a token that the fields of m set. m is a
// message of p's type. Empty fields set none, nor does a NEST message that sets none
// itself; RAW entries are not included.
func (p *Message) AddOwnClaims(m protoreflect.Message, names map[string]bool) {
	for i := range p.Claims {
		c := &p.Claims[i]
		switch {
		case c.Action == policy.Raw || !m.Has(c.Field):
		case c.Action == policy.Descend:
			c.Message.AddOwnClaims(m.Get(c.Field).Message(), names)
		case c.Action == policy.Nest && !c.Field.IsList():
			within := map[string]bool{}
			if c.Message.AddOwnClaims(m.Get(c.Field).Message(), within); len(within) > 0 {
				names[c.Name] = true
			}
		default:
			names[c.Name] = true
		}
	}
}

// AddFilledClaims adds to names the top-level claims from which EXTRACT fields of m are
// filled (A44-A46): those of empty fields, and of NEST fields that contain one. m is nil
// for a message that is not set.
func (p *Message) AddFilledClaims(m protoreflect.Message, names map[string]bool) {
	for i := range p.Claims {
		c := &p.Claims[i]
		switch c.Action {
		case policy.Extract:
			if m == nil || !m.Has(c.Field) {
				names[c.Name] = true
			}
		case policy.Descend:
			for _, child := range children(m, c.Field) {
				c.Message.AddFilledClaims(child, names)
			}
		case policy.Nest:
			within := map[string]bool{}
			for _, child := range children(m, c.Field) {
				c.Message.AddFilledClaims(child, within)
			}
			if len(within) > 0 {
				names[c.Name] = true
			}
		}
	}
}

// children returns the messages in m's field fd; nil stands for a message that is not
// set.
func children(m protoreflect.Message, fd protoreflect.FieldDescriptor) []protoreflect.Message {
	if m == nil || !m.Has(fd) {
		return []protoreflect.Message{nil}
	}
	if !fd.IsList() {
		return []protoreflect.Message{m.Get(fd).Message()}
	}
	list := m.Get(fd).List()
	all := make([]protoreflect.Message, list.Len())
	for i := range all {
		all[i] = list.Get(i).Message()
	}
	return all
}

// AddClaims adds to names the claims that the token's annotation sets when it is signed,
// whatever the fields hold (A61, A62).
func (t *Token) AddClaims(names map[string]bool) {
	for _, d := range t.AnnotationClaims {
		if !d.Default {
			names[d.Claim] = true
		}
	}
}
