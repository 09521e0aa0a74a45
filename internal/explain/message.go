package explain

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

func (b *builder) message(m *policy.Message) Message {
	v := Message{Name: full(m), At: at(m.Pos), TokenIn: InNone}
	var cut bool
	v.Claims, cut = b.claims(m)
	if cut {
		v.Notes = append(v.Notes, Note{"makes more claims than are listed here; name its nested messages to see theirs", at(m.Pos)})
	}
	for _, f := range m.Fields {
		b.field(m, f, &v)
	}
	if f := m.TokenField(); f != nil {
		v.TokenIn, v.TokenFrom = InField, at(f.TokenPos)
		v.Token, v.Notes = b.token(f, v.Claims, cut, v.Notes)
	}
	if m.BearerToken {
		v.TokenIn, v.TokenFrom = InBearer, at(m.BearerTokenPos)
	}
	for _, u := range b.uses[m] {
		v.UsedBy = append(v.UsedBy, u.Use)
	}
	if len(v.UsedBy) == 0 && (m.BearerToken || len(m.Fields) > 0) {
		v.Notes = append(v.Notes, Note{"no method or annotated field leads to it", at(m.Pos)})
	}
	return v
}

// field adds the nested tokens of f, and notes options that have no meaning there.
func (b *builder) field(m *policy.Message, f *policy.Field, v *Message) {
	name := string(f.Desc.Name())
	note := func(p string, format string, args ...any) {
		v.Notes = append(v.Notes, Note{name + ": " + fmt.Sprintf(format, args...), p})
	}
	switch {
	case f.NestsTokens():
		v.Nested = append(v.Nested, Nested{name, full(f.Child), f.Desc.IsList(), f.Desc.Cardinality() != protoreflect.Required, at(f.TokenPos)})
		if !f.Child.HasTokens() {
			note(at(f.TokenPos), "there is no token in %s; lint reports an error", full(f.Child))
		}
	case f.Token && !f.HoldsToken():
		note(at(f.TokenPos), "a token on a field of type %s; lint reports an error", policy.TypeName(f.Desc))
	case f.Token && m.TokenField() != f:
		note(at(f.TokenPos), "a second token field; lint reports an error")
	case !f.Token && !f.IsClaim():
		note(at(f.Pos), "the annotation makes it neither a claim nor a token")
	case !f.Token && (len(f.Issuers)+len(f.BearerClaims)+len(f.StaticClaims) > 0 || f.IncludeParentClaims || f.ExpiresSeconds != 0):
		note(at(f.Pos), "the token options have no effect: it is not a token")
	}
}

func (b *builder) token(f *policy.Field, claims []Claim, cut bool, notes []Note) (*Token, []Note) {
	issuers, badIssuers := textsOf(f.Issuers)
	statics, badStatics := staticsOf(f.StaticClaims)
	bearer, _ := textsOf(f.BearerClaims)
	for i := range bearer {
		bearer[i].Environment = nil // a name, in which variables are not replaced
	}
	t := &Token{
		Field: string(f.Desc.Name()), Type: policy.TypeName(f.Desc), Annotation: f.Option, From: at(f.TokenPos), Issuers: issuers,
		Expires:      Expiry{f.ExpiresSeconds, expiryRule(f.ExpiresSeconds), at(f.ExpiresSecondsPos)},
		BearerClaims: bearer, StaticClaims: statics,
		ValidatedBy: b.keys.validating(issuers), SignedBy: b.keys.signing(issuers),
	}
	if f.IncludeParentClaims {
		t.ParentClaims = &ParentClaims{From: at(f.IncludeParentClaimsPos)}
		var short bool
		if t.ParentClaims.Parents, short = b.parents(f.Parent); short {
			notes = append(notes, Note{"gets more claims from its parents than are listed here", t.ParentClaims.From})
		}
		cut = cut || short
	}
	notes = append(append(notes, badIssuers...), badStatics...)
	supplied := supplied(f, t, claims)
	for _, c := range f.StaticClaims {
		if c.Pattern.Value != "" && !cut && !supplied(c.Claim.Value) { // A65
			notes = append(notes, Note{fmt.Sprintf("nothing sets the claim %q when signing (a pattern does not), so a token signed here never passes", c.Claim.Value), at(c.Pos)})
		}
	}
	return t, notes
}

// expiryRule describes A62.
func expiryRule(seconds int64) string {
	switch {
	case seconds > 0:
		return fmt.Sprintf("%d s after signing", seconds)
	case seconds == 0:
		return fmt.Sprintf("%d s after signing, unless a field gives exp", policy.DefaultLifetime)
	case seconds == -1:
		return "never, unless a field gives exp"
	}
	return fmt.Sprintf("%d s is not valid; lint reports an error", seconds)
}

// parents returns the messages whose claims the token of m inherits: those that nest it,
// and further ones as long as their own tokens inherit too (A52). Each is visited once,
// so recursion through token: true ends.
func (b *builder) parents(m *policy.Message) (all []Parent, cut bool) {
	seen := map[*policy.Message]bool{m: true}
	for todo := []*policy.Message{m}; len(todo) > 0; todo = todo[1:] {
		for _, u := range b.uses[todo[0]] {
			if u.field == nil || !u.field.NestsTokens() || u.How != "token" {
				continue
			}
			p := u.field.Parent
			var names []string
			for _, c := range b.flat.Flatten(p).List {
				names = append(names, c.Name)
			}
			if b.flat.Budget < 0 {
				return all, true
			}
			all = append(all, Parent{full(p), string(u.field.Desc.Name()), names, u.From})
			if f := p.TokenField(); f != nil && f.IncludeParentClaims && !seen[p] {
				seen[p] = true
				todo = append(todo, p)
			}
		}
	}
	return all, cut
}

// supplied returns a function that reports whether signing may add a claim of this name
// to the token in f, described by t.
func supplied(f *policy.Field, t *Token, claims []Claim) func(name string) bool {
	decided := f.AnnotationClaims()
	return func(name string) bool {
		return slices.ContainsFunc(decided, func(d policy.AnnotationClaim) bool { return d.Claim == name }) ||
			slices.ContainsFunc(claims, func(c Claim) bool { return c.Name == name || c.Action == policy.Raw.String() }) ||
			t.ParentClaims != nil && slices.ContainsFunc(t.ParentClaims.Parents, func(p Parent) bool { return slices.Contains(p.Claims, name) })
	}
}
