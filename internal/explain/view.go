// Package explain describes what a policy requires: per method what the bearer token
// must be and what becomes of the messages, per message its token and each claim
// with the field it comes from, and for every fact the annotation that says so.
//
// New makes a View, which is plain data; the four printers (text, JSON, Mermaid,
// DOT) read nothing else. A policy that lint refuses is explained too: what is
// wrong with it is in notes and faults, and cycles are drawn in red. The
// package judges nothing, reads no file and no environment.
//
// It imports policy, descset, suggest, keys, quote and fault.
package explain

import "github.com/jwtctl/jwtctl/internal/keys"

// View is what explain prints. Its JSON form is stable: members are added, never
// renamed, and "from" and "at" are always a position, "file.proto:12:5" (or the
// file alone, where the input has no source info).
type View struct {
	// Keys are the configured keys in their order: null if they are
	// not known, empty if there are none.
	Keys []Key `json:"keys"`
	// Methods and Messages are in the order of the policy.
	Methods  []Method  `json:"methods"`
	Messages []Message `json:"messages"`
	// Cycles are the chains of DESCEND and NEST that lead back to where they
	// began (A100).
	Cycles []Cycle `json:"cycles,omitempty"`
	// Notes are about annotations of neither a method nor a message.
	Notes []Note `json:"notes,omitempty"`
}

// Key is a configured key, or a key set: that has no ID, and its URL or file as
// Source.
type Key struct {
	ID        string `json:"id,omitempty"`
	Algorithm string `json:"algorithm,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	Source    string `json:"source,omitempty"`
	CanSign   bool   `json:"can_sign"`
	// Rules are what every token of the issuer must have, or without an issuer
	// every token signed by the key; nil for none.
	Rules *keys.Rules `json:"rules,omitempty"`
}

// Note is a remark on what is at From.
type Note struct {
	Text string `json:"text"`
	From string `json:"from"`
}

// Text is a text of an annotation as it is written. Environment names the
// variables that it takes its value from (A72); they are not looked at.
type Text struct {
	Value       string   `json:"value"`
	Environment []string `json:"environment,omitempty"`
	From        string   `json:"from"`
}

// StaticClaim is a claim that is known beforehand (section 7): all of Values, or
// a match of the whole Pattern.
type StaticClaim struct {
	Claim   string `json:"claim"`
	Values  []Text `json:"values,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	From    string `json:"from"`
}

// KeyChoice says which keys are used for tokens of Issuer, or for all tokens
// where that is "".
type KeyChoice struct {
	Issuer string `json:"issuer,omitempty"`
	// Rule is the choice in words.
	Rule string `json:"rule"`
	// Keys are those that it picks: null where that is not known, because no
	// keys are, or because the issuer comes from the environment.
	Keys []Key `json:"keys"`
}

// Where a method's policy comes from (A10).
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
	// Policy is the place of the effective policy: "method", "service" or
	// "none"; From is the annotation, Replaces the service's that does not
	// count because the method has its own.
	Policy string `json:"policy"`
	// Annotation is how the option is spelled: "(kalix.method).jwt".
	Annotation string `json:"annotation,omitempty"`
	From       string `json:"from,omitempty"`
	Replaces   string `json:"replaces,omitempty"`
	// Open says that nothing is asked of a request: anyone may call.
	Open bool `json:"open"`
	// Bearer is what the bearer token must be; null if none is needed.
	Bearer   *Bearer `json:"bearer"`
	Request  Body    `json:"request"`
	Response Body    `json:"response"`
	Notes    []Note  `json:"notes,omitempty"`
}

// Bearer is what is asked of a bearer token.
type Bearer struct {
	From string `json:"from"`
	// Issuers are the allowed ones; none means any.
	Issuers      []Text        `json:"issuers,omitempty"`
	StaticClaims []StaticClaim `json:"static_claims,omitempty"`
	Keys         []KeyChoice   `json:"keys"`
}

// What becomes of a message (A12).
const (
	Validated = "validated"
	Signed    = "signed"
	Untouched = "untouched"
)

// Body is the request or response message of a method, and what becomes of it:
// "validated", "signed" or "untouched".
type Body struct {
	Message string `json:"message"`
	Is      string `json:"is"`
	From    string `json:"from,omitempty"`
	// TokenOptional says that a request is validated by nothing but tokens in
	// messages that may be absent, so it is accepted without any (A49).
	TokenOptional bool `json:"token_optional,omitempty"`
}

