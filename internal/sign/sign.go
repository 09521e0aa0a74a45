// Package sign makes the tokens of a message as its annotations require, using the
// compiled plan (annotations.md section 6). It does not know files or gRPC.
package sign

import (
	"errors"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// Options configure how tokens are made.
type Options struct {
	// KeyID selects the key, instead of the token's issuer (A23); "" means by issuer.
	KeyID string
	// RefuseUnknownFields refuses messages with fields whose numbers their types do not
	// declare (A38).
	RefuseUnknownFields bool
	// Now is the clock, from which lifetimes start; required.
	Now func() time.Time
}

// Signer makes tokens with the keys of a ring. It is immutable and safe for concurrent
// use.
type Signer struct {
	codec *claims.Codec
	ring  *keys.Ring
	o     Options
}

// New returns a Signer. codec must have the types of the messages.
func New(codec *claims.Codec, ring *keys.Ring, o Options) *Signer { return &Signer{codec, ring, o} }

// Token is a token that was made, and its place.
type Token struct {
	Path string // such as "friends[2].tok"
	Key  *keys.Key
}

// Message puts a token into every token field of m, whose plan is p, and clears the RAW
// fields that became claims (A60). It changes nothing else in m (A65). bearer is the
// validated bearer token, or nil.
//
// After an error m must not be used. Errors have the path of the token or field
// as What: key_missing or what else keys.Ring.Signer and jws.Sign return,
// token_missing and claim_missing where claims of a bearer token are to be
// included (A51), claim_conflict (A61, and the rules of the key), message_malformed for a field that has
// no form as a claim, those of message.Codec.Normalize (A38), and policy_invalid for a message without a token.
func (s *Signer) Message(p *plan.Message, m protoreflect.Message, bearer *jws.Verified) ([]Token, error) {
	if p.Token == nil && len(p.Nested) == 0 {
		return nil, fault.New(fault.PolicyInvalid, string(p.Desc.FullName()), "has no field for a token: none is annotated token: true")
	}
	if err := s.codec.Normalize(m, message.Strictness{UnknownFields: s.o.RefuseUnknownFields}); err != nil {
		return nil, err
	}
	w := walker{Signer: s, bearer: bearer, now: s.o.Now()}
	if err := w.message(p, m, nil); err != nil {
		return nil, err
	}
	return w.tokens, nil
}

// CheckSignable returns why no key of the ring can sign some token of a message of p's type
// (A23), or why none that it signs is ever accepted; nil if each has one. Of a token
// whose issuer its message decides, only that there is a key at all can be known.
func (s *Signer) CheckSignable(p *plan.Message) error {
	return s.checkSignable(p, map[*plan.Message]bool{})
}

func (s *Signer) checkSignable(p *plan.Message, seen map[*plan.Message]bool) error {
	if seen[p] {
		return nil
	}
	seen[p] = true
	if t := p.Token; t != nil {
		var issuer *string
		if len(t.Issuers) > 0 {
			issuer = &t.Issuers[0]
		}
		key, err := s.ring.Signer(issuer, s.o.KeyID)
		if err == nil {
			err = jws.CheckIssuedType(key)
		}
		if err != nil {
			return at(string(t.Field.FullName()), err)
		}
	}
	for _, n := range p.Nested {
		if err := s.checkSignable(n.Message, seen); err != nil {
			return err
		}
	}
	return nil
}

// walker is a walk over one message.
type walker struct {
	*Signer
	bearer *jws.Verified
	now    time.Time
	path   plan.Path
	tokens []Token
}

// parent is a message around a nested one.
type parent struct {
	plan    *plan.Message
	message protoreflect.Message
	// up is the message around it, if its own token includes the claims of that message;
	// otherwise nil (A52).
	up   *parent
	path plan.Path
	// claims are those of its token, computed when a nested message first needs them.
	claims *set
}

// message signs the nested messages of m that have tokens, then m itself (A64).
func (w *walker) message(p *plan.Message, m protoreflect.Message, outer *parent) error {
	here := &parent{plan: p, message: m, path: w.path}
	if p.Token != nil && p.Token.ParentClaims {
		here.up = outer
	}
	for _, n := range p.Nested {
		err := n.Each(m, func(inner protoreflect.Message, index int) error {
			defer w.enter(n.Field, index)()
			return w.message(n.Message, inner, here)
		})
		if err != nil {
			return err
		}
	}
	if p.Token == nil {
		return nil
	}
	return w.token(p, m, outer)
}

// token makes the token of m and stores it in its field.
func (w *walker) token(p *plan.Message, m protoreflect.Message, outer *parent) error {
	path := w.path.To(p.Token.Field, plan.NoIndex).String()
	set, err := w.claims(p, m, outer)
	if err != nil {
		return err
	}
	if err := w.checkVerifiable(p, m, set); err != nil {
		return fault.New(fault.ClaimConflict, path, "the message would be refused with this token: %w", err)
	}
	payload, err := claims.Object(set.members)
	if err != nil {
		return at(path, err)
	}
	issuer, err := set.issuer()
	if err != nil {
		return at(path, err)
	}
	key, err := w.ring.Signer(issuer, w.o.KeyID)
	if err != nil {
		return at(path, err)
	}
	compact, err := jws.Sign(key, payload)
	if err != nil {
		return at(path, err)
	}
	if err := checkReadable(compact, set); err != nil {
		return at(path, err)
	}
	if err := jws.CheckIssued(key, compact); err != nil {
		return fault.New(fault.ClaimConflict, path, "the rules for tokens of its issuer would refuse it: %w", err)
	}
	if other := claims.Sibling(p.Token.Field, m); other != nil {
		return fault.New(fault.ClaimConflict, path, "would replace %s, which is set in the same oneof", other.Name())
	}
	if p.Token.Field.Kind() == protoreflect.BytesKind {
		m.Set(p.Token.Field, protoreflect.ValueOfBytes([]byte(compact)))
	} else {
		m.Set(p.Token.Field, protoreflect.ValueOfString(compact))
	}
	clearRaw(p, m)
	w.tokens = append(w.tokens, Token{path, key})
	return nil
}

// checkVerifiable returns an error if m would be refused with a token of the claims made (A65).
// Claims of fields always match; it only checks those that the token's annotation
// replaced, and those that would be filled in. A message that is validated against the
// bearer token is not refused for another one (A40).
func (w *walker) checkVerifiable(p *plan.Message, m protoreflect.Message, made *set) error {
	if p.UsesBearer || !made.replaced && !p.MayFill {
		return nil
	}
	return verify.CheckClaims(w.codec, p, m, w.path, made.members, w.bearer)
}

// checkReadable refuses a token that verifiers would refuse for its size or its
// registered claims (A65). Lint has checked the types of fields.
func checkReadable(compact string, of *set) error {
	if len(compact) > jws.MaxTokenBytes {
		return fault.New(fault.LimitExceeded, "", "the token would have %d bytes, more than the limit of %d", len(compact), jws.MaxTokenBytes)
	}
	if !of.doubtful {
		return nil
	}
	token, err := jws.ParseDevelopment(compact, jws.Limits{})
	if err != nil {
		return err
	}
	c, err := token.Claims()
	if err != nil {
		return err
	}
	if f := c.Validate("iss", "sub", "aud", "exp", "nbf", "iat"); f != nil {
		return fault.New(fault.MessageMalformed, "", "no verifier would accept the claim %s of the message: %s", f.What, f.Reason)
	}
	return nil
}

// enter adds a field to the path; the returned function removes it.
func (w *walker) enter(fd protoreflect.FieldDescriptor, index int) (leave func()) {
	w.path = w.path.To(fd, index)
	return func() { w.path = w.path[:len(w.path)-1] }
}

// at adds the path to faults.
func at(path string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		if f.What != "" && fault.ClassOf(f) != fault.Refused {
			return fault.New(f.Code, path, "%s: %s", f.What, f.Reason).WithHint("%s", f.Hint)
		}
		return f.About(path)
	}
	return err
}
