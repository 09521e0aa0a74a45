package explain

import (
	"fmt"
	"slices"

	"github.com/jwtctl/jwtctl/internal/policy"
)

func (b *builder) method(m *policy.Method) Method {
	r := m.EffectiveRules()
	v := Method{
		Name: m.Name(), At: at(m.Pos),
		ClientStreaming: m.Desc.IsStreamingClient(), ServerStreaming: m.Desc.IsStreamingServer(),
		Policy:   PolicyNone,
		Open:     !m.Guarded(),
		Request:  Body{Message: full(m.Input), Is: Untouched},
		Response: Body{Message: full(m.Output), Is: Untouched},
	}
	if r == nil {
		return v
	}
	v.Policy, v.Annotation, v.From = PolicyMethod, r.Option, at(r.Pos)
	if r.OnService {
		v.Policy = PolicyService
	} else if own := m.Service.OwnRules; own != nil {
		v.Replaces = at(own.Pos)
		if own.ValidatesBearer() && !r.ValidatesBearer() { // A11
			v.Notes = append(v.Notes, Note{"the service requires a bearer token, but the method's own annotation replaces that and does not", at(r.Pos)})
		}
	}
	if r.ValidatesMessage() {
		v.Request.Is, v.Request.From = Validated, at(r.ModePos(r.Validate, policy.ModeMessage))
		v.Request.TokenOptional = !b.needs[m.Input] && m.Input.HasTokens()
	}
	if r.SignsMessage() {
		v.Response.Is, v.Response.From = Signed, at(r.ModePos(r.Sign, policy.ModeMessage))
	}
	v.Bearer, v.Notes = b.bearer(r, v.Notes)
	b.addWarnings(m, r, &v)
	return v
}

// bearer returns the requirements of r for the bearer token, or nil.
func (b *builder) bearer(r *policy.Rules, notes []Note) (*Bearer, []Note) {
	if !r.ValidatesBearer() {
		for _, t := range r.Issuers {
			notes = append(notes, Note{"issuer without effect: no bearer token is validated", at(t.Pos)})
		}
		for _, c := range r.StaticClaims {
			notes = append(notes, Note{"static claim without effect: no bearer token is validated", at(c.Pos)})
		}
		return nil, notes
	}
	issuers, bad := textsOf(r.Issuers)
	statics, worse := staticsOf(r.StaticClaims)
	return &Bearer{
		From:    at(r.ModePos(r.Validate, policy.ModeBearerToken)),
		Issuers: issuers, StaticClaims: statics, Keys: b.keys.validating(issuers),
	}, append(append(notes, bad...), worse...)
}

// addWarnings notes what lint refuses and what would otherwise look as if it worked. A
// method with an unknown mode is not called open, since it is never enforced (S46).
func (b *builder) addWarnings(m *policy.Method, r *policy.Rules, v *Method) {
	note := func(p policy.ModeValue, format string, args ...any) {
		v.Notes = append(v.Notes, Note{fmt.Sprintf(format, args...) + "; lint reports an error", at(p.Pos)})
	}
	for _, mode := range r.Validate {
		switch {
		case !mode.Mode.Known(), r.OnService && mode.Mode == policy.ModeMessage:
			v.Open = false
			note(mode, "validate: %s is unknown", mode.Mode)
		case mode.Mode == policy.ModeMessage && !m.Input.HasTokens():
			note(mode, "%s is validated, but there is no token in it", full(m.Input))
		case mode.Mode == policy.ModeMessage && m.Input.BearerToken && !r.ValidatesBearer():
			note(mode, "%s is validated against the bearer token, which is not validated itself", full(m.Input))
		}
	}
	for _, mode := range r.Sign {
		switch {
		case mode.Mode == policy.ModeBearerToken:
			note(mode, "sign: BEARER_TOKEN is not valid")
		case !mode.Mode.Known():
			v.Open = false
			note(mode, "sign: %s is unknown", mode.Mode)
		case mode.Mode == policy.ModeMessage && !signable(m.Output):
			note(mode, "%s is signed, but no field of it holds a token", full(m.Output))
		}
	}
}

// signable reports whether m has a token field, or messages that may have one.
func signable(m *policy.Message) bool {
	return slices.ContainsFunc(m.Fields, func(f *policy.Field) bool { return f.HoldsToken() || f.NestsTokens() })
}