// Where validation takes a message's token from (A40).
const (
	InField  = "field"
	InBearer = "bearer_token"
	InNone   = "none"
)

// Message is a message with its token and claims.
type Message struct {
	Name string `json:"name"`
	At   string `json:"at"`
	// TokenIn is the place of the token that validation takes: "field",
	// "bearer_token" or "none".
	TokenIn   string `json:"token_in"`
	TokenFrom string `json:"token_from,omitempty"`
	// Token is the field that holds the message's own token. Where TokenIn is
	// "bearer_token" it is used in signing only.
	Token  *Token  `json:"token,omitempty"`
	Claims []Claim `json:"claims,omitempty"`
	// Nested are the fields whose messages have tokens of their own (A49).
	Nested []Nested `json:"nested_tokens,omitempty"`
	UsedBy []Use    `json:"used_by,omitempty"`
	Notes  []Note   `json:"notes,omitempty"`
}

// Token is a field that holds a token.
type Token struct {
	Field string `json:"field"`
	Type  string `json:"type"`
	// Annotation is how the option is spelled: "(kalix.field).jwt".
	Annotation string `json:"annotation"`
	From       string `json:"from"`
	Issuers    []Text `json:"issuers,omitempty"`
	Expires    Expiry `json:"expires"`
	// BearerClaims are taken from the bearer token (A51), ParentClaims from the
	// messages that this one is nested in (A52).
	BearerClaims []Text        `json:"bearer_claims,omitempty"`
	ParentClaims *ParentClaims `json:"parent_claims,omitempty"`
	StaticClaims []StaticClaim `json:"static_claims,omitempty"`
	ValidatedBy  []KeyChoice   `json:"validated_by"`
	SignedBy     KeyChoice     `json:"signed_by"`
}

// Expiry is expires_seconds, and what signing makes of it (A62).
type Expiry struct {
	Seconds int64  `json:"seconds"`
	Rule    string `json:"rule"`
	From    string `json:"from"`
}

// ParentClaims are the claims that a token takes from the messages around its
// own.
type ParentClaims struct {
	From    string   `json:"from"`
	Parents []Parent `json:"parents,omitempty"`
}

// Parent is a message that nests another in Field, and the claims that it hands
// down.
type Parent struct {
	Message string   `json:"message"`
	Field   string   `json:"field"`
	Claims  []string `json:"claims,omitempty"`
	From    string   `json:"from"`
}

// Claim is a claim, or for RAW and a DESCEND that leads nowhere the claims, that
// a field makes.
type Claim struct {
	// Name is the claim's; "" where the field is not one claim.
	Name string `json:"name,omitempty"`
	// Field is the path to the field, through DESCEND and NEST: child.foo.
	Field  string `json:"field"`
	Type   string `json:"type"`
	Action string `json:"action"`
	// Meaning is what validation does, in words.
	Meaning string `json:"meaning"`
	From    string `json:"from"`
	// NameFrom is the place of the option name, if the name is from there.
	NameFrom string `json:"name_from,omitempty"`
	// Via are the DESCEND fields between the message, or the NEST field around
	// it, and the field.
	Via []Step `json:"via,omitempty"`
	// Claims are those in the object, or in each object of the array, of NEST.
	Claims []Claim `json:"claims,omitempty"`
	// Cycle says that the field leads back to a message that it is part of.
	Cycle bool `json:"cycle,omitempty"`
	// Fault is why no policy with this field runs.
	Fault string `json:"fault,omitempty"`
}

// Nested is a field whose messages are validated and signed by themselves.
type Nested struct {
	Field    string `json:"field"`
	Message  string `json:"message"`
	Repeated bool   `json:"repeated"`
	// Optional says that the message may be absent, and its token with it.
	Optional bool   `json:"optional"`
	From     string `json:"from"`
}

// Use is who uses a message: How is "validated" or "signed" (By is a method),
// "DESCEND", "NEST" or "token" (By is a field).
type Use struct {
	How  string `json:"how"`
	By   string `json:"by"`
	From string `json:"from"`
}

// Cycle is a chain of steps whose last leads to the message of the first.
type Cycle struct {
	Steps []Step `json:"steps"`
}

// Step is a field with DESCEND or NEST, from its message to that of its value.
type Step struct {
	Message string `json:"message"`
	Field   string `json:"field"`
	Action  string `json:"action"`
	To      string `json:"to"`
	From    string `json:"from"`
}
