package policy

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Action is a JwtClaimInclude by its number: how a field and its claim are related.
// Unknown numbers are kept (S46).
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

// Known reports whether a has a name in the schema.
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
	Pos  descset.Position // of the declaration
	// Imported is set if its file was not named as input.
	Imported bool
	// BearerToken is set if the bearer token is the token of this message
	// (validate_bearer_token, A40); BearerTokenPos is the position of that option.
	BearerToken    bool
	BearerTokenPos descset.Position
	// Fields are the annotated fields, in the order of the file.
	Fields []*Field
}

// Field is an annotated field.
type Field struct {
	Desc   protoreflect.FieldDescriptor
	Parent *Message         // nil for an extension
	Pos    descset.Position // of the annotation
	Option string           // the option's spelling
	// Child is the message type of the field or its elements; nil for other types and for
	// maps.
	Child *Message

	Claim    Action
	ClaimPos descset.Position
	Name     Text // the option; use ClaimName for the claim's name

	Token    bool
	TokenPos descset.Position
	// The following only apply to tokens.
	Issuers                []Text
	BearerClaims           []Text // include_bearer_token_claim (A51)
	IncludeParentClaims    bool   // A52
	IncludeParentClaimsPos descset.Position
	ExpiresSeconds         int64 // A62
	ExpiresSecondsPos      descset.Position
	StaticClaims           []StaticClaim
}

// ClaimName returns the claim's name: the option, or else the field's name in the .proto
// file (A48).
func (f *Field) ClaimName() string {
	if f.Name.Value != "" {
		return f.Name.Value
	}
	return string(f.Desc.Name())
}

// IsClaim reports whether the field is a claim, or sets claims.
func (f *Field) IsClaim() bool { return f.Claim != NoClaim }

// HoldsToken reports whether the field itself holds a token (A40).
func (f *Field) HoldsToken() bool {
	k := f.Desc.Kind()
	return f.Token && !f.Desc.IsList() && !f.Desc.IsMap() && (k == protoreflect.StringKind || k == protoreflect.BytesKind)
}

// NestsTokens reports whether the field holds messages that have their own tokens (A49).
func (f *Field) NestsTokens() bool { return f.Token && f.Child != nil }

// Recurses reports whether the field's claims are those of the fields of its message (A45,
// A46).
func (f *Field) Recurses() bool { return f.Child != nil && (f.Claim == Descend || f.Claim == Nest) }

// TokenField returns the field that holds the message's token, the first if there are
// several, or nil.
func (m *Message) TokenField() *Field {
	for _, f := range m.Fields {
		if f.HoldsToken() {
			return f
		}
	}
	return nil
}

// HasTokens reports whether there is a token to check in m: the bearer token, its own
// token, or one in a nested message.
func (m *Message) HasTokens() bool {
	return m.BearerToken || slices.ContainsFunc(m.Fields, func(f *Field) bool { return f.HoldsToken() || f.NestsTokens() })
}
