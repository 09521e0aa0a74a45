package lint

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

func staticClaimInvalid(p *pass) {
	p.statics(func(d protoreflect.Descriptor, c policy.StaticClaim) {
		const hint = "set value to what the claim must contain, or pattern to what it must match"
		values, pattern := len(c.Values) > 0, c.Pattern.Value != ""
		if c.Claim.Value == "" {
			p.report(d, c.Pos, "set claim to the name of the claim", "a static claim of %s has no claim name", label(d))
		}
		if values && pattern {
			p.report(d, c.Pattern.Pos, hint, "the static claim %q of %s has both value and pattern", c.Claim.Value, label(d))
		}
		if !values && !pattern {
			p.report(d, c.Pos, hint, "the static claim %q of %s has neither value nor pattern", c.Claim.Value, label(d))
		}
	})
}

func patternInvalid(p *pass) {
	p.statics(func(d protoreflect.Descriptor, c policy.StaticClaim) {
		if c.Pattern.Value == "" {
			return
		}
		if _, err := p.compile(c); err != nil {
			hint := "see https://github.com/google/re2/wiki/Syntax"
			if errors.Is(err, policy.ErrNotRE2) {
				hint = "rewrite it without; several static claims of one name must all match, which can replace look-ahead"
			}
			p.report(d, c.Pattern.Pos, hint, "the pattern of claim %q of %s is not a valid regular expression: %s", c.Claim.Value, label(d), err)
		}
	})
}

func patternMatchesEverything(p *pass) {
	p.statics(func(d protoreflect.Descriptor, c policy.StaticClaim) {
		if c.Pattern.Value == "" {
			return
		}
		if re, err := p.compile(c); err == nil && policy.MatchesEverything(re) {
			p.report(d, c.Pattern.Pos, "describe what the claim must look like; ^\\S+$ matches any single word",
				"the pattern of claim %q of %s matches everything: it only checks that the claim exists", c.Claim.Value, label(d))
		}
	})
}

func issStaticClaim(p *pass) {
	p.statics(func(d protoreflect.Descriptor, c policy.StaticClaim) {
		if c.Claim.Value != "iss" {
			return
		}
		option := "bearer_token_issuer"
		if _, onField := d.(protoreflect.FieldDescriptor); onField {
			option = "issuer"
		}
		p.report(d, c.Pos, "use "+option, "%s requires its issuer by a static claim, which does not select the key", label(d))
	})
}

// values visits the texts that may hold references to environment variables.
func (f *facts) values(visit func(d protoreflect.Descriptor, what string, t policy.Text)) {
	f.statics(func(d protoreflect.Descriptor, c policy.StaticClaim) {
		for _, t := range c.Values {
			visit(d, "a value of the static claim \""+c.Claim.Value+"\"", t)
		}
	})
	f.issuers(func(d protoreflect.Descriptor, t policy.Text) { visit(d, "an issuer", t) })
}

func variableInvalid(p *pass) {
	p.values(func(d protoreflect.Descriptor, what string, t policy.Text) {
		if _, err := t.Variables(); err != nil {
			p.report(d, t.Pos, "", "%s of %s is not valid: %s", what, label(d), err)
		}
	})
}

func environmentVariable(p *pass) {
	p.values(func(d protoreflect.Descriptor, what string, t policy.Text) {
		if names, err := t.Variables(); err == nil && len(names) > 0 {
			p.report(d, t.Pos, "", "%s of %s comes from the environment: %s", what, label(d), strings.Join(names, ", "))
		}
	})
}

// patternNotSigned reports nothing if the bearer token, a parent or a RAW map may supply
// the claim.
func patternNotSigned(p *pass) {
	p.fields(func(f *policy.Field) {
		if !f.HoldsToken() || !p.reach.Signed[f.Parent] || f.IncludeParentClaims {
			return
		}
		made := map[string]bool{}
		for _, d := range f.AnnotationClaims() {
			made[d.Claim] = true
		}
		for _, c := range f.StaticClaims {
			if c.Pattern.Value != "" && !made[c.Claim.Value] && !p.claimsOf(f.Parent).Sets(c.Claim.Value) {
				p.report(f.Desc, c.Pattern.Pos, "set the claim from a field, or use the pattern only where such tokens are checked",
					"tokens signed in %s lack the claim %q, so they never match its pattern", label(f.Desc), c.Claim.Value)
			}
		}
	})
}
