package sign

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// claims returns the claims of the token of m. Later sources win: the surrounding
// messages, m's own fields, the bearer token, static claims, iss and exp (A61).
func (w *walker) claims(p *plan.Message, m protoreflect.Message, outer *parent) (*set, error) {
	all := newSet(len(p.Claims) + len(p.Token.StaticClaims) + 2) // iss, exp
	if p.Token.ParentClaims {
		if err := w.inherit(all, outer); err != nil {
			return nil, err
		}
	}
	fields, raw := newSet(len(p.Claims)), &set{}
	if err := w.collect(p, m, fields, raw); err != nil {
		return nil, err
	}
	// Signing removes the entries of a RAW field from the message. If an entry replaced
	// the claim of a field that stays, the token would no longer match the message.
	for _, r := range raw.members {
		for _, other := range []*set{all, fields} {
			if value, ok := other.get(r.Name); ok && !claims.Same(value, r.Value) {
				return nil, fault.New(fault.ClaimConflict, w.path.To(p.Token.Field, plan.NoIndex).String(), "a RAW entry and a field set the claim %q to different values", quote.Shorten(r.Name))
			}
		}
	}
	for _, f := range fields.members {
		all.put(f.Name, f.Value)
	}
	for _, r := range raw.members {
		all.put(r.Name, r.Value)
	}
	all.doubtful = len(raw.members) > 0 || all.has("exp") || all.has("nbf") || all.has("iat")
	return all, w.addAnnotationClaims(all, p.Token)
}

// inherit adds the claims of the surrounding messages, of which nearer ones win, as they
// will be after validation: fields that their tokens will fill in count too (A52).
func (w *walker) inherit(all *set, outer *parent) error {
	if outer == nil {
		return nil
	}
	if err := w.inherit(all, outer.up); err != nil {
		return err
	}
	own := &set{}
	outside := walker{Signer: w.Signer, bearer: w.bearer, now: w.now, path: outer.path.Clone()}
	if err := outside.collect(outer.plan, outer.message, own, nil); err != nil {
		return err
	}
	for _, c := range own.members {
		all.put(c.Name, c.Value)
	}
	names := map[string]bool{}
	if outer.plan.AddFilledClaims(outer.message, names); len(names) == 0 {
		return nil
	}
	token, err := outside.tokenOf(outer)
	for _, c := range token {
		if names[c.Name] {
			all.put(c.Name, c.Value)
		}
	}
	return err
}

// tokenOf returns the claims of the token with which of is validated.
func (w *walker) tokenOf(of *parent) ([]strictjson.Member, error) {
	switch {
	case of.plan.UsesBearer && w.bearer != nil:
		return w.bearer.Claims.Members(), nil
	case of.plan.Token == nil:
		return nil, nil
	}
	if of.claims == nil {
		var err error
		if of.claims, err = w.claims(of.plan, of.message, of.up); err != nil {
			return nil, err
		}
	}
	return of.claims.members, nil
}

