package gateway

import (
	"context"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// comparedPolicy is the part of a policy that is compared.
type comparedPolicy struct {
	facts  *policy.Policy
	rules  []diff.IssuerRules
	checks diff.Checks
}

func newComparedPolicy(p *policies.Policy) comparedPolicy {
	return comparedPolicy{p.Facts, p.Rules, p.Checks}
}

// newHistory returns the history of a run, initially empty.
func newHistory() *diff.History[comparedPolicy] {
	return &diff.History[comparedPolicy]{
		Compare: func(before, after comparedPolicy) ([]diff.Change, error) {
			changes, err := diff.Compare(before.facts, after.facts)
			if err != nil {
				return nil, err
			}
			changes = diff.WithChecks(diff.WithRules(changes, before.rules, after.rules), before.checks, after.checks)
			return diff.Failing(changes), nil
		},
		Lacks: func(before, after comparedPolicy) bool {
			return diff.Lacks(before.facts, after.facts) || diff.LacksRules(before.rules, after.rules)
		},
		Has: func(v comparedPolicy, method string) bool { return diff.Has(v.facts, method) },
	}
}

// weaker returns the changes from the policy in force to next that let more through, or
// that cannot be decided, as jwtctl diff reports them. It also considers what the policy
// in force lacks but an earlier one had (S79).
//
// It returns policy_invalid if next has no services although the policy in force does: a
// file that is being written is empty for a moment.
func (r *reloader) weaker(next *policies.Policy) ([]diff.Change, error) {
	if len(next.Set.Services()) == 0 && len(r.current.Set.Services()) > 0 {
		return nil, fault.New(fault.PolicyInvalid, "descriptors", "the new version has no services")
	}
	return r.history.Weaker(newComparedPolicy(r.current), newComparedPolicy(next))
}

// checkWeaker refuses a weaker policy if --refuse-weaker is set.
func (r *reloader) checkWeaker(changes []diff.Change) error {
	if !r.serving.refuseWeaker {
		return nil
	}
	return diff.Refuse(changes)
}

// warnWeaker logs each change by which the new policy is weaker.
func (r *reloader) warnWeaker(ctx context.Context, changes []diff.Change) {
	r.weakened.Add(int64(len(changes)))
	diff.Warn(ctx, r.d.Logger(), changes)
}

// warnOpen logs that a policy enforces nothing.
func (r *reloader) warnOpen(p *policies.Policy) {
	named := r.policy.Protos
	from := strings.Join(slices.Concat(named.Protos, named.Sets), " ")
	switch {
	case len(p.Set.Services()) == 0:
		r.d.Logger().Warn("the descriptors have no services: all calls are refused", "descriptors", from)
	case !p.Plan.Enforces():
		r.d.Logger().Warn("no method has JWT annotations: nothing is enforced, and calls pass unchanged", "descriptors", from)
	}
}
