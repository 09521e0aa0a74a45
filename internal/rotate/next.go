package rotate

import (
	"slices"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// SignerSlack is how long a program may take from looking up the active key to signing
// with it. A retired key is kept that much longer.
const SignerSlack = time.Minute

// Policy configures when keys are replaced.
type Policy struct {
	// Every is how long a key is active before its successor is made; 0 means only when
	// Force is set.
	Every time.Duration
	// PublishWait is how long a key is published before it signs: at least the longest
	// time that verifiers take to learn of a new key. For `jwtctl serve` and a Temporal
	// server that is the sum of the server's poll interval, its max-age and the
	// refreshInterval.
	PublishWait time.Duration
	// MaxTokenLife is the longest lifetime of a token. A retired key stays published for
	// at least as long.
	MaxTokenLife time.Duration
	// Force makes a successor now, whatever the active key's age. The successor waits
	// like any other. Force does nothing if there is a successor already.
	Force bool
}

// Check returns a usage error for invalid durations.
func (p Policy) Check() error {
	switch {
	case p.Every < 0:
		return fault.New(fault.UsageError, "every", "must not be negative (got %s)", quote.Duration(p.Every))
	case p.PublishWait < 0:
		return fault.New(fault.UsageError, "publish-wait", "must not be negative (got %s)", quote.Duration(p.PublishWait))
	case p.MaxTokenLife <= 0:
		return fault.New(fault.UsageError, "max-token-life", "must be greater than 0 (got %s)", quote.Duration(p.MaxTokenLife))
	}
	return nil
}

// FolderKeys holds the key files of a folder by key ID.
type FolderKeys map[string]Files

// Files are the files with the same key.
type Files struct {
	Paths   []string
	CanSign bool // one of them has the private half

	key *keys.Key // private if CanSign
}

// Action is the kind of a step.
type Action string

// The actions. Each changes one thing, so that Next can continue if the program is killed
// between two of them, or during one.
const (
	Nothing  Action = "nothing"
	Adopt    Action = "adopt"    // the folder's only private key becomes active
	Make     Action = "make"     // a new key is made: recorded in the state, then written
	Announce Action = "announce" // the new key is published; its wait begins
	Promote  Action = "promote"  // the next key becomes active, the active one is retired
	Remove   Action = "remove"   // the files of a retired key are removed
	Forget   Action = "forget"   // the state no longer names a key whose files are gone
)

// Step is an action and the state after it.
type Step struct {
	Action Action
	// KeyID is the affected key; "" for Make.
	KeyID string
	// State is to be written after the action; for Make, without Next, which execute fills
	// in.
	State State
}

// Next returns the next step for a folder with state s that holds held, or Nothing. It
// has no side effects, and does not modify s. It returns key_ambiguous if a folder
// without state has several private keys, since it is unknown which one signs.
func Next(s State, held FolderKeys, now time.Time, p Policy) (Step, error) {
	s.Retired = slices.Clone(s.Retired)
	switch {
	case s.isNew():
		return begin(held, now)
	case s.Next != nil && !held[s.Next.KeyID].CanSign:
		gone := s.Next.KeyID
		s.Next = nil
		return Step{Forget, gone, s}, nil
	case s.Next != nil && s.Next.SignsFrom == nil:
		from := now.Add(p.PublishWait)
		if s.Active == nil && len(s.Retired) == 0 && len(held) == 1 {
			from = now // verifiers cannot hold an older set
		}
		s.Next = &Upcoming{KeyID: s.Next.KeyID, SignsFrom: &from}
		return Step{Announce, s.Next.KeyID, s}, nil
	case s.Next != nil && !now.Before(*s.Next.SignsFrom):
		return promote(s, now, p), nil
	}
	for i, r := range s.Retired {
		_, there := held[r.KeyID]
		if there && now.Before(r.RemoveAfter) {
			continue
		}
		s.Retired = slices.Delete(s.Retired, i, i+1)
		if there {
			return Step{Remove, r.KeyID, s}, nil
		}
		return Step{Forget, r.KeyID, s}, nil
	}
	if s.Next == nil && s.isDue(held, now, p) {
		return Step{Make, "", s}, nil
	}
	return Step{Nothing, "", s}, nil
}

// begin returns the first step for a folder without state.
func begin(held FolderKeys, now time.Time) (Step, error) {
	var signers []string
	for id, f := range held {
		if f.CanSign {
			signers = append(signers, id)
		}
	}
	switch len(signers) {
	case 0:
		return Step{Make, "", State{}}, nil
	case 1:
		return Step{Adopt, signers[0], State{Active: &Active{KeyID: signers[0], Since: now}}}, nil
	}
	return Step{}, fault.New(fault.KeyAmbiguous, "", "has %d private keys, but no record of which one signs", len(signers)).
		WithHint("keep only the one to sign with; public halves of the others may stay")
}

func promote(s State, now time.Time, p Policy) Step {
	if s.Active != nil {
		s.Retired = append(s.Retired, Retired{s.Active.KeyID, now.Add(p.MaxTokenLife + SignerSlack)})
	}
	s.Active = &Active{KeyID: s.Next.KeyID, Since: now}
	s.Next = nil
	return Step{Promote, s.Active.KeyID, s}
}

// isDue reports whether the active key needs a successor: it is too old, or it cannot
// sign because its file is missing.
func (s State) isDue(held FolderKeys, now time.Time, p Policy) bool {
	if p.Force || s.Active == nil || !held[s.Active.KeyID].CanSign {
		return true
	}
	return p.Every > 0 && now.Sub(s.Active.Since) >= p.Every
}