// collect adds the claims of m's fields to into, and the entries of its RAW fields to
// raw, unless that is nil (A60).
func (w *walker) collect(p *plan.Message, m protoreflect.Message, into, raw *set) error {
	for i := range p.Claims {
		c := &p.Claims[i]
		if claims.Empty(m, c.Field) {
			continue
		}
		var err error
		switch c.Action {
		case policy.Include, policy.Extract:
			err = w.include(c, m, into)
		case policy.Descend:
			leave := w.enter(c.Field, plan.NoIndex)
			err = w.collect(c.Message, m.Get(c.Field).Message(), into, raw)
			leave()
		case policy.Nest:
			err = w.nest(c, m.Get(c.Field), into, raw != nil)
		case policy.Raw:
			if raw != nil {
				err = w.entries(c, m.Get(c.Field), raw)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) include(c *plan.Claim, m protoreflect.Message, into *set) error {
	value, err := w.codec.Value(c.Field, m.Get(c.Field))
	if err != nil {
		return at(w.at(c), err)
	}
	return into.add(c.Name, value, func() string { return w.at(c) })
}

func (w *walker) entries(c *plan.Claim, v protoreflect.Value, raw *set) error {
	entries, err := w.codec.RawEntries(c.Field, v)
	if err != nil {
		return at(w.at(c), err)
	}
	for _, e := range entries {
		if err := raw.add(e.Name, e.Value, func() string { return w.at(c) }); err != nil {
			return err
		}
	}
	return nil
}

// nest adds the object for the message in a field, or the array of objects. An object
// without members is omitted, except from an array, whose elements are identified by
// position (A46, A60).
func (w *walker) nest(c *plan.Claim, v protoreflect.Value, into *set, withRaw bool) error {
	if !c.Field.IsList() {
		object, some, err := w.object(c, v.Message(), plan.NoIndex, withRaw)
		if err != nil || !some {
			return err
		}
		return into.add(c.Name, object, func() string { return w.at(c) })
	}
	array := strictjson.Value{'['}
	for i := range v.List().Len() {
		object, _, err := w.object(c, v.List().Get(i).Message(), i, withRaw)
		if err != nil {
			return err
		}
		if i > 0 {
			array = append(array, ',')
		}
		array = append(array, object...)
	}
	return into.add(c.Name, append(array, ']'), func() string { return w.at(c) })
}

func (w *walker) object(c *plan.Claim, m protoreflect.Message, index int, withRaw bool) (object strictjson.Value, some bool, err error) {
	leave := w.enter(c.Field, index)
	defer leave()
	fields := &set{}
	raw := fields // an entry and a field with the same name must agree here too
	if !withRaw {
		raw = nil
	}
	if err := w.collect(c.Message, m, fields, raw); err != nil {
		return nil, false, err
	}
	object, err = claims.Object(fields.members)
	return object, len(fields.members) > 0, at(w.path.String(), err)
}

// lastSecond is the latest time that jws accepts, the end of the year 9999.
const lastSecond = 253402300799

// addAnnotationClaims adds the claims set by the annotation itself (A51, A61, A62).
func (w *walker) addAnnotationClaims(all *set, t *plan.Token) error {
	path := func() string { return w.path.To(t.Field, plan.NoIndex).String() }
	for i := range t.AnnotationClaims {
		d := &t.AnnotationClaims[i]
		switch {
		case d.Default && all.has(d.Claim):
		case d.FromBearer && w.bearer == nil:
			return fault.New(fault.TokenMissing, path(), "includes the claim %q of the bearer token, but there is no bearer token", quote.Shorten(d.Claim))
		case d.FromBearer:
			value, ok := w.bearer.Claims.Get(d.Claim)
			if !ok {
				return fault.New(fault.ClaimMissing, path(), "includes the claim %q of the bearer token, which does not have it", quote.Shorten(d.Claim))
			}
			all.override(d.Claim, value)
		case d.Lifetime > 0:
			now := w.now.Unix()
			if d.Lifetime > lastSecond-now {
				return fault.New(fault.PolicyInvalid, path(), "expires_seconds: %d is past the year 9999, which no verifier accepts", d.Lifetime)
			}
			all.override(d.Claim, strictjson.Value(strconv.FormatInt(now+d.Lifetime, 10)))
		default:
			all.override(d.Claim, stringsClaim(d.Strings))
		}
	}
	return nil
}

// stringsClaim returns a string, or an array if there are several (A61).
func stringsClaim(values []string) strictjson.Value {
	if len(values) == 1 {
		return strictjson.Quote(values[0])
	}
	array := strictjson.Value{'['}
	for i, v := range values {
		if i > 0 {
			array = append(array, ',')
		}
		array = append(array, strictjson.Quote(v)...)
	}
	return append(array, ']')
}

// clearRaw empties the RAW fields of m and of the messages whose claims are in m's token
// (A60).
func clearRaw(p *plan.Message, m protoreflect.Message) {
	for i := range p.Claims {
		c := &p.Claims[i]
		switch {
		case claims.Empty(m, c.Field):
		case c.Action == policy.Raw:
			m.Clear(c.Field)
		case c.Message == nil:
		case c.Field.IsList():
			list := m.Mutable(c.Field).List()
			for j := range list.Len() {
				clearRaw(c.Message, list.Get(j).Message())
			}
		default:
			clearRaw(c.Message, m.Mutable(c.Field).Message())
		}
	}
}

func (w *walker) at(c *plan.Claim) string { return w.path.To(c.Field, plan.NoIndex).String() }
