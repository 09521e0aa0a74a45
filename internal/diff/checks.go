package diff

import (
	"fmt"
	"time"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// Checks are the settings of a run by which all tokens and messages are checked.
type Checks struct {
	// Leeway is the tolerance for the times of a token.
	Leeway time.Duration
	// RefuseUnknown refuses fields that no type declares.
	RefuseUnknown bool
	At            descset.Position
}

// WithChecks adds to changes those of the settings.
func WithChecks(changes []Change, before, after Checks) []Change {
	add := func(name, subject, old, new string, looser bool) {
		kind := "check-tightened"
		if looser {
			kind = "check-loosened"
		}
		if old != new {
			changes = append(changes, setting(kind, subject, name, old, new, before.At, after.At))
		}
	}
	add("leeway", "every token", before.Leeway.String(), after.Leeway.String(), after.Leeway > before.Leeway)
	add("refuse_unknown_fields", "every message", fmt.Sprint(before.RefuseUnknown), fmt.Sprint(after.RefuseUnknown), before.RefuseUnknown)
	return sorted(changes)
}
