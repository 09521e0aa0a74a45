package diff

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// fields compares the token's claims for the fields of a message.
func (p *pass) fields(f, t *policy.Message) {
	same := matchFields(f.Desc, t.Desc)
	for _, old := range f.Fields {
		desc := same[old.Desc]
		from, to := p.from.field(f, old.Desc), p.to.field(t, desc)
		now := &policy.Field{} // requires nothing
		if desc != nil {
			if a := annotated(t, desc); a != nil {
				now = a
			}
		}
		p.nests(from, to, old, now)
		p.claim(from, to, old, now, desc)
	}
}

// nests compares whether the messages in a field have their own tokens (A49).
func (p *pass) nests(from, to place, old, now *policy.Field) {
	switch {
	case old.NestsTokens() && now.NestsTokens():
		p.changed(from, to, old, now, true)
		if !old.IsClaim() || !now.IsClaim() {
			p.required(from.on(old.TokenPos), to.on(now.TokenPos), old, now)
		}
		p.types(from, to, old.Child, now.Child)
	case old.NestsTokens():
		p.add(loss{kind: "nested-token-not-validated", from: from.on(old.TokenPos), to: to, old: "token: true"})
	}
}

// claim compares the claims of a field. desc is the field in the later version, or nil if
// it was removed: readers of the old field on the wire then trust its value unchecked.
func (p *pass) claim(from, to place, old, now *policy.Field, desc protoreflect.FieldDescriptor) {
	if !old.IsClaim() {
		return
	}
	l := loss{from: from.on(old.ClaimPos), to: to.on(now.ClaimPos), what: claimOf(old), old: word(old), new: word(now)}
	switch {
	case !now.IsClaim():
		l.kind = "claim-not-compared"
		switch {
		case old.Recurses():
			l.kind = "nested-claims-not-compared"
		case old.Claim == policy.Raw:
			l.kind = "raw-claims-not-taken"
		}
		if desc == nil {
			l.reason = fmt.Sprintf("; the field was removed, and readers that still use number %d get an unchecked value", old.Desc.Number())
		}
		p.add(l)
		return
	case old.Claim == policy.Extract && now.Claim == policy.Include:
		l.kind = "extract-to-include"
		p.add(l)
	case old.Claim == policy.Include && now.Claim == policy.Extract: // in the reverse direction
	case old.Claim != now.Claim:
		l.kind, l.what = "claim-action-changed", fmt.Sprintf("%s, no longer %s", now.Claim, old.Claim)
		p.add(l)
		return
	}
	if old.Claim != policy.Descend && old.Claim != policy.Raw && old.ClaimName() != now.ClaimName() {
		r := l
		r.kind, r.what, r.old, r.new = "claim-renamed", fmt.Sprintf("%q, no longer %q", now.ClaimName(), old.ClaimName()), old.ClaimName(), now.ClaimName()
		r.to = to.on(now.Name.Pos)
		p.add(r)
	}
	p.changed(from, to, old, now, old.Recurses())
	p.required(l.from, l.to, old, now)
	switch {
	case old.Recurses():
		p.types(from, to, old.Child, now.Child)
	case old.Desc.HasPresence() && !now.Desc.HasPresence() && now.Desc.Cardinality() != protoreflect.Repeated:
		l.kind = "zero-not-compared"
		p.add(l)
	}
}

// claimOf returns the claim of f in words; "" for all claims of a message or map.
func claimOf(f *policy.Field) string {
	if f.Claim == policy.Descend || f.Claim == policy.Raw {
		return ""
	}
	return f.ClaimName()
}

// word returns the action of f as written in its annotation.
func word(f *policy.Field) string {
	switch {
	case !f.IsClaim():
		return "nothing"
	case f.Name.Value != "":
		return fmt.Sprintf("claim: %s name: %q", f.Claim, f.Name.Value)
	}
	return "claim: " + f.Claim.String()
}

// changed reports if a field has changed in JSON or on the wire. The content of messages
// that are walked is compared field by field.
func (p *pass) changed(from, to place, old, now *policy.Field, walks bool) {
	s := shapes{}
	what := s.differ(old.Desc, now.Desc, walks)
	if free := now.Alternative(); what == "" && free != nil && old.Alternative() == nil {
		what = fmt.Sprintf("a sender can set %s instead, which is not a claim", free.Name())
	}
	if what != "" {
		p.add(loss{kind: "field-changed", from: from, to: to, what: what, old: typeOf(old.Desc), new: typeOf(now.Desc)})
	}
}

// required compares whether the field must be set.
func (p *pass) required(from, to place, old, now *policy.Field) {
	if old.Desc.Cardinality() == protoreflect.Required && now.Desc.Cardinality() == protoreflect.Optional {
		p.add(loss{kind: "field-not-required", from: from, to: to, old: "required", new: "optional"})
	}
}

// typeOf returns the declaration of a field, without options.
func typeOf(f protoreflect.FieldDescriptor) string {
	return fmt.Sprintf("%s %s = %d", policy.TypeName(f), f.Name(), f.Number())
}
