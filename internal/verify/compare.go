package verify

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// object is one level of claims: those of a token, or of a nested object.
type object interface {
	Get(name string) (strictjson.Value, bool)
	Members() []strictjson.Member
}

// members is an object within a token. Such objects are small: a list is fast enough, and
// keeps the order.
type members []strictjson.Member

func (m members) Members() []strictjson.Member { return m }

func (m members) Get(name string) (strictjson.Value, bool) {
	for _, one := range m {
		if one.Name == name {
			return one.Value, true
		}
	}
	return nil, false
}

// maxFaults is the maximum number of faults to report for the claims of one token.
const maxFaults = 20

// compare checks that every non-empty field of m that is a claim matches c (A42, A45,
// A46), and returns an error for each that does not. It does not modify m. Names in
// decided are skipped.
func (w *walker) compare(p *plan.Message, m protoreflect.Message, c object, decided map[string]bool) error {
	var wrong []error
	for i := range p.Claims {
		claim := &p.Claims[i]
		if claim.Action == policy.Raw || claims.Empty(m, claim.Field) || claim.Action != policy.Descend && decided[claim.Name] {
			continue
		}
		var err error
		switch claim.Action {
		case policy.Include, policy.Extract:
			err = w.compareOne(claim, m.Get(claim.Field), c)
		case policy.Descend:
			w.enter(claim.Field, plan.NoIndex)
			err = w.compare(claim.Message, m.Get(claim.Field).Message(), c, decided)
			w.leave()
		case policy.Nest:
			err = w.compareNested(claim, m.Get(claim.Field), c)
		}
		if err != nil {
			if wrong = append(wrong, err); len(wrong) == maxFaults {
				break
			}
		}
	}
	return joinFaults(wrong)
}

// joinFaults returns nil, the only error, or all errors joined.
func joinFaults(list []error) error {
	if len(list) == 1 {
		return list[0]
	}
	return errors.Join(list...)
}

// compareOne checks a non-empty INCLUDE or EXTRACT field.
func (w *walker) compareOne(claim *plan.Claim, v protoreflect.Value, c object) error {
	value, ok := c.Get(claim.Name)
	if !ok {
		return w.missing(claim)
	}
	err := w.codec.Equal(claim.Field, v, value)
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	if f = f.About(w.where(claim.Field)); claim.Name != string(claim.Field.Name()) {
		f.Reason = fmt.Sprintf("claim %q: %s", quote.Shorten(claim.Name), f.Reason)
	}
	return f
}

func (w *walker) missing(claim *plan.Claim) error {
	return fault.New(fault.ClaimMissing, w.where(claim.Field), "the token has no claim %q", quote.Shorten(claim.Name))
}

// compareNested checks a non-empty NEST field against the claim's object or array of
// objects (A46). A message without claims makes no object, so an absent object equals an
// empty one.
func (w *walker) compareNested(claim *plan.Claim, v protoreflect.Value, c object) error {
	value, ok := c.Get(claim.Name)
	if !claim.Field.IsList() {
		inner, err := w.object(claim, value, ok)
		if err != nil {
			return err
		}
		w.enter(claim.Field, plan.NoIndex)
		defer w.leave()
		return w.compare(claim.Message, v.Message(), inner, nil)
	}
	if !ok {
		return w.missing(claim)
	}
	list := v.List()
	objects, err := w.objects(claim, value, list.Len())
	if err != nil {
		return err
	}
	var wrong []error
	for i := 0; i < len(objects) && len(wrong) < maxFaults; i++ {
		w.enter(claim.Field, i)
		if err := w.compare(claim.Message, list.Get(i).Message(), objects[i], nil); err != nil {
			wrong = append(wrong, err)
		}
		w.leave()
	}
	return joinFaults(wrong)
}

// anyLength permits any length.
const anyLength = -1

// objects returns the members of the objects in an array of length want.
func (w *walker) objects(claim *plan.Claim, value strictjson.Value, want int) ([]members, error) {
	elements, err := strictjson.Array(value, jws.MaxDepth)
	switch {
	case err != nil:
		return nil, fault.New(fault.ClaimMismatch, w.where(claim.Field), "the claim %q is not an array", quote.Shorten(claim.Name))
	case want != anyLength && len(elements) != want:
		return nil, fault.New(fault.ClaimMismatch, w.where(claim.Field), "the claim %q has %d elements, but the field has %d", quote.Shorten(claim.Name), len(elements), want)
	}
	list := make([]members, len(elements))
	for i, element := range elements {
		if list[i], err = w.object(claim, element, true); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// object returns the members of the object that is the value of a claim; none where the
// claim is absent.
func (w *walker) object(claim *plan.Claim, value strictjson.Value, found bool) (members, error) {
	if !found {
		return nil, nil
	}
	list, err := strictjson.Object(value, jws.MaxDepth)
	if err != nil {
		return nil, fault.New(fault.ClaimMismatch, w.where(claim.Field), "the claim %q contains something other than an object", quote.Shorten(claim.Name))
	}
	return list, nil
}
