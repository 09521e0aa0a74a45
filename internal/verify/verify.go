// Package verify decides about bearer tokens and messages as their annotations
// say, along the compiled plan: the checks of annotations.md sections 4, 5 and 7.
//
// Every field that came with a message is checked before anything is written into
// it, and a refused one yields nothing. It knows neither files nor gRPC. It imports plan, policy,
// claims, message, jws, keys, strictjson and fault.
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

// BearerPath is the path that refusals of the bearer token have.
const BearerPath = "bearer token"

// Options say how tokens are believed.
type Options struct {
	// Leeway is how far clocks may differ (A31), 0 to jws.MaxLeeway.
	Leeway time.Duration
	// Development accepts unsigned tokens (A91).
	Development bool
	// AnySignature, with Development, looks at no signature (A91).
	AnySignature bool
	// RefuseUnknownFields refuses messages with fields whose numbers their types
	// do not declare (A38).
	RefuseUnknownFields bool
	// Depth, unless 0, is how deep messages may nest that message.Codec has not read, which
	// has a limit of its own (A102).
	Depth  int
	Limits jws.Limits
	// Now tells the time; required.
	Now func() time.Time
}

// Verifier checks by the keys of one ring. It does not change and is safe for
// concurrent use.
type Verifier struct {
	ring   *keys.Ring
	tokens *jws.Verifier
	codec  *claims.Codec
	strict message.Strictness
}

// New returns a Verifier. codec knows the types of the messages. The error is a
// usage error for a leeway out of range.
func New(codec *claims.Codec, ring *keys.Ring, o Options) (*Verifier, error) {
	tokens, err := jws.NewVerifier(ring, jws.Policy{Leeway: o.Leeway, Development: o.Development, AnySignature: o.AnySignature, Limits: o.Limits}, o.Now)
	if err != nil {
		return nil, err
	}
	return &Verifier{ring: ring, tokens: tokens, codec: codec, strict: message.Strictness{UnknownFields: o.RefuseUnknownFields, UnknownTypes: true, Depth: o.Depth}}, nil
}

// Ring returns the keys that it checks by.
func (v *Verifier) Ring() *keys.Ring { return v.ring }

// Token is a token that passed, and where it stood.
type Token struct {
	Path string // as in "friends[2].tok"
	*jws.Verified
}

// Bearer decides about the bearer token of a call. values are those of the
// authorization header or metadata key (A30). need is what the method asks
// besides a good signature; nil requires nothing more.
//
// Errors have BearerPath as What: those of jws.Bearer and jws.Verifier.Verify,
// issuer_not_allowed (A32) and static_claim_mismatch (A33).
func (v *Verifier) Bearer(ctx context.Context, need *plan.Bearer, values ...string) (*jws.Verified, error) {
	compact, err := InHeader(values...)
	if err != nil {
		return nil, err
	}
	return v.BearerToken(ctx, need, compact)
}

// InHeader is jws.Bearer, whose errors then have BearerPath as What.
func InHeader(values ...string) (string, error) {
	compact, err := jws.Bearer(values...)
	return compact, inToken(BearerPath, err)
}

// BearerToken is Bearer for a token without the header around it.
func (v *Verifier) BearerToken(ctx context.Context, need *plan.Bearer, compact string) (*jws.Verified, error) {
	if compact == "" {
		return nil, noBearer()
	}
	token, err := v.tokens.Verify(ctx, compact)
	if err == nil && need != nil {
		err = Meets(token.Claims, need)
	}
	if err != nil {
		return nil, inToken(BearerPath, err)
	}
	return token, nil
}

func noBearer() error { return fault.New(fault.TokenMissing, BearerPath, "there is none") }

// Meets checks what a method requires of the claims of its bearer token (A32, A33, A35).
func Meets(c *jws.Claims, need *plan.Bearer) error {
	if err := checkIssuer(c, need.Issuers); err != nil {
		return err
	}
	if err := checkStatic(c, need.Static); err != nil {
		return err
	}
	return distinctNames(c.Members())
}

// distinctNames returns token_malformed if two claims differ only in the case of
// their names: as metadata, whose keys have no case, they would be one (A35).
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

// Message decides about m, whose plan is p, and then fills in its EXTRACT and
// RAW fields (A44, A47). What is in an Any of m is encoded again, so that nothing is
// left that other readers could read differently (A38). bearer is the validated bearer token, nil if there is
// none. It returns the tokens of the message in the order of the walk.
//
// After an error m must not be used. Errors have the path of a token or field as
// What: those of jws.Verifier.Verify, token_missing (A41), issuer_not_allowed
// (A50), static_claim_mismatch, claim_missing and claim_mismatch; those of
// message.Codec.Settle, with the field or type as What; and policy_invalid for a message that has no token at all.
func (v *Verifier) Message(ctx context.Context, p *plan.Message, m protoreflect.Message, bearer *jws.Verified) ([]Token, error) {
	if p.Tokenless() {
		return nil, fault.New(fault.PolicyInvalid, string(p.Desc.FullName()), "has no token: no field is annotated token: true, and validate_bearer_token is not set")
	}
	if err := v.codec.Settle(m, v.strict); err != nil {
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

// walker is one walk over a message.
type walker struct {
	*Verifier
	ctx    context.Context
	bearer *jws.Verified
	path   plan.Path
	tokens []Token
	fills  []filling
	// inherits are compared once all has been filled in.
	inherits []inheritance
	// extracted counts the EXTRACT fields that were filled.
	extracted int
}

// filling is a message that is filled from claims once all of it has passed.
type filling struct {
	plan    *plan.Message
	message protoreflect.Message
	claims  object
	path    plan.Path
}

func (w *walker) enter(fd protoreflect.FieldDescriptor, index int) { w.path = w.path.To(fd, index) }
func (w *walker) leave()                                           { w.path = w.path[:len(w.path)-1] }

// where returns the path to fd of the message that the walk is in.
func (w *walker) where(fd protoreflect.FieldDescriptor) string {
	return w.path.To(fd, plan.Single).String()
}
