package plan

import (
	"fmt"
	"slices"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

type compiler struct {
	plan   *Plan
	env    func(string) (string, bool)
	faults []error
}

func (c *compiler) method(m *policy.Method) {
	out := &Method{Name: m.Name(), Desc: m.Desc}
	rules := m.EffectiveRules()
	if rules.ValidatesBearer() {
		out.Bearer = &Bearer{
			Issuers:      c.texts(rules.Issuers, "bearer_token_issuer of "+out.Name),
			StaticClaims: c.statics(rules.StaticClaims, out.Name),
		}
	}
	if rules.ValidatesMessage() {
		out.Request = c.message(m.Input)
	}
	if rules.SignsMessage() {
		out.Response = c.message(m.Output)
	}
	c.plan.methods[out.Name] = out
}

// message returns the plan of m. A type that leads back to itself, such as nested tokens,
// has a single plan.
func (c *compiler) message(m *policy.Message) *Message {
	if out := c.plan.messages[m.Desc.FullName()]; out != nil {
		return out
	}
	out := &Message{Desc: m.Desc, UsesBearer: m.BearerToken}
	c.plan.messages[m.Desc.FullName()] = out
	for _, f := range m.Fields {
		if f.HoldsToken() {
			out.Token = c.token(f)
		}
		if f.NestsTokens() {
			out.Nested = append(out.Nested, Nested{f.Desc, c.message(f.Child)})
		}
		if f.IsClaim() {
			claim := Claim{Field: f.Desc, Action: f.Claim, Name: f.ClaimName()}
			if f.Recurses() { // a tree: lint refuses cycles
				claim.Message = c.message(f.Child)
			}
			out.Claims = append(out.Claims, claim)
		}
	}
	return out
}

// propagateFills sets MayFill in all plans after all are complete: nested tokens may lead back
// to a message whose plan was still being made.
func (c *compiler) propagateFills() {
	done := map[*Message]bool{}
	var fills func(*Message) bool
	fills = func(m *Message) bool {
		if !done[m] {
			done[m] = true
			for _, claim := range m.Claims {
				within := claim.Message != nil && fills(claim.Message)
				m.MayFill = m.MayFill || within || claim.Action == policy.Extract || claim.Action == policy.Raw
			}
		}
		return m.MayFill
	}
	for _, m := range c.plan.messages {
		fills(m)
	}
}

func (c *compiler) token(f *policy.Field) *Token {
	name := string(f.Desc.FullName())
	t := &Token{
		Field:        f.Desc,
		Issuers:      c.texts(f.Issuers, "issuer of "+name),
		ParentClaims: f.IncludeParentClaims,
		StaticClaims: c.statics(f.StaticClaims, name),
	}
	for _, claim := range f.BearerClaims {
		t.BearerClaims = append(t.BearerClaims, claim.Value)
	}
	for _, d := range f.AnnotationClaims() {
		t.AnnotationClaims = append(t.AnnotationClaims, AnnotationClaim{d.Claim, d.FromBearer, unique(c.expand(d.Strings)), d.Lifetime, d.Default})
	}
	return t
}

// statics makes a StaticClaim for the values of each claim, and one for each pattern (A75).
func (c *compiler) statics(list []policy.StaticClaim, of string) []StaticClaim {
	var all []StaticClaim
	for _, r := range policy.RequiredClaims(list) {
		what := fmt.Sprintf("static_claim %q of %s", r.Claim, of)
		if values := unique(c.texts(r.Values(), what)); len(values) > 0 {
			all = append(all, StaticClaim{Claim: r.Claim, Values: values})
		}
		for _, t := range r.Terms {
			if !t.Pattern {
				continue
			}
			re, err := policy.StaticClaim{Pattern: t.Text}.Compile()
			if err != nil { // lint has refused it before
				c.fail(t.Text, what, fault.PolicyInvalid, err)
			}
			all = append(all, StaticClaim{Claim: r.Claim, Pattern: re})
		}
	}
	return all
}

// unique removes duplicates: variables may make two texts equal.
func unique(list []string) []string {
	var all []string
	for _, text := range list {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// texts expands variables (A72). It refuses an empty result, which would change the check
// (S87).
func (c *compiler) texts(list []policy.Text, what string) []string {
	var all []string
	for _, t := range list {
		text, err := t.Expand(c.env)
		if err != nil {
			c.fail(t, what, fault.ConfigInvalid, err)
		}
		all = append(all, text)
	}
	return all
}

// expand is like texts, after texts has checked the list.
func (c *compiler) expand(list []policy.Text) []string {
	all := make([]string, len(list))
	for i, t := range list {
		all[i], _ = t.Expand(c.env)
	}
	return all
}

func (c *compiler) fail(t policy.Text, what string, code fault.Code, err error) {
	c.faults = append(c.faults, fault.New(code, t.Pos.String(), "%s: %w", what, err))
}

// unknown returns the error for an unknown name, with a suggestion.
func unknown[K ~string, V any](kind, flag, name string, known map[K]V) error {
	err := fault.New(fault.UsageError, flag, "the descriptors have no %s %q", kind, name)
	var names []string
	for k := range known {
		names = append(names, string(k))
	}
	slices.Sort(names)
	if like := suggest.Nearest(name, names); like != "" {
		return err.WithHint("did you mean %s?", like)
	}
	return err
}
