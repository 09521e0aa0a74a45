package lint

import (
	"github.com/jwtctl/jwtctl/internal/policy"
)

// unreachedAnnotation reports nothing for a set without methods: they may be in another
// one.
func unreachedAnnotation(p *pass) {
	if len(p.methods) == 0 {
		return
	}
	ways := p.reachHints()
	for _, m := range p.Messages {
		t := m.TokenField()
		switch {
		case t != nil && m.BearerToken && p.reach.Validated[m] && !p.reach.Signed[m]:
			p.report(t.Desc, t.TokenPos, "remove it, or remove validate_bearer_token from the message",
				"the token %s has no effect: %s is checked against the bearer token (validate_bearer_token), and no method signs it", label(t.Desc), label(m.Desc))
		case p.reach.All[m] && t != nil && !p.ofToken(m):
			p.report(t.Desc, t.TokenPos, "annotate the field that holds the message with token: true",
				"the token %s has no effect: %s only supplies claims to other messages", label(t.Desc), label(m.Desc))
		case p.reach.All[m], len(m.Fields) == 0 && !m.BearerToken:
		default:
			at := m.BearerTokenPos
			if !m.BearerToken {
				at = m.Fields[0].Pos
			}
			p.report(m.Desc, at, ways[m], "the annotations of %s have no effect: no method validates or signs it, by itself or within another message", label(m.Desc))
		}
	}
}

// reachHints returns hints how messages could be reached.
func (f *facts) reachHints() map[*policy.Message]string {
	ways := map[*policy.Message]string{}
	add := func(m *policy.Message, hint string) {
		if ways[m] == "" {
			ways[m] = hint
		}
	}
	for _, m := range f.methods {
		add(m.Input, "add validate: MESSAGE to "+label(m.Desc)+", which takes it")
		add(m.Output, "add sign: MESSAGE to "+label(m.Desc)+", which returns it")
	}
	f.fields(func(f *policy.Field) {
		if f.Child != nil && (f.Claim == policy.Include || f.Claim == policy.Extract) {
			add(f.Child, "use NEST or DESCEND in "+label(f.Desc)+", which takes the whole message")
		}
	})
	return ways
}

// claimWithoutToken checks messages that only exist for their nested tokens.
func claimWithoutToken(p *pass) {
	var giving []*policy.Message // giving claims to tokens of others
	p.fields(func(f *policy.Field) {
		if f.Recurses() && p.ofToken(f.Parent) && (f.Parent.BearerToken || f.Parent.TokenField() != nil) {
			giving = append(giving, f.Child)
		}
	})
	given := policy.Reachable(giving, (*policy.Field).Recurses)
	for _, m := range p.Messages {
		if !p.ofToken(m) || m.BearerToken || m.TokenField() != nil || given[m] {
			continue
		}
		taken, nests := false, false
		for _, f := range m.Fields {
			if f.NestsTokens() {
				t := f.Child.TokenField()
				nests, taken = true, taken || t != nil && t.IncludeParentClaims
			}
		}
		for _, f := range m.Fields {
			if nests && !taken && f.IsClaim() {
				p.report(f.Desc, f.ClaimPos, "add a token to the message, or include_parent_claims to the token that it nests",
					"the claims of %s are in no token, so anyone can change them", label(m.Desc))
				break
			}
		}
	}
}

// claimOverridden checks signed tokens, and fields that a service sets itself: EXTRACT
// may leave them to the token.
func claimOverridden(p *pass) {
	for _, m := range p.Messages {
		t := m.TokenField()
		if t == nil || !p.reach.Signed[m] {
			continue
		}
		by := decisions(t)
		for _, c := range p.claimsOf(m).List {
			if d, decided := by[c.Name]; decided && !d.FromBearer && c.Field.Claim != policy.Extract {
				p.report(c.Field.Desc, nameAt(c.Field), "use EXTRACT and leave the field empty when signing, or remove one of the two",
					"the claim %q of %s comes from %s of %s, so a message with another value in %s cannot be signed",
					c.Name, label(m.Desc), d.Option, t.Desc.Name(), label(c.Field.Desc))
			}
		}
	}
}

// claimFromBearer checks what sets a claim that should come from the bearer token: only
// the call shows whether the two agree.
func claimFromBearer(p *pass) {
	for _, m := range p.Messages {
		t := m.TokenField()
		if t == nil || !p.reach.Signed[m] {
			continue
		}
		from := map[string]policy.AnnotationClaim{}
		for _, d := range t.AnnotationClaims() {
			if d.FromBearer {
				from[d.Claim] = d
			} else if bearer, both := from[d.Claim]; both && !d.Default {
				p.report(t.Desc, bearer.Pos, "remove one of the two, or let the method accept only such bearer tokens",
					"the claim %q of %s comes from both the bearer token and %s: if the two differ, the message cannot be signed", d.Claim, label(m.Desc), d.Option)
			}
		}
		for _, c := range p.claimsOf(m).List {
			if _, both := from[c.Name]; both && c.Field.Claim != policy.Extract {
				p.report(c.Field.Desc, nameAt(c.Field), "use EXTRACT and leave the field empty when signing, or give the claim another name",
					"the claim %q of %s comes from the bearer token (include_bearer_token_claim of %s), so a message with another value in %s cannot be signed",
					c.Name, label(m.Desc), t.Desc.Name(), label(c.Field.Desc))
			}
		}
	}
}
