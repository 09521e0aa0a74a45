package diff

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Failing returns the changes that fail.
func Failing(changes []Change) (fails []Change) {
	for _, c := range changes {
		if c.Fails() {
			fails = append(fails, c)
		}
	}
	return fails
}

// Refuse returns changes as errors (policy_faulty), worded as by diff and joined; nil if
// there are none (S79).
func Refuse(changes []Change) error {
	var all []error
	for _, c := range changes {
		all = append(all, fault.New(fault.PolicyFaulty, "weaker", "%s; %s (%s)", c.Message, clause(c.Gain), c.Kind))
	}
	return errors.Join(all...)
}

// Warn logs each change, after it took effect (S79).
func Warn(ctx context.Context, log *slog.Logger, changes []Change) {
	for _, c := range changes {
		log.WarnContext(ctx, "the policy became weaker", "change", c.Kind, "subject", c.Subject, "detail", c.Message, "gain", c.Gain)
	}
}
