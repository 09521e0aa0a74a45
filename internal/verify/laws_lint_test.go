package verify_test

import (
	"slices"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// unrelated are the rules whose warnings are not about values without a token, so that
// they do not excuse any.
var unrelated = []string{
	"extract-wrong-type", "token-never-expires", "claim-overridden", "option-without-effect", "token-in-oneof",
	"method-drops-service-policy", "unguarded-method", "bearer-options-unused", "parent-claims-without-parent",
	"iss-static-claim", "pattern-matches-everything", "issuer-without-key", "token-without-issuer",
}

// warnings returns the rules that lint reports, except unrelated ones.
func warnings(p *policy.Policy) []string {
	var rules []string
	for _, f := range lint.Check(p, lint.Options{}) {
		if f.Severity >= finding.Warning && !slices.Contains(unrelated, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}
