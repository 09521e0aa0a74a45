// Package verify checks bearer tokens and messages as their annotations require, using
// the compiled plan (annotations.md sections 4, 5 and 7).
//
// It checks every field of a message as it came before it fills any in. A refused message
// must not be used. The package does not know files or gRPC.
package verify

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// BearerPath is the path in refusals of the bearer token.
const BearerPath = "bearer token"

// Options configure how tokens are checked.
type Options struct {
	// Leeway is the tolerated clock difference (A31), 0 to jws.MaxLeeway.
	Leeway time.Duration
	// Development accepts unsigned tokens (A91).
	Development bool
	// AnySignature, together with Development, skips the signature check (A91).
	AnySignature bool
	// RefuseUnknownFields refuses messages with fields whose numbers their types
	// do not declare (A38).
	RefuseUnknownFields bool
	// Depth, if not 0, is the maximum nesting of messages that message.Codec has not
	// decoded, which has its own limit (A102).
	Depth  int
	Limits jws.Limits
	// Now is the clock; required.
	Now func() time.Time
}

// Verifier verifies with the keys of a ring. It is immutable and safe for concurrent use.
type Verifier struct {
	ring   *keys.Ring
	tokens *jws.Verifier
	codec  *claims.Codec
	strict message.Strictness
}

// New returns a Verifier. codec must have the types of the messages. A leeway out of
// range is a usage error.
func New(codec *claims.Codec, ring *keys.Ring, o Options) (*Verifier, error) {
	tokens, err := jws.NewVerifier(ring, jws.Policy{Leeway: o.Leeway, Development: o.Development, AnySignature: o.AnySignature, Limits: o.Limits}, o.Now)
	if err != nil {
		return nil, err
	}
	return &Verifier{ring: ring, tokens: tokens, codec: codec, strict: message.Strictness{UnknownFields: o.RefuseUnknownFields, UnknownTypes: true, Depth: o.Depth}}, nil
}

// Ring returns the keys that it verifies with.
func (v *Verifier) Ring() *keys.Ring { return v.ring }

// Token is an accepted token, and its place.
type Token struct {
	Path string // such as "friends[2].tok"
	*jws.Verified
}

// Bearer checks the bearer token of a call. values are those of the authorization header
// or metadata key (A30). need is what the method requires besides a valid signature, or
// nil.
//
// Errors have BearerPath as What: those of jws.BearerToken and jws.Verifier.Verify,
// issuer_not_allowed (A32) and static_claim_mismatch (A33).
func (v *Verifier) Bearer(ctx context.Context, need *plan.Bearer, values ...string) (*jws.Verified, error) {
	compact, err := HeaderToken(values...)
	if err != nil {
		return nil, err
	}
	return v.BearerToken(ctx, need, compact)
}

// HeaderToken is jws.BearerToken with BearerPath as What of its errors.
func HeaderToken(values ...string) (string, error) {
	compact, err := jws.BearerToken(values...)
	return compact, inToken(BearerPath, err)
}

// BearerToken is Bearer for a token without its header.
func (v *Verifier) BearerToken(ctx context.Context, need *plan.Bearer, compact string) (*jws.Verified, error) {
	if compact == "" {
		return nil, noBearer()
	}
	token, err := v.tokens.Verify(ctx, compact)
	if err == nil && need != nil {
		err = CheckBearer(token.Claims, need)
	}
	if err != nil {
		return nil, inToken(BearerPath, err)
	}
	return token, nil
}

func noBearer() error { return fault.New(fault.TokenMissing, BearerPath, "none given") }

// CheckBearer checks the claims of a bearer token against the requirements of a method (A32,
// A33, A35).
func CheckBearer(c *jws.Claims, need *plan.Bearer) error {
	if err := checkIssuer(c, need.Issuers); err != nil {
		return err
	}
	if err := checkStatic(c, need.StaticClaims); err != nil {
		return err
	}
	return distinctNames(c.Members())
}

// distinctNames returns token_malformed if two claims differ only in case: as metadata,
// whose keys ignore case, they would be the same (A35).
func distinctNames(claims []strictjson.Member) error {
	seen := make(map[string]bool, len(claims))
	for _, c := range claims {
		name := strings.ToLower(c.Name)
		if seen[name] {
			return fault.New(fault.TokenMalformed, BearerPath, "two claims differ only in the case of their names")
		}
		seen[name] = true
	}
	return nil
}

// Message checks m, whose plan is p, and then fills in its EXTRACT and RAW fields (A44,
// A47). The content of an Any in m is encoded again, so that other implementations cannot
// read it differently (A38). bearer is the validated bearer token, or nil. Message
// returns the tokens of the message in the order of the walk.
//
// Errors have the path of a token or field as What: those of jws.Verifier.Verify,
// token_missing (A41), issuer_not_allowed (A50), static_claim_mismatch, claim_missing and
// claim_mismatch; those of message.Codec.Normalize, with the field or type as What; and
// policy_invalid for a message without any token. m must not be used after an error.
func (v *Verifier) Message(ctx context.Context, p *plan.Message, m protoreflect.Message, bearer *jws.Verified) ([]Token, error) {
	if p.Tokenless() {
		return nil, fault.New(fault.PolicyInvalid, string(p.Desc.FullName()), "has no token: no field is annotated token: true, and validate_bearer_token is not set")
	}
	if err := v.codec.Normalize(m, v.strict); err != nil {
		return nil, err
	}
	w := walker{Verifier: v, ctx: ctx, bearer: bearer}
	if err := w.message(p, m, nil); err != nil {
		return nil, err
	}
	for _, f := range w.fills {
		w.path = f.path
		if _, err := w.fill(f.plan, f.message, f.claims); err != nil {
			return nil, err
		}
	}
	for _, one := range w.inherits {
		if err := w.checkParents(one); err != nil {
			return nil, err
		}
	}
	return w.tokens, nil
}

// walker is a walk over one message.
type walker struct {
	*Verifier
	ctx    context.Context
	bearer *jws.Verified
	path   plan.Path
	tokens []Token
	fills  []pendingFill
	// inherits are compared after everything is filled in.
	inherits []parentCheck
	// extracted counts the filled EXTRACT fields.
	extracted int
}

// pendingFill is a message to fill from claims after everything is checked.
type pendingFill struct {
	plan    *plan.Message
	message protoreflect.Message
	claims  object
	path    plan.Path
}

func (w *walker) enter(fd protoreflect.FieldDescriptor, index int) { w.path = w.path.To(fd, index) }
func (w *walker) leave()                                           { w.path = w.path[:len(w.path)-1] }

// where returns the path to fd of the current message.
func (w *walker) where(fd protoreflect.FieldDescriptor) string {
	return w.path.To(fd, plan.NoIndex).String()
}
