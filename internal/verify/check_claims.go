package verify

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// CheckClaims returns why Verifier.Message would refuse m if its token had the claims made, or
// nil. It uses Verifier.Message's own checks, so that signing makes no token that its
// message fails against (A65).
//
// It does not check times, which matter when the token is used, keys, the issuer, or
// patterns, which are for validation only (A71). at is the path to m, which is not
// modified.
//
// Errors are claim_missing, claim_mismatch and static_claim_mismatch, with the path of
// the field as What, or "" if the fault is only in the token.
func CheckClaims(codec *claims.Codec, p *plan.Message, m protoreflect.Message, at plan.Path, made []strictjson.Member, bearer *jws.Verified) error {
	w := walker{Verifier: &Verifier{codec: codec}, bearer: bearer, path: at.Clone()}
	c := members(made)
	for i := range p.Token.StaticClaims {
		if s := &p.Token.StaticClaims[i]; s.Pattern == nil {
			if err := checkOneStatic(c, s); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(w.checkBearerClaims(p.Token, c), w.compare(p, m, c, nil)); err != nil {
		return firstFault(err)
	}
	if !p.MayFill || !fillsAny(p, m, c) {
		return nil
	}
	_, err := w.fill(p, proto.Clone(m.Interface()).ProtoReflect(), c)
	return err
}

// fillsAny reports whether there is a claim for an empty EXTRACT field.
func fillsAny(p *plan.Message, m protoreflect.Message, c members) bool {
	names := map[string]bool{}
	p.AddFilledClaims(m, names)
	return slices.ContainsFunc(c, func(one strictjson.Member) bool { return names[one.Name] })
}

// firstFault returns the first of several faults.
func firstFault(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return err
}
