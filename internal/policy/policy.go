// Package policy is the typed model of the jwt annotations of a descriptor
// set: what each service, method, message and field requires, and where it says
// so. Read is the one place that turns annotations into meaning; lint, explain
// and plan read the model and never an option.
//
// The model holds what is written, faults included: an enum number without a
// name, a token on a map. To judge that is for lint; plan runs nothing that lint
// refuses (A101). It imports descset and fault.
package policy

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Policy is what all annotations of a set say. It does not change, and is safe
// for concurrent use.
type Policy struct {
	// Services are those of the files that were named, sorted by file and
	// then as the file has them.
	Services []*Service
	// Messages are those of the files that were named, in that order, then
	// the imported ones that a method or an annotated field leads to.
	Messages []*Message
	// Extensions are the annotated extension fields of the files that were
	// named. No walk of a message reaches them.
	Extensions []*Field
	// Twice are the elements with an annotation in both spellings (A111). What the
	// model has of them is the vendor's.
	Twice []Twice

	set      *descset.Set
	messages map[protoreflect.FullName]*Message
	methods  map[string]*Method
}

// Set returns the descriptors that p was read from.
func (p *Policy) Set() *descset.Set { return p.set }

// Message returns the message with this full name; nil if it is not in
// p.Messages.
func (p *Policy) Message(name protoreflect.FullName) *Message { return p.messages[name] }

// Method returns the method that "pkg.Service/Method" names, in exactly this
// spelling (S60); nil if there is none.
func (p *Policy) Method(name string) *Method { return p.methods[name] }

// Twice is an element with an annotation in both spellings.
type Twice struct {
	Desc protoreflect.Descriptor
	// Option and Other are the spellings; OtherAt is the place of the second.
	Option, Other string
	OtherAt       descset.Position
}

// MethodOption returns how an annotation of method would be spelled in its file.
func MethodOption(method protoreflect.MethodDescriptor) string {
	for imported := range descset.Each(method.ParentFile().Imports()) {
		if imported.Path() == descset.JwtctlFile {
			return "(jwtctl.v1.method)"
		}
	}
	return "(kalix.method).jwt"
}

// Text is one text of an annotation. Value is "" where there is none, and At
// then the place of the annotation.
type Text struct {
	Value string
	At    descset.Position
}

// Mode is a JwtMethodMode or JwtServiceMode, by its number: what to validate or
// sign (A12). An unknown number stays as it is (S46).
type Mode int32

// The modes.
const (
	ModeUnspecified Mode = 0
	ModeBearerToken Mode = 1
	ModeMessage     Mode = 2
)

// Known reports whether the schema has a name for m. A service does not
// have ModeMessage: see OnService of the Rules.
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

// ModeAt is one mode and its place.
type ModeAt struct {
	Mode Mode
	At   descset.Position
}

// Rules is the annotation of one method or service.
type Rules struct {
	// Option is how the annotation is spelled: (kalix.method).jwt.
	Option         string
	At             descset.Position
	OnService      bool
	Validate, Sign []ModeAt
	// Issuers and StaticClaims are what the bearer token must have (A13).
	Issuers      []Text
	StaticClaims []StaticClaim
}

// ValidatesBearer reports whether the request needs a bearer token (A12). No Rules
// validate nothing.
func (r *Rules) ValidatesBearer() bool { return r != nil && has(r.Validate, ModeBearerToken) }

// ValidatesMessage reports whether the request message is validated (A12).
func (r *Rules) ValidatesMessage() bool { return r != nil && has(r.Validate, ModeMessage) }

// SignsMessage reports whether the response message is signed (A12).
func (r *Rules) SignsMessage() bool { return r != nil && has(r.Sign, ModeMessage) }

func has(list []ModeAt, mode Mode) bool {
	return slices.ContainsFunc(list, func(m ModeAt) bool { return m.Mode == mode })
}

// Where returns the place of the first of list that is mode, or else that of
// the annotation.
func (r *Rules) Where(list []ModeAt, mode Mode) descset.Position {
	for _, m := range list {
		if m.Mode == mode {
			return m.At
		}
	}
	return r.At
}

// Service is a service and its own annotation.
type Service struct {
	Desc    protoreflect.ServiceDescriptor
	At      descset.Position // of the declaration
	Own     *Rules           // nil if it has none
	Methods []*Method
}

// Method is a method, its own annotation, and the messages it takes and gives.
type Method struct {
	Desc          protoreflect.MethodDescriptor
	Service       *Service
	At            descset.Position // of the declaration
	Own           *Rules           // nil if it has none
	Input, Output *Message
}

// Name returns "pkg.Service/Method".
func (m *Method) Name() string {
	return string(m.Service.Desc.FullName()) + "/" + string(m.Desc.Name())
}

// Effective returns the rules that count for m: its own replace its service's
// as a whole (A10). Nil means that nothing guards m.
func (m *Method) Effective() *Rules {
	if m.Own != nil {
		return m.Own
	}
	return m.Service.Own
}

// Guarded reports whether m validates anything.
func (m *Method) Guarded() bool {
	r := m.Effective()
	return r.ValidatesBearer() || r.ValidatesMessage()
}
