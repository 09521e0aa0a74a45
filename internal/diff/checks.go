package diff

import (
	"fmt"
	"time"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Checks are the settings of a run that apply to all tokens and messages.
type Checks struct {
	// Leeway is the clock tolerance.
	Leeway time.Duration
	// RefuseUnknown refuses fields that their type does not declare.
	RefuseUnknown bool
	Pos           descset.Position
}

// WithChecks adds changes of the settings to changes.
func WithChecks(changes []Change, before, after Checks) []Change {
	add := func(name, subject, old, now string, looser bool) {
		kind := "check-tightened"
		if looser {
			kind = "check-loosened"
		}
		if old != now {
			changes = append(changes, setting(kind, subject, name, old, now, before.Pos, after.Pos))
		}
	}
	add("leeway", "every token", before.Leeway.String(), after.Leeway.String(), after.Leeway > before.Leeway)
	add("refuse_unknown_fields", "every message", fmt.Sprint(before.RefuseUnknown), fmt.Sprint(after.RefuseUnknown), before.RefuseUnknown)
	return sorted(changes)
}
