package lint

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

func messageWithoutToken(p *pass) {
	with, signable := p.withToken(), p.signable()
	const hint = "annotate one of its string fields with token: true"
	for _, m := range p.methods {
		r := m.EffectiveRules()
		if r.ValidatesMessage() && !with[m.Input] {
			p.report(m.Desc, r.ModePos(r.Validate, policy.ModeMessage), hint+", or set validate_bearer_token",
				"%s validates %s, which has no token", label(m.Desc), label(m.Input.Desc))
		}
		if r.SignsMessage() && !signable[m.Output] {
			p.report(m.Desc, r.ModePos(r.Sign, policy.ModeMessage), hint,
				"%s signs %s, which has no token field", label(m.Desc), label(m.Output.Desc))
		}
	}
}

func bearerTokenNotValidated(p *pass) {
	needs := nearest(p.Messages, func(m *policy.Message) (*policy.Message, bool) { return m, m.BearerToken }, nestedTokens)
	for _, m := range p.methods {
		r := m.EffectiveRules()
		if r.ValidatesMessage() && !r.ValidatesBearer() && needs[m.Input] != nil {
			p.report(m.Desc, r.ModePos(r.Validate, policy.ModeMessage), "add validate: BEARER_TOKEN to the method",
				"%s checks %s against the bearer token (validate_bearer_token), but does not validate that token", label(m.Desc), label(needs[m.Input].Desc))
		}
	}
}

func bearerClaimNotValidated(p *pass) {
	needs := nearest(p.Messages, func(m *policy.Message) (*policy.Field, bool) {
		for _, f := range m.Fields {
			if f.HoldsToken() && len(f.BearerClaims) > 0 {
				return f, true
			}
		}
		return nil, false
	}, nestedTokens)
	for _, m := range p.methods {
		r := m.EffectiveRules()
		tell := func(list []policy.ModeValue, verb string, f *policy.Field) {
			p.report(m.Desc, r.ModePos(list, policy.ModeMessage), "add validate: BEARER_TOKEN to the method",
				"%s %s the token %s with the claim %q of the bearer token (include_bearer_token_claim), but does not validate that token",
				label(m.Desc), verb, label(f.Desc), f.BearerClaims[0].Value)
		}
		if r.ValidatesMessage() && !r.ValidatesBearer() && needs[m.Input] != nil {
			tell(r.Validate, "validates", needs[m.Input])
		}
		if r.SignsMessage() && !r.ValidatesBearer() && needs[m.Output] != nil {
			tell(r.Sign, "signs", needs[m.Output])
		}
	}
}

func signBearerToken(p *pass) {
	p.rules(func(d protoreflect.Descriptor, r *policy.Rules) {
		for _, m := range r.Sign {
			if m.Mode == policy.ModeBearerToken {
				p.report(d, m.Pos, "use validate: BEARER_TOKEN to check it, or sign: MESSAGE", "%s signs the bearer token: a response has none", label(d))
			}
		}
	})
}

func annotatedTwice(p *pass) {
	for _, t := range p.DualAnnotations {
		p.report(t.Desc, t.OtherPos, "remove one of them", "%s is annotated twice, by %s and %s", label(t.Desc), t.Option, t.Other)
	}
}

func unknownEnumValue(p *pass) {
	const hint = "use a value that the schema defines, or a newer jwtctl"
	p.rules(func(d protoreflect.Descriptor, r *policy.Rules) {
		for i, m := range append(append([]policy.ModeValue(nil), r.Validate...), r.Sign...) {
			if m.Mode.Known() && !(r.OnService && m.Mode == policy.ModeMessage) {
				continue
			}
			option := "validate"
			if i >= len(r.Validate) {
				option = "sign"
			}
			p.report(d, m.Pos, hint, "%s of %s has the unknown enum value %d", option, label(d), m.Mode)
		}
	})
	p.fields(func(f *policy.Field) {
		if !f.Claim.Known() {
			p.report(f.Desc, f.ClaimPos, hint, "claim of %s has the unknown enum value %d", label(f.Desc), f.Claim)
		}
	})
}

// unannotatedMethod takes an empty annotation for a decision.
func unannotatedMethod(p *pass) {
	for _, m := range p.methods {
		if p.RequireAll && m.EffectiveRules() == nil {
			p.report(m.Desc, m.Pos, "annotate it; if it is meant to be open: option "+policy.MethodOption(m.Desc)+" = {}",
				"%s has no annotation, nor does its service", label(m.Desc))
		}
	}
}

// dropped lists what the service requires of the bearer token and the method, which
// replaces it, does not. Any issuer or claim of the method's own counts.
func dropped(service, method *policy.Rules) []string {
	if service == nil || method == nil || !service.ValidatesBearer() {
		return nil
	}
	if !method.ValidatesBearer() {
		return []string{"the bearer token"}
	}
	var missing []string
	if len(service.Issuers) > 0 && len(method.Issuers) == 0 {
		missing = append(missing, "its issuer")
	}
	has := map[string]bool{}
	for _, c := range method.StaticClaims {
		has[c.Claim.Value] = true
	}
	for _, c := range service.StaticClaims {
		if !has[c.Claim.Value] {
			has[c.Claim.Value] = true
			missing = append(missing, fmt.Sprintf("its claim %q", c.Claim.Value))
		}
	}
	return missing
}

func methodDropsServicePolicy(p *pass) {
	for _, m := range p.methods {
		if missing := dropped(m.Service.OwnRules, m.OwnRules); missing != nil {
			p.report(m.Desc, m.OwnRules.Pos, "repeat in the method what its service requires; nothing is merged",
				"%s replaces the annotation of its service, and no longer checks %s", label(m.Desc), strings.Join(missing, " and "))
		}
	}
}

// unguardedMethod ignores methods that sign, which often issue tokens, and empty
// annotations, which declare a method open.
func unguardedMethod(p *pass) {
	for _, s := range p.Services {
		var guarded *policy.Method
		for _, m := range s.Methods {
			if m.Guarded() {
				guarded = m
				break
			}
		}
		for _, m := range s.Methods {
			if guarded != nil && m.EffectiveRules() == nil {
				p.report(m.Desc, m.Pos, "annotate it; if it is meant to be open: option "+policy.MethodOption(m.Desc)+" = {}",
					"%s is open to everyone, but %s is protected", label(m.Desc), guarded.Desc.Name())
			}
		}
	}
}

func bearerOptionsUnused(p *pass) {
	p.rules(func(d protoreflect.Descriptor, r *policy.Rules) {
		if r.ValidatesBearer() || len(r.Issuers)+len(r.StaticClaims) == 0 {
			return
		}
		option, at := "bearer_token_issuer", first(r.Issuers)
		if len(r.Issuers) == 0 {
			option, at = "static_claim", r.StaticClaims[0].Pos
		}
		p.report(d, at, "add validate: BEARER_TOKEN", "%s of %s checks nothing: the bearer token is not validated", option, label(d))
	})
}
