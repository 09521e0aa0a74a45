package lint

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// Rules for annotations that look like a check but can be avoided: a token or claim that
// can be omitted, or that binds nothing.

// claimWithDefault: nothing is checked for a field that is not set (A42), and readers see
// its default.
func claimWithDefault(p *pass) {
	p.fields(func(f *policy.Field) {
		if f.Claim != policy.Include && f.Claim != policy.Extract {
			return
		}
		if value := policy.UnsetValue(f.Desc); value != "" {
			p.report(f.Desc, f.ClaimPos, "remove the default, or give the enum a first value of 0 without a meaning",
				"%s reads as %s when unset, and is then not compared with its claim: a sender can omit it to say %s without a token that says so",
				label(f.Desc), value, value)
		}
	})
}

// everyTokenOptional only checks requests: in a response without tokens there is nothing
// to sign.
func everyTokenOptional(p *pass) {
	needs, with := p.NeedingToken(), p.withToken()
	for _, m := range p.methods {
		r := m.EffectiveRules()
		if !r.ValidatesMessage() || r.ValidatesBearer() || needs[m.Input] || !with[m.Input] {
			continue
		}
		var names string
		for _, f := range m.Input.Fields {
			if f.NestsTokens() {
				names += map[bool]string{true: ", "}[names != ""] + string(f.Desc.Name())
			}
		}
		p.report(m.Desc, r.ModePos(r.Validate, policy.ModeMessage), "give the request its own token, or validate the bearer token as well",
			"%s validates %s, whose only tokens are in messages that may be absent (%s): a request without them is accepted without any token",
			label(m.Desc), label(m.Input.Desc), names)
	}
}

// messageSet checks everything that a validated or signed message can contain: the
// content of a MessageSet would not be read.
func messageSet(p *pass) {
	seen := map[protoreflect.FullName]bool{}
	var walk func(m protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		for fd := range descset.Each(m.Fields()) {
			if of := fd.Message(); of != nil && p.Set().IsMessageSet(of.FullName()) {
				p.report(fd, p.Set().Position(fd), "move it out of the messages that are validated or signed",
					"%s is a MessageSet, whose content cannot be checked", label(fd))
			} else if of != nil {
				walk(of)
			}
		}
	}
	for _, m := range p.Messages {
		if p.reach.All[m] {
			walk(m.Desc)
		}
	}
}

// tokenNotValidated checks messages with tokens that no annotation leads to, at any depth
// within one that a method validates or signs.
func tokenNotValidated(p *pass) {
	var loose *policy.Message // a message with a token that nothing validates or signs
	for _, m := range p.Messages {
		if loose == nil && m.TokenField() != nil && !p.ofToken(m) {
			loose = m
		}
	}
	holders := nearest(p.Messages, func(m *policy.Message) (*policy.Field, bool) { return m.TokenField(), m.TokenField() != nil }, p.parts)
	for _, m := range p.Messages {
		if !p.reach.All[m] {
			continue
		}
		annotated := map[protoreflect.FieldDescriptor]bool{}
		for _, f := range m.Fields {
			annotated[f.Desc] = f.IsClaim() || f.Token
		}
		for fd := range descset.Each(m.Desc.Fields()) {
			if !annotated[fd] {
				p.unvalidated(m, fd, holders[p.part(fd)], loose)
			}
		}
	}
}

// unvalidated reports fd, which has no annotation, if it leads to the token inner, or is
// an Any that may contain the message loose; both may be nil.
func (p *pass) unvalidated(m *policy.Message, fd protoreflect.FieldDescriptor, inner *policy.Field, loose *policy.Message) {
	at, hint := p.Set().Position(fd), "annotate the field with token: true"
	if inner != nil {
		if fd.IsMap() {
			hint = "make it a repeated field, and annotate that with token: true"
		}
		p.report(fd, at, hint, "%s contains the token %s, but nothing validates it: no annotation leads from %s to it", label(fd), label(inner.Desc), label(m.Desc))
		return
	}
	value := fd
	if fd.IsMap() {
		value = fd.MapValue()
	}
	if loose != nil && value.Message() != nil && value.Message().FullName() == "google.protobuf.Any" {
		p.report(fd, at, "use a field of that type with token: true, or a oneof of such fields",
			"%s is a google.protobuf.Any, which may hold %s: nothing validates a token in it", label(fd), label(loose.Desc))
	}
}

