package policy

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Action is a JwtClaimInclude, by its number: how a field and a claim belong
// together. An unknown number stays as it is (S46).
type Action int32

// The actions (A42 to A47).
const (
	NoClaim Action = 0
	Include Action = 1
	Extract Action = 2
	Descend Action = 3
	Nest    Action = 4
	Raw     Action = 5
)

// Known reports whether the schema has a name for a.
func (a Action) Known() bool { return a >= NoClaim && a <= Raw }

func (a Action) String() string {
	names := [...]string{"UNSPECIFIED", "INCLUDE", "EXTRACT", "DESCEND", "NEST", "RAW"}
	if a.Known() {
		return names[a]
	}
	return strconv.Itoa(int(a))
}

// Message is a message type with its annotation and its annotated fields.
type Message struct {
	Desc protoreflect.MessageDescriptor
	At   descset.Position // of the declaration
	// Imported: its file was not named as input.
	Imported bool
	// BearerToken says that the bearer token is the token of this message
	// (validate_bearer_token, A40), and BearerTokenAt where that is written.
	BearerToken   bool
	BearerTokenAt descset.Position
	// Fields are the annotated ones, in the order of the file.
	Fields []*Field
}

// Field is an annotated field.
type Field struct {
	Desc   protoreflect.FieldDescriptor
	Parent *Message         // nil for an extension
	At     descset.Position // of the annotation
	Option string           // how it is spelled
	// Child is the message type of the field or of its elements; nil for other
	// types and for maps.
	Child *Message

	Claim   Action
	ClaimAt descset.Position
	Name    Text // the option, not the name that counts: ClaimName is that

	Token   bool
	TokenAt descset.Position
	// What follows means something on tokens only.
	Issuers               []Text
	BearerClaims          []Text // include_bearer_token_claim (A51)
	IncludeParentClaims   bool   // A52
	IncludeParentClaimsAt descset.Position
	ExpiresSeconds        int64 // A62
	ExpiresSecondsAt      descset.Position
	StaticClaims          []StaticClaim
}

// ClaimName returns the claim's name: the option, or else the field's name as
// the .proto file has it (A48).
func (f *Field) ClaimName() string {
	if f.Name.Value != "" {
		return f.Name.Value
	}
	return string(f.Desc.Name())
}

// IsClaim reports whether the field's value is a claim, or makes claims.
func (f *Field) IsClaim() bool { return f.Claim != NoClaim }

// HoldsToken reports whether the field is the place of a token itself (A40).
func (f *Field) HoldsToken() bool {
	k := f.Desc.Kind()
	return f.Token && !f.Desc.IsList() && !f.Desc.IsMap() && (k == protoreflect.StringKind || k == protoreflect.BytesKind)
}

// NestsTokens reports whether the field holds a message, or several, with tokens
// of their own (A49).
func (f *Field) NestsTokens() bool { return f.Token && f.Child != nil }

// Walks reports whether the claims of the field are those of its message's own
// fields (A45, A46).
func (f *Field) Walks() bool { return f.Child != nil && (f.Claim == Descend || f.Claim == Nest) }

// TokenField returns the field that holds the message's token: the first, should
// there be several; nil if none does.
func (m *Message) TokenField() *Field {
	for _, f := range m.Fields {
		if f.HoldsToken() {
			return f
		}
	}
	return nil
}

// HasTokens reports whether there is a token to check in m: the bearer token, one
// of its own, or one in a message that it nests.
func (m *Message) HasTokens() bool {
	return m.BearerToken || slices.ContainsFunc(m.Fields, func(f *Field) bool { return f.HoldsToken() || f.NestsTokens() })
}
