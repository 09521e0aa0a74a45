package verify

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// fill writes claims into the empty EXTRACT fields of m, and into its RAW fields (A44,
// A45, A47), and reports whether it wrote any.
func (w *walker) fill(p *plan.Message, m protoreflect.Message, c object) (wrote bool, err error) {
	for i := range p.Claims {
		claim := &p.Claims[i]
		var one bool
		switch claim.Action {
		case policy.Extract:
			one, err = w.extract(claim, m, c)
		case policy.Raw:
			if err = w.codec.RawFill(claim.Field, c.Members(), m); err != nil {
				err = at(w.where(claim.Field), err)
			}
			one = !claims.Empty(m, claim.Field)
		case policy.Descend:
			one, err = w.fillChild(claim, m, c)
		case policy.Nest:
			one, err = w.fillNested(claim, m, c)
		}
		if err != nil {
			return false, err
		}
		wrote = wrote || one
	}
	return wrote, nil
}

func (w *walker) extract(claim *plan.Claim, m protoreflect.Message, c object) (bool, error) {
	value, ok := c.Get(claim.Name)
	switch {
	case !ok:
		return false, nil
	case !claims.Empty(m, claim.Field):
		// compare has checked the field as received; but the token of a surrounding
		// message may have filled it since.
		if err := w.codec.Equal(claim.Field, m.Get(claim.Field), value); err != nil {
			return false, at(w.where(claim.Field), err)
		}
		return false, nil
	}
	if err := w.codec.Parse(claim.Field, value, m); err != nil {
		return false, at(w.where(claim.Field), err)
	}
	if claims.Empty(m, claim.Field) {
		return false, nil // a zero value is the same as none
	}
	w.extracted++
	return true, nil
}

// fillChild fills the message of a singular field, creating it if there is something to
// write (A45).
func (w *walker) fillChild(claim *plan.Claim, m protoreflect.Message, c object) (bool, error) {
	w.enter(claim.Field, plan.NoIndex)
	defer w.leave()
	if !claims.Empty(m, claim.Field) {
		return w.fill(claim.Message, m.Mutable(claim.Field).Message(), c)
	}
	child, before := m.NewField(claim.Field), w.extracted
	wrote, err := w.fill(claim.Message, child.Message(), c)
	if err != nil || !wrote {
		return false, err
	}
	extracted := w.extracted > before
	if whole, err := w.checkRequired(child.Message(), extracted); !whole {
		return false, err
	}
	other := claims.Sibling(claim.Field, m)
	switch {
	case other == nil:
		m.Set(claim.Field, child)
		return true, nil
	case extracted:
		return false, fault.New(fault.ClaimMismatch, w.path.String(), "the token fills it, but %s is set in the same oneof", other.Name())
	}
	return false, nil // only RAW entries, which any claim makes
}

// checkRequired reports whether a new message that the token filled has all its required fields.
// Without them it cannot be encoded: that is claim_mismatch if the token filled an
// EXTRACT field; RAW entries alone do not create a message.
func (w *walker) checkRequired(child protoreflect.Message, extracted bool) (bool, error) {
	switch {
	case proto.CheckInitialized(child.Interface()) == nil:
		return true, nil
	case extracted:
		return false, fault.New(fault.ClaimMismatch, w.path.String(), "the token fills it, but not all of its required fields")
	}
	return false, nil
}

// fillNested fills the messages of a NEST field from its claim.
func (w *walker) fillNested(claim *plan.Claim, m protoreflect.Message, c object) (bool, error) {
	value, ok := c.Get(claim.Name)
	if !claim.Message.MayFill || !ok && claims.Empty(m, claim.Field) {
		return false, nil
	}
	if claim.Field.IsList() {
		return w.fillList(claim, m, value, ok)
	}
	inner, err := w.object(claim, value, ok) // RAW entries are dropped with or without a claim
	if err != nil {
		return false, err
	}
	return w.fillChild(claim, m, inner)
}

// fillList fills the messages of a repeated NEST field. An empty list gets as many
// elements as the claim has, if there is something to write into one of them.
func (w *walker) fillList(claim *plan.Claim, m protoreflect.Message, value strictjson.Value, ok bool) (bool, error) {
	list, fresh := m.NewField(claim.Field).List(), claims.Empty(m, claim.Field)
	if !fresh {
		list = m.Mutable(claim.Field).List()
	}
	objects := make([]members, list.Len())
	if ok {
		want := list.Len()
		if fresh {
			want = anyLength
		}
		var err error
		if objects, err = w.objects(claim, value, want); err != nil {
			return false, err
		}
	}
	wrote, before := false, w.extracted
	for i, inner := range objects {
		if fresh {
			list.Append(list.NewElement())
		}
		w.enter(claim.Field, i)
		one, err := w.fill(claim.Message, list.Get(i).Message(), inner)
		if err != nil {
			return false, err
		}
		w.leave()
		wrote = wrote || one
	}
	if !fresh || !wrote {
		return wrote, nil
	}
	for i := range list.Len() {
		w.enter(claim.Field, i)
		whole, err := w.checkRequired(list.Get(i).Message(), w.extracted > before)
		if w.leave(); !whole {
			return false, err
		}
	}
	m.Set(claim.Field, protoreflect.ValueOfList(list))
	return true, nil
}
