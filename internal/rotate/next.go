package rotate

import (
	"slices"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// SignerSlack is how long a program may take from looking up the active key to
// signing with it. A retired key stays so much longer.
const SignerSlack = time.Minute

// Policy says when keys change.
type Policy struct {
	// Every is how long a key is active before its successor is made; 0 means
	// that only Force makes one.
	Every time.Duration
	// PublishWait is how long a key is published before it signs: at least the
	// longest time in which verifiers learn of a new key. For `jwtctl serve` and
	// a Temporal server that is the server's poll interval, its max-age and the
	// refreshInterval together.
	PublishWait time.Duration
	// MaxTokenLife is the longest life of a token. A retired key stays published
	// for at least as long.
	MaxTokenLife time.Duration
	// Force makes a successor now, whatever the active key's age. It waits like
	// any other, and does nothing where there is one.
	Force bool
}

// Check returns usage for durations that make no sense.
func (p Policy) Check() error {
	switch {
	case p.Every < 0:
		return fault.New(fault.UsageError, "every", "%s is negative", p.Every)
	case p.PublishWait < 0:
		return fault.New(fault.UsageError, "publish-wait", "%s is negative", p.PublishWait)
	case p.MaxTokenLife <= 0:
		return fault.New(fault.UsageError, "max-token-life", "%s is not positive", p.MaxTokenLife)
	}
	return nil
}

// Held says what the key files of a folder hold: by key id, its files.
type Held map[string]Files

// Files are the files that hold one key.
type Files struct {
	Paths   []string
	CanSign bool // one of them has the private half

	key *keys.Key // with its private half if CanSign
}

// Action is what a step does to a folder.
type Action string

// The actions. Each changes one thing, so that a program killed between two
// of them, or within one, leaves a folder from which Next goes on.
const (
	Nothing  Action = "nothing"
	Adopt    Action = "adopt"    // the folder's only private key becomes active
	Make     Action = "make"     // a new key is made: named in the state, then written
	Announce Action = "announce" // the new key is published; from here its wait counts
	Promote  Action = "promote"  // the next key becomes active, the active one is retired
	Remove   Action = "remove"   // the files of a retired key go
	Forget   Action = "forget"   // the state no longer names a key whose files are gone
)

// Step is one action, and the state after it.
type Step struct {
	Action Action
	// KeyID is the key that the action is about; "" for Make.
	KeyID string
	// State is to be written when the action is done; for Make, Next is still
	// to be put into it.
	State State
}

// Next returns the next step for a folder with state s that holds held; Nothing
// when all is as it should be. It has no effect itself, and s stays as it is.
// It returns key_ambiguous where a folder without state has several private
// keys, since nothing says which of them signs.
func Next(s State, held Held, now time.Time, p Policy) (Step, error) {
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
			from = now // there is no older set that verifiers could still hold
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

// begin is the first step of a folder without state.
func begin(held Held, now time.Time) (Step, error) {
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
	return Step{}, fault.New(fault.KeyAmbiguous, "", "it holds %d private keys, and nothing says which of them signs", len(signers)).
		WithHint("keep the one to sign with; of the others, the public halves may stay")
}

func promote(s State, now time.Time, p Policy) Step {
	if s.Active != nil {
		s.Retired = append(s.Retired, Retired{s.Active.KeyID, now.Add(p.MaxTokenLife + SignerSlack)})
	}
	s.Active = &Active{KeyID: s.Next.KeyID, Since: now}
	s.Next = nil
	return Step{Promote, s.Active.KeyID, s}
}

// isDue reports whether the active key needs a successor: it is old, or it cannot
// sign because its file is gone.
func (s State) isDue(held Held, now time.Time, p Policy) bool {
	if p.Force || s.Active == nil || !held[s.Active.KeyID].CanSign {
		return true
	}
	return p.Every > 0 && now.Sub(s.Active.Since) >= p.Every
}
