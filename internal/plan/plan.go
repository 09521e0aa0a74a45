// Package plan compiles a policy into what sign, verify and the proxy walk for
// every message: fields resolved, names and issuers settled, environment
// variables filled in, patterns compiled. One plan serves them all, so they
// cannot drift, and nothing of an annotation is looked at again per message.
//
// It fails closed: a policy with a fault that lint calls an error is not a plan
// (A101). A Plan never changes and is safe for concurrent use.
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

// Method is what a call of one method must pass, and what its answer gets.
type Method struct {
	Name string // "pkg.Service/Method"
	Desc protoreflect.MethodDescriptor
	// Bearer is nil if no bearer token is required.
	Bearer *Bearer
	// Request is nil if the request is not validated, Response if the response
	// is not signed (A12).
	Request, Response *Message
}

// OneRequest reports whether a call has exactly one request message: it is false
// for a client stream, and for a method that is forwarded without a descriptor.
func (m *Method) OneRequest() bool { return m.Desc != nil && !m.Desc.IsStreamingClient() }

// OneResponse is OneRequest for the response.
func (m *Method) OneResponse() bool { return m.Desc != nil && !m.Desc.IsStreamingServer() }

// Bearer is what a bearer token must have besides a good signature.
type Bearer struct {
	Issuers []string // A32; none: any
	Static  []Static // A33
}

// Message is what is checked and made in a message of one type.
type Message struct {
	Desc protoreflect.MessageDescriptor
	// UsesBearer says that the bearer token is the message's token (A40).
	UsesBearer bool
	// Token is the token in a field of the message; nil if there is none.
	Token *Token
	// Claims are the fields that are claims or make claims, in the order of the
	// file.
	Claims []Claim
	// Nested are the fields whose messages have tokens of their own (A49).
	Nested []Nested
	// Fills says that validation may write into the message: it has an EXTRACT or
	// RAW field, or a DESCEND or NEST field whose message has.
	Fills bool
}

// Tokenless reports whether there is no token to check or make.
func (m *Message) Tokenless() bool { return !m.UsesBearer && m.Token == nil && len(m.Nested) == 0 }

// Token is a token in a string or bytes field.
type Token struct {
	Field        protoreflect.FieldDescriptor
	Issuers      []string // A50
	ParentClaims bool     // A52
	BearerClaims []string // A51
	Static       []Static
	// Decided are the claims that signing sets whatever the fields say, in the
	// order in which it sets them (A61).
	Decided []Decision
}

// Decision is a policy.Decision with its variables filled in.
type Decision struct {
	Claim string
	// FromBearer, Strings or Lifetime in seconds, as in policy.Decision; Default
	// counts only if nothing else makes the claim.
	FromBearer bool
	Strings    []string
	Lifetime   int64
	Default    bool
}

// Claim is a field and the claim it belongs to.
type Claim struct {
	Field  protoreflect.FieldDescriptor
	Action policy.Action
	Name   string // A48
	// Message is that of a DESCEND or NEST field.
	Message *Message
}

// Nested is a field of messages with tokens.
type Nested struct {
	Field   protoreflect.FieldDescriptor
	Message *Message
}

// Static is a static claim: values that must all be there, or a pattern (A70,
// A71).
type Static struct {
	Claim   string
	Values  []string
	Pattern *regexp.Regexp // nil if there are values; it matches whole texts
}

// Valid reports whether p may run at all (A101). The error is policy_invalid for
// each error that lint finds, all of them joined.
func Valid(p *policy.Policy) error {
	var faults []error
	for _, f := range lint.Errors(p) {
		e := fault.New(fault.PolicyInvalid, f.At.String(), "%s (%s)", f.Message, f.Rule)
		if f.Hint != "" {
			e = e.WithHint("%s", f.Hint)
		}
		faults = append(faults, e)
	}
	return errors.Join(faults...)
}

// Compile makes the plan of p. env looks environment variables up (A72).
//
// Errors, all of them joined: those of Valid, or else config_invalid for each
// text whose variable is not set or that is empty then.
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
	c.settleFills()
	return c.plan, nil
}

// Set returns the descriptors that the plan was made of.
func (p *Plan) Set() *descset.Set { return p.set }

// Method returns the plan of the method that "pkg.Service/Method" names, in
// exactly this spelling (S60). An unknown name is a usage error.
func (p *Plan) Method(name string) (*Method, error) {
	if m := p.methods[name]; m != nil {
		return m, nil
	}
	if err := p.isService("method", name, "method"); err != nil {
		return nil, err
	}
	return nil, unknown("method", "method", name, p.methods)
}

// Message returns the plan of the message with this full name. A name that is
// none is a usage error.
func (p *Plan) Message(name string) (*Message, error) {
	if m := p.messages[protoreflect.FullName(name)]; m != nil {
		return m, nil
	}
	if p.methods[name] != nil {
		return nil, fault.New(fault.UsageError, "type", "%q is a method, not a message", name)
	}
	if err := p.isService("type", name, "message"); err != nil {
		return nil, err
	}
	return nil, unknown("message", "type", name, p.messages)
}

// isService says so where name, given for a kind, is a service's.
func (p *Plan) isService(flag, name, kind string) error {
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

// OwnNames adds to names the claims at the top of a token that the fields of m
// make, m being a message of the type p is for: what is empty makes none, nor
// does a NEST message that makes none itself, and RAW entries are not counted.
func (p *Message) OwnNames(m protoreflect.Message, names map[string]bool) {
	for i := range p.Claims {
		c := &p.Claims[i]
		switch {
		case c.Action == policy.Raw || !m.Has(c.Field):
		case c.Action == policy.Descend:
			c.Message.OwnNames(m.Get(c.Field).Message(), names)
		case c.Action == policy.Nest && !c.Field.IsList():
			within := map[string]bool{}
			if c.Message.OwnNames(m.Get(c.Field).Message(), within); len(within) > 0 {
				names[c.Name] = true
			}
		default:
			names[c.Name] = true
		}
	}
}

// FilledNames adds to names the claims at the top of a token that EXTRACT fields
// of m, nil for a message that is not set, are filled from (A44-A46): those that
// are empty, and the NEST fields around such.
func (p *Message) FilledNames(m protoreflect.Message, names map[string]bool) {
	for i := range p.Claims {
		c := &p.Claims[i]
		switch c.Action {
		case policy.Extract:
			if m == nil || !m.Has(c.Field) {
				names[c.Name] = true
			}
		case policy.Descend:
			for _, child := range children(m, c.Field) {
				c.Message.FilledNames(child, names)
			}
		case policy.Nest:
			within := map[string]bool{}
			for _, child := range children(m, c.Field) {
				c.Message.FilledNames(child, within)
			}
			if len(within) > 0 {
				names[c.Name] = true
			}
		}
	}
}

// children returns the messages of m's field fd; nil for one that is not set.
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

// Names adds to names the claims that the annotation of the token itself makes
// when it is signed, whatever the fields say (A61, A62).
func (t *Token) Names(names map[string]bool) {
	for _, d := range t.Decided {
		if !d.Default {
			names[d.Claim] = true
		}
	}
}
