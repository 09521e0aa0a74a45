package verify

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// parent is a message around a nested one, with its claims.
type parent struct {
	plan    *plan.Message
	message protoreflect.Message
	depth   int // length of the path to it, which the path to the nested one starts with
	// up is the message around it, if its own token includes the claims of that message;
	// otherwise nil (A52).
	up *parent
}

// message checks the token of m, the claims of its fields, and the nested messages that
// have their own tokens (A40, A49).
func (w *walker) message(p *plan.Message, m protoreflect.Message, outer *parent) error {
	token, err := w.token(p, m, outer)
	if err != nil {
		return err
	}
	top := object(members(nil)) // without a token, RAW entries are still dropped (A47)
	if token != nil {
		top = token.Claims
		if err := w.compare(p, m, top, nil); err != nil {
			return err
		}
	}
	if p.MayFill {
		w.fills = append(w.fills, pendingFill{p, m, top, w.path.Clone()})
	}
	if len(p.Nested) == 0 {
		return nil
	}
	here := &parent{plan: p, message: m, depth: len(w.path)}
	if p.Token != nil && p.Token.ParentClaims {
		here.up = outer
	}
	for _, n := range p.Nested { // a field that is not set needs no check (A49)
		err := n.Each(m, func(inner protoreflect.Message, index int) error {
			w.enter(n.Field, index)
			defer w.leave()
			return w.message(n.Message, inner, here)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// token returns the validated token of m, or nil if m has none of its own but nests some.
func (w *walker) token(p *plan.Message, m protoreflect.Message, outer *parent) (*jws.Verified, error) {
	if p.UsesBearer {
		if w.bearer == nil {
			return nil, fault.New(fault.TokenMissing, BearerPath, "missing, but %s is validated against it", p.Desc.FullName())
		}
		w.tokens = append(w.tokens, Token{BearerPath, w.bearer})
		return w.bearer, nil
	}
	t := p.Token
	if t == nil {
		return nil, nil
	}
	path := w.where(t.Field)
	compact := text(t.Field, m.Get(t.Field))
	if compact == "" {
		return nil, fault.New(fault.TokenMissing, path, "the message has no token in this field")
	}
	token, err := w.Verifier.tokens.Verify(w.ctx, compact)
	if err == nil {
		err = w.checkToken(t, token.Claims)
	}
	if err != nil {
		return nil, inToken(path, err)
	}
	if t.ParentClaims && outer != nil {
		w.inherits = append(w.inherits, parentCheck{p, m, token, outer, w.path.Clone()})
	}
	w.tokens = append(w.tokens, Token{path, token})
	return token, nil
}

// text returns the token in a string or bytes field.
func text(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if fd.Kind() == protoreflect.BytesKind {
		return string(v.Bytes())
	}
	return v.String()
}

// checkToken checks the claims that the annotation of a token field requires.
func (w *walker) checkToken(t *plan.Token, c *jws.Claims) error {
	if err := checkIssuer(c, t.Issuers); err != nil {
		return err
	}
	if err := checkStatic(c, t.StaticClaims); err != nil {
		return err
	}
	return w.checkBearerClaims(t, c)
}

// checkBearerClaims implements A51.
func (w *walker) checkBearerClaims(t *plan.Token, c object) error {
	for _, name := range t.BearerClaims {
		if w.bearer == nil {
			return fault.New(fault.TokenMissing, "", "includes the claim %q of the bearer token, but there is no bearer token", quote.Shorten(name))
		}
		want, inBearer := w.bearer.Claims.Get(name)
		got, carried := c.Get(name)
		switch {
		case !inBearer:
			return fault.New(fault.ClaimMissing, "", "the bearer token has no claim %q", quote.Shorten(name))
		case !carried:
			return fault.New(fault.ClaimMissing, "", "no claim %q, which the bearer token has", quote.Shorten(name))
		case !claims.Same(want, got):
			return fault.New(fault.ClaimMismatch, "", "the claim %q differs from the bearer token's", quote.Shorten(name))
		}
	}
	return nil
}

// parentCheck is the token of a message that must include the claims of surrounding
// messages.
type parentCheck struct {
	plan    *plan.Message
	message protoreflect.Message
	token   *jws.Verified
	around  *parent
	path    plan.Path
}

// checkParents checks that a token has the claims of the surrounding messages' fields,
// except names that it decides itself (A52, A61). It runs after all messages are filled
// in, so that fields filled from another token are compared too.
func (w *walker) checkParents(of parentCheck) error {
	decided := map[string]bool{}
	of.plan.AddOwnClaims(of.message, decided)
	of.plan.Token.AddClaims(decided)
	for up := of.around; up != nil; up = up.up {
		w.path = slices.Clip(of.path[:up.depth])
		if err := w.compare(up.plan, up.message, of.token.Claims, decided); err != nil {
			w.path = of.path
			return inToken(w.where(of.plan.Token.Field), ofParent(err))
		}
		up.plan.AddOwnClaims(up.message, decided) // those of the nearer parent win
	}
	return nil
}

// ofParent adds to a mismatch that it is with a field of a surrounding message.
func ofParent(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	return fault.New(f.Code, "", "includes the claims of its parent, but %s: %s", f.What, f.Reason)
}

// checkIssuer implements A32 and A50.
func checkIssuer(c *jws.Claims, allowed []string) error {
	if len(allowed) == 0 {
		return nil
	}
	iss, err := c.Issuer()
	switch {
	case err != nil:
		return err
	case iss == nil:
		return fault.New(fault.IssuerNotAllowed, "", "the token has no issuer")
	case !slices.Contains(allowed, *iss):
		return fault.New(fault.IssuerNotAllowed, "", "%q is not an accepted issuer", quote.Shorten(*iss))
	}
	return nil
}

// inToken adds the path to refusals of a token, and keeps the part of the token that they
// name. Errors that are not about the token, such as an unavailable key set, keep their
// own.
func inToken(path string, err error) error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, one := range many.Unwrap() {
			list = append(list, inToken(path, one))
		}
		return errors.Join(list...)
	}
	var f *fault.Error
	if !errors.As(err, &f) || fault.ClassOf(f) != fault.Refused {
		return err
	}
	part := *f
	switch {
	case part.What == "" || part.What == "token":
	case part.Code == fault.TokenExpired || part.Code == fault.TokenNotYetValid: // the code says so, as in cli.md
	default:
		part.Reason = part.What + ": " + part.Reason
	}
	return part.About(path)
}

// at adds the path of a field to errors of its claim.
func at(path string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && fault.ClassOf(f) == fault.Refused {
		return f.About(path)
	}
	return err
}
