package gateway

import (
	"context"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input/policies"
)

// weaker returns the changes from the policy in force to next that let more through,
// or that cannot be decided, as jwtctl diff reports them (S79).
//
// The error is policy_invalid for a policy without any service where the one in
// force has some: a file that is being written is empty for a moment.
func (r *reloader) weaker(next *policies.Policy) ([]diff.Change, error) {
	if len(next.Set.Services()) == 0 && len(r.inUse.Set.Services()) > 0 {
		return nil, fault.New(fault.PolicyInvalid, "descriptors", "the new version has no service")
	}
	changes, err := diff.Compare(r.inUse.Facts, next.Facts)
	if err != nil {
		return nil, err
	}
	changes = diff.WithChecks(diff.WithRules(changes, r.inUse.Rules, next.Rules), r.inUse.Checks, next.Checks)
	return diff.Failing(changes), nil
}

// checkWeaker refuses a weaker policy where --refuse-weaker is given.
func (r *reloader) checkWeaker(changes []diff.Change) error {
	if !r.serving.refuseWeaker {
		return nil
	}
	return diff.Refuse(changes)
}

// warnWeaker logs each change of a weaker policy that is in force now.
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
		r.d.Logger().Warn("the descriptors have no service: calls of any method are refused", "descriptors", from)
	case !p.Plan.Enforces():
		r.d.Logger().Warn("no method has JWT annotations: nothing is enforced, and calls pass unchanged", "descriptors", from)
	}
}
