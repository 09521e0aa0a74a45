// Package policy is the typed model of the JWT annotations in a descriptor set: what each
// service, method, message and field requires, with positions. Only Read interprets
// annotations; lint, explain and plan use the model, never an option.
//
// The model holds what is written, including mistakes such as an enum number without a
// name, or a token on a map. Lint reports them, and plan refuses to compile what lint
// refuses (A101).
package policy

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Policy holds all annotations of a descriptor set. It is immutable and safe for
// concurrent use.
type Policy struct {
	// Services are those of the input files, sorted by file and then in the order of the
	// file.
	Services []*Service
	// Messages are those of the input files, in that order, then imported ones that a
	// method or an annotated field leads to.
	Messages []*Message
	// Extensions are the annotated extension fields of the input files. Walking a message
	// does not reach them.
	Extensions []*Field
	// DualAnnotations are the elements annotated in both spellings (A111). The model has the
	// vendor's annotation.
	DualAnnotations []DualAnnotation

	set      *descset.Set
	messages map[protoreflect.FullName]*Message
	methods  map[string]*Method
}

// Set returns the descriptors from which p was read.
func (p *Policy) Set() *descset.Set { return p.set }

// Message returns the message with this full name, or nil if it is not in p.Messages.
func (p *Policy) Message(name protoreflect.FullName) *Message { return p.messages[name] }

// Method returns the method called "pkg.Service/Method", in exactly this spelling (S60),
// or nil.
func (p *Policy) Method(name string) *Method { return p.methods[name] }

// DualAnnotation is an element annotated in both spellings.
type DualAnnotation struct {
	Desc protoreflect.Descriptor
	// Option and Other are the spellings; OtherPos is the position of the second.
	Option, Other string
	OtherPos      descset.Position
}

// MethodOption returns the spelling of an annotation of method in its file.
func MethodOption(method protoreflect.MethodDescriptor) string {
	for imported := range descset.Each(method.ParentFile().Imports()) {
		if imported.Path() == descset.JwtctlFile {
			return "(jwtctl.v1.method)"
		}
	}
	return "(kalix.method).jwt"
}

// Text is a text in an annotation. If it is missing, Value is "" and Pos the position of
// the annotation.
type Text struct {
	Value string
	Pos   descset.Position
}

// Mode is a JwtMethodMode or JwtServiceMode by its number: what to validate or sign
// (A12). Unknown numbers are kept (S46).
type Mode int32

// The modes.
const (
	ModeUnspecified Mode = 0
	ModeBearerToken Mode = 1
	ModeMessage     Mode = 2
)

// Known reports whether m has a name in the schema. ModeMessage does not exist for
// services: see OnService of Rules.
func (m Mode) Known() bool { return m >= ModeUnspecified && m <= ModeMessage }

func (m Mode) String() string {
	switch m {
	case ModeUnspecified:
		return "UNSPECIFIED"
	case ModeBearerToken:
		return "BEARER_TOKEN"
	case ModeMessage:
		return "MESSAGE"
	}
	return strconv.Itoa(int(m))
}

// ModeValue is a mode and its position.
type ModeValue struct {
	Mode Mode
	Pos  descset.Position
}

// Rules is the annotation of a method or service.
type Rules struct {
	// Option is the spelling of the annotation: (kalix.method).jwt.
	Option         string
	Pos            descset.Position
	OnService      bool
	Validate, Sign []ModeValue
	// Issuers and StaticClaims are requirements for the bearer token (A13).
	Issuers      []Text
	StaticClaims []StaticClaim
}

// OnMethod returns the annotation of a method in the spelling of r (A111).
func (r *Rules) OnMethod() string { return strings.Replace(r.Option, ".service)", ".method)", 1) }

// ValidatesBearer reports whether the request needs a bearer token (A12). nil Rules
// validate nothing.
func (r *Rules) ValidatesBearer() bool { return r != nil && has(r.Validate, ModeBearerToken) }

// ValidatesMessage reports whether the request message is validated (A12).
func (r *Rules) ValidatesMessage() bool { return r != nil && has(r.Validate, ModeMessage) }

// SignsMessage reports whether the response message is signed (A12).
func (r *Rules) SignsMessage() bool { return r != nil && has(r.Sign, ModeMessage) }

func has(list []ModeValue, mode Mode) bool {
	return slices.ContainsFunc(list, func(m ModeValue) bool { return m.Mode == mode })
}

// ModePos returns the position of the first mode in list, or else that of the annotation.
func (r *Rules) ModePos(list []ModeValue, mode Mode) descset.Position {
	for _, m := range list {
		if m.Mode == mode {
			return m.Pos
		}
	}
	return r.Pos
}

// Service is a service and its annotation.
type Service struct {
	Desc     protoreflect.ServiceDescriptor
	Pos      descset.Position // of the declaration
	OwnRules *Rules           // nil if it has none
	Methods  []*Method
}

// Method is a method, its own annotation, and its request and response messages.
type Method struct {
	Desc          protoreflect.MethodDescriptor
	Service       *Service
	Pos           descset.Position // of the declaration
	OwnRules      *Rules           // nil if it has none
	Input, Output *Message
}

// Name returns "pkg.Service/Method".
func (m *Method) Name() string {
	return string(m.Service.Desc.FullName()) + "/" + string(m.Desc.Name())
}

// EffectiveRules returns the rules that apply to m: its own annotation replaces its service's
// as a whole (A10). nil means that m is unprotected.
func (m *Method) EffectiveRules() *Rules {
	if m.OwnRules != nil {
		return m.OwnRules
	}
	return m.Service.OwnRules
}

// Guarded reports whether m validates anything.
func (m *Method) Guarded() bool {
	r := m.EffectiveRules()
	return r.ValidatesBearer() || r.ValidatesMessage()
}
