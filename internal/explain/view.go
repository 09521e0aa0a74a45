// Package explain describes what a policy requires: for each method the bearer token and
// what happens to its messages, for each message its token and each claim with its field,
// and for every fact the annotation that it comes from.
//
// New makes a View, which is plain data and all that the four printers (text, JSON,
// Mermaid, DOT) use. A policy that lint refuses is explained too: problems are in notes
// and faults, and cycles are drawn in red. The package judges nothing, and reads neither
// files nor the environment.
package explain

import "github.com/jwtctl/jwtctl/internal/keys"

// View is what explain prints. Its JSON form is stable: members are added, never renamed,
// and "from" and "at" are always a position, "file.proto:12:5" (or only the file, if the
// input has no source info).
type View struct {
	// Keys are the configured keys in their order: null if unknown, empty if there are
	// none.
	Keys []Key `json:"keys"`
	// Methods and Messages are in the order of the policy.
	Methods  []Method  `json:"methods"`
	Messages []Message `json:"messages"`
	// Cycles are the chains of DESCEND and NEST fields that lead back to their start
	// (A100).
	Cycles []Cycle `json:"cycles,omitempty"`
	// Notes are about annotations that are not on a method or message.
	Notes []Note `json:"notes,omitempty"`
}

// Key is a configured key, or a key set, which has no ID and has its URL or file as
// Source.
type Key struct {
	ID        string `json:"id,omitempty"`
	Algorithm string `json:"algorithm,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	Source    string `json:"source,omitempty"`
	CanSign   bool   `json:"can_sign"`
	// Rules are the requirements for every token of the issuer, or for every token signed
	// by the key if there is no issuer; nil means none.
	Rules *keys.Rules `json:"rules,omitempty"`
}

// Note is a remark about the position From.
type Note struct {
	Text string `json:"text"`
	From string `json:"from"`
}

// Text is a text in an annotation as written. Environment lists the variables in it
// (A72), whose values are not read.
type Text struct {
	Value       string   `json:"value"`
	Environment []string `json:"environment,omitempty"`
	From        string   `json:"from"`
}

// StaticClaim is a claim with known content (section 7): all of Values, or a match of the
// whole Pattern.
type StaticClaim struct {
	Claim   string `json:"claim"`
	Values  []Text `json:"values,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	From    string `json:"from"`
}

// KeyChoice says which keys are used for tokens of Issuer, or for all tokens if that is
// "".
type KeyChoice struct {
	Issuer string `json:"issuer,omitempty"`
	// Rule describes the choice.
	Rule string `json:"rule"`
	// Keys are the keys selected: null if unknown, because the keys are, or because the
	// issuer comes from the environment.
	Keys []Key `json:"keys"`
}

// The origin of a method's policy (A10).
const (
	PolicyMethod  = "method"
	PolicyService = "service"
	PolicyNone    = "none"
)

// Method is the effective policy of a method.
type Method struct {
	Name            string `json:"name"`
	At              string `json:"at"`
	ClientStreaming bool   `json:"client_streaming"`
	ServerStreaming bool   `json:"server_streaming"`
	// Policy is the origin of the effective policy: "method", "service" or "none". From
	// is the annotation; Replaces is the service's, which has no effect because the
	// method has its own.
	Policy string `json:"policy"`
	// Annotation is the spelling of the option: "(kalix.method).jwt".
	Annotation string `json:"annotation,omitempty"`
	From       string `json:"from,omitempty"`
	Replaces   string `json:"replaces,omitempty"`
	// Open means that nothing is required of a request: anyone may call.
	Open bool `json:"open"`
	// Bearer holds the requirements for the bearer token; null if none is needed.
	Bearer   *Bearer `json:"bearer"`
	Request  Body    `json:"request"`
	Response Body    `json:"response"`
	Notes    []Note  `json:"notes,omitempty"`
}

// Bearer holds the requirements for a bearer token.
type Bearer struct {
	From string `json:"from"`
	// Issuers are the accepted ones; none means any.
	Issuers      []Text        `json:"issuers,omitempty"`
	StaticClaims []StaticClaim `json:"static_claims,omitempty"`
	Keys         []KeyChoice   `json:"keys"`
}

// What happens to a message (A12).
const (
	Validated = "validated"
	Signed    = "signed"
	Untouched = "untouched"
)

// Body is the request or response message of a method, and what happens to it:
// "validated", "signed" or "untouched".
type Body struct {
	Message string `json:"message"`
	Is      string `json:"is"`
	From    string `json:"from,omitempty"`
	// TokenOptional means that a request is validated only by tokens in messages that may
	// be absent, so it is accepted without any (A49).
	TokenOptional bool `json:"token_optional,omitempty"`
}

