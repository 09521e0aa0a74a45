package diff

import (
	"fmt"
	"strings"
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
		if old == new {
			return
		}
		k := byID()["check-tightened"]
		if looser {
			k = byID()["check-loosened"]
		}
		c := Change{Kind: k.ID, Direction: k.Direction, Subject: subject, What: name, Old: old, New: new, OldAt: before.At, NewAt: after.At, Gain: k.Gain}
		c.Message = strings.NewReplacer("{s}", subject, "{w}", fmt.Sprintf("%s was %s, and is %s", name, old, new)).Replace(k.Text)
		changes = append(changes, c)
	}
	add("leeway", "every token", before.Leeway.String(), after.Leeway.String(), after.Leeway > before.Leeway)
	add("refuse_unknown_fields", "every message", fmt.Sprint(before.RefuseUnknown), fmt.Sprint(after.RefuseUnknown), before.RefuseUnknown)
	return sorted(changes)
}