// tokenWithoutClaims checks messages whose token binds none of their fields. For a token
// in a field, any other requirement counts as its purpose.
func tokenWithoutClaims(p *pass) {
	for _, m := range p.Messages {
		t, flat := m.TokenField(), p.claimsOf(m)
		if !p.reach.Validated[m] || len(flat.List) > 0 || flat.Raw || len(nestedTokens(m)) > 0 {
			continue
		}
		const hint = "annotate the fields that the token must confirm with claim: INCLUDE"
		switch {
		case m.BearerToken && m.Desc.Fields().Len() > 0:
			p.report(m.Desc, m.BearerTokenPos, hint, "%s is checked against the bearer token, but none of its fields is a claim: any content is accepted", label(m.Desc))
		case m.BearerToken || t == nil || m.Desc.Fields().Len() == 1 || len(t.StaticClaims)+len(t.BearerClaims) > 0 || t.IncludeParentClaims:
		default:
			p.report(t.Desc, t.TokenPos, hint, "no field of %s is a claim of its token: any content is accepted with any valid token", label(m.Desc))
		}
	}
}

// walkWithoutClaims checks DESCEND and NEST fields that lead to no claim.
func walkWithoutClaims(p *pass) {
	leads := nearest(p.Messages, func(m *policy.Message) (bool, bool) {
		for _, f := range m.Fields {
			if f.IsClaim() && f.Claim != policy.Descend && f.Claim != policy.Nest {
				return true, true
			}
		}
		return false, false
	}, func(m *policy.Message) (list []*policy.Message) {
		for _, f := range m.Fields {
			if f.Recurses() {
				list = append(list, f.Child)
			}
		}
		return list
	})
	cycle := p.OnCycle() // reported as another error
	p.fields(func(f *policy.Field) {
		if f.Recurses() && !leads[f.Child] && !cycle(f) {
			p.report(f.Desc, f.ClaimPos, "annotate its fields with claim: INCLUDE, or use INCLUDE here for the whole value",
				"%s in %s compares nothing: no field of %s is a claim", f.Claim, label(f.Desc), label(f.Child.Desc))
		}
	})
}

func claimInOneof(p *pass) {
	p.fields(func(f *policy.Field) {
		if free := f.Alternative(); free != nil {
			p.report(f.Desc, f.ClaimPos, "make "+string(free.Name())+" a claim as well, or move it out of the oneof",
				"%s is a member of the oneof %s, and so is %s, which is not a claim: a sender can set that instead, unconfirmed by a token",
				label(f.Desc), f.Desc.ContainingOneof().Name(), free.Name())
		}
	})
}

// emptyName: nothing can have the name "".
func emptyName(p *pass) {
	p.issuers(func(d protoreflect.Descriptor, t policy.Text) {
		if t.Value == "" {
			p.report(d, t.Pos, "name the issuer, or remove the option", "an issuer of %s is empty", label(d))
		}
	})
	p.fields(func(f *policy.Field) {
		for _, t := range f.BearerClaims {
			if t.Value == "" {
				p.report(f.Desc, t.Pos, "name the claim, or remove the option", "include_bearer_token_claim of %s is empty", label(f.Desc))
			}
		}
	})
}

// serviceValidatesNothing leaves options for the bearer token to bearerOptionsUnused.
// UNSPECIFIED looks like an option that is not set.
func serviceValidatesNothing(p *pass) {
	for _, s := range p.Services {
		if r := s.OwnRules; r != nil && len(r.Validate)+len(r.Issuers)+len(r.StaticClaims) == 0 {
			p.report(s.Desc, r.Pos, "add validate: BEARER_TOKEN, or remove it; for a method that is open on purpose, option "+r.OnMethod()+" = {}",
				"the annotation of %s has no effect: it does not say what to validate", label(s.Desc))
		}
	}
}

// modeUnspecified checks methods; serviceValidatesNothing checks services.
func modeUnspecified(p *pass) {
	p.rules(func(d protoreflect.Descriptor, r *policy.Rules) {
		for i, m := range append(append([]policy.ModeValue(nil), r.Validate...), r.Sign...) {
			if m.Mode == policy.ModeUnspecified {
				option, other := "validate", "BEARER_TOKEN or MESSAGE"
				if i >= len(r.Validate) {
					option, other = "sign", "MESSAGE"
				}
				p.report(d, m.Pos, "write "+option+": "+other+"; for a method that is open on purpose, option "+r.OnMethod()+" = {}",
					"%s: UNSPECIFIED of %s has no effect", option, label(d))
			}
		}
	})
}