// The place of a message's token for validation (A40).
const (
	InField  = "field"
	InBearer = "bearer_token"
	InNone   = "none"
)

// Message is a message with its token and claims.
type Message struct {
	Name string `json:"name"`
	At   string `json:"at"`
	// TokenIn is the place of the token for validation: "field", "bearer_token" or
	// "none".
	TokenIn   string `json:"token_in"`
	TokenFrom string `json:"token_from,omitempty"`
	// Token is the field that holds the message's own token. If TokenIn is "bearer_token"
	// it is only used for signing.
	Token  *Token  `json:"token,omitempty"`
	Claims []Claim `json:"claims,omitempty"`
	// Nested are the fields whose messages have their own tokens (A49).
	Nested []Nested `json:"nested_tokens,omitempty"`
	UsedBy []Use    `json:"used_by,omitempty"`
	Notes  []Note   `json:"notes,omitempty"`
}

// Token is a field that holds a token.
type Token struct {
	Field string `json:"field"`
	Type  string `json:"type"`
	// Annotation is the spelling of the option: "(kalix.field).jwt".
	Annotation string `json:"annotation"`
	From       string `json:"from"`
	Issuers    []Text `json:"issuers,omitempty"`
	Expires    Expiry `json:"expires"`
	// BearerClaims are taken from the bearer token (A51), ParentClaims from the
	// surrounding messages (A52).
	BearerClaims []Text        `json:"bearer_claims,omitempty"`
	ParentClaims *ParentClaims `json:"parent_claims,omitempty"`
	StaticClaims []StaticClaim `json:"static_claims,omitempty"`
	ValidatedBy  []KeyChoice   `json:"validated_by"`
	SignedBy     KeyChoice     `json:"signed_by"`
}

// Expiry is expires_seconds, and how signing uses it (A62).
type Expiry struct {
	Seconds int64  `json:"seconds"`
	Rule    string `json:"rule"`
	From    string `json:"from"`
}

// ParentClaims are the claims that a token takes from surrounding messages.
type ParentClaims struct {
	From    string   `json:"from"`
	Parents []Parent `json:"parents,omitempty"`
}

// Parent is a message that nests another in Field, with the claims that are inherited
// from it.
type Parent struct {
	Message string   `json:"message"`
	Field   string   `json:"field"`
	Claims  []string `json:"claims,omitempty"`
	From    string   `json:"from"`
}

// Claim is a claim set by a field; for RAW, and for a DESCEND that leads nowhere, it
// stands for several.
type Claim struct {
	// Name is the claim's name; "" if the field is not a single claim.
	Name string `json:"name,omitempty"`
	// Field is the path to the field, through DESCEND and NEST: child.foo.
	Field  string `json:"field"`
	Type   string `json:"type"`
	Action string `json:"action"`
	// Meaning describes what validation does.
	Meaning string `json:"meaning"`
	From    string `json:"from"`
	// NameFrom is the position of the option name, if the name comes from it.
	NameFrom string `json:"name_from,omitempty"`
	// Via are the DESCEND fields between the message, or the surrounding NEST field, and
	// the field.
	Via []Step `json:"via,omitempty"`
	// Claims are those in the object, or in each object of the array, of a NEST field.
	Claims []Claim `json:"claims,omitempty"`
	// Cycle is set if the field leads back to a message that contains it.
	Cycle bool `json:"cycle,omitempty"`
	// Fault is why a policy with this field cannot be enforced.
	Fault string `json:"fault,omitempty"`
}

// Nested is a field whose messages are validated and signed separately.
type Nested struct {
	Field    string `json:"field"`
	Message  string `json:"message"`
	Repeated bool   `json:"repeated"`
	// Optional means that the message, and so its token, may be absent.
	Optional bool   `json:"optional"`
	From     string `json:"from"`
}

// Use is a use of a message: How is "validated" or "signed" (By is a method), "DESCEND",
// "NEST" or "token" (By is a field).
type Use struct {
	How  string `json:"how"`
	By   string `json:"by"`
	From string `json:"from"`
}

// Cycle is a chain of steps, the last of which leads to the message of the first.
type Cycle struct {
	Steps []Step `json:"steps"`
}

// Step is a DESCEND or NEST field, leading from its message to that of its value.
type Step struct {
	Message string `json:"message"`
	Field   string `json:"field"`
	Action  string `json:"action"`
	To      string `json:"to"`
	From    string `json:"from"`
}
