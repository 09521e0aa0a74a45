// Package diff compares two versions of a policy by what they ask, not by how
// that is written, and reports for each change whether it lets more through: an
// attacker's gain is weaker, and what cannot be decided counts as that.
//
// Effective policies are compared: an annotation of a method replaces its
// service's (A10), a claim's name may be that of its field (A48), no
// expires_seconds is one hour (A62), and what has no effect makes no change.
// Variables such as ${NAME} are compared by their names: no environment is read.
//
// It reads no files and decides no exit status. It imports descset, fault,
// finding, keys, plan, policy, strictjson and suggest.
package diff

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// Change is one difference between two policies.
type Change struct {
	// Kind is the ID of one of the Kinds.
	Kind      string
	Direction Direction
	// Subject names the method ("pkg.Service/Method"), field, message or service,
	// as the new version calls it unless it is gone.
	Subject string
	// What tells changes of one kind and subject apart: the issuer, the claim, or
	// "claim: value"; "" where there is nothing to tell.
	What string
	// Old and New say what was and what is; "" for nothing.
	Old, New string
	// OldAt and NewAt are the places of the annotation in the two versions. Where
	// one has none, it is the place of what is annotated, and the zero
	// Position if that is not there either.
	OldAt, NewAt descset.Position
	// Deleted says that the annotation, or all of the subject, is in the old
	// version only.
	Deleted bool
	// Message says what happened: no capital, no full stop at the end.
	Message string
	// Gain is a sentence on what an attacker gains; "" unless Weaker or Unknown.
	Gain string
	// Accepted is the entry of the allow file that accepts the change; nil if none
	// does.
	Accepted *Entry
}

// Fails reports whether the change is one to stop for: it is Weaker or Unknown, and
// no entry accepts it.
func (c Change) Fails() bool { return c.Direction >= Unknown && c.Accepted == nil }

// At returns the place of the annotation: in the new version, or, as deleted
// tells, in the old one.
func (c Change) At() (at descset.Position, deleted bool) {
	if c.Deleted {
		return c.OldAt, true
	}
	return c.NewAt, false
}

// InvalidError says that one of the versions has errors, so that it never runs
// (A101): there is nothing to compare.
type InvalidError struct {
	// Old says that it is the old version.
	Old bool
	// Err is that of plan.Valid.
	Err error
}

func (e *InvalidError) Error() string {
	if e.Old {
		return "the old version: " + e.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap returns the errors of lint.
func (e *InvalidError) Unwrap() error { return e.Err }

// Compare returns the changes that lead from one policy to another: the gravest
// first, then by place in the new version.
//
// The error is an *InvalidError if one of them does not run: an old version that
// admits nothing would make every policy a weaker one, and a new one must be
// mended first.
func Compare(before, after *policy.Policy) ([]Change, error) {
	for _, p := range []*policy.Policy{after, before} {
		if err := plan.Valid(p); err != nil {
			return nil, &InvalidError{Old: p == before && p != after, Err: err}
		}
	}
	a, b, ask := newSide(before), newSide(after), newOracle()
	kinds := byID()
	var changes []Change
	told := map[string]bool{}
	for _, l := range losses(a, b, ask, kinds) {
		kind := kinds[l.kind]
		told[kind.ID+l.key+"\n"+l.from.subject+"\n"+l.to.subject] = true
		changes = append(changes, l.change(kind, l.direction(kind), l.from, l.to))
	}
	for _, l := range losses(b, a, ask, kinds) {
		kind := kinds[kinds[l.kind].Mirror]
		direction := kind.Direction
		if kind.ID == kind.Mirror {
			if told[kind.ID+l.key+"\n"+l.to.subject+"\n"+l.from.subject] {
				continue
			}
			direction = Stronger // only taking it back is in doubt
		}
		l.old, l.new, l.what, l.shown = l.new, l.old, cmp.Or(l.back, l.what), cmp.Or(l.backShown, l.shown)
		changes = append(changes, l.change(kind, direction, l.to, l.from))
	}
	return sorted(changes), nil
}

func sorted(changes []Change) []Change {
	slices.SortFunc(changes, func(a, b Change) int {
		p, q := cmp.Or(a.NewAt, a.OldAt), cmp.Or(b.NewAt, b.OldAt)
		return cmp.Or(
			cmp.Compare(b.Direction, a.Direction),
			cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.What, b.What), cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.CompactFunc(changes, func(a, b Change) bool {
		return a.Kind == b.Kind && a.Subject == b.Subject && a.What == b.What && a.Direction == b.Direction
	})
}

// place is what a change is about, in one version.
type place struct {
	subject string           // "" if it is not there
	at      descset.Position // of the annotation; zero if there is none
	stands  descset.Position // of what is annotated
}

// on returns p with the annotation, or the part of it, at another place.
func (p place) on(at descset.Position) place {
	if at != (descset.Position{}) {
		p.at = at
	}
	return p
}

func (p place) position() descset.Position { return cmp.Or(p.at, p.stands) }

// loss is what one policy asks and the other does not. The gains of a change are
// the losses of the one that takes it back, so there is one code for both.
type loss struct {
	kind     string
	key      string // what tells changes of a kind that is its own mirror apart
	unknown  bool   // whether it is one cannot be decided
	from, to place
	what     string
	shown    string // what, in words; what if ""
	// back and backShown are what and shown for who looks from the other side.
	back, backShown string
	because         string // what is said behind the text of a loss, and not of a gain
	old, new        string
}

func (l loss) direction(k Kind) Direction {
	if l.unknown {
		return Unknown
	}
	return k.Direction
}

func (l loss) change(k Kind, d Direction, before, after place) Change {
	c := Change{
		Kind: k.ID, Direction: d, Subject: cmp.Or(after.subject, before.subject), What: l.what, Old: l.old, New: l.new,
		OldAt: before.position(), NewAt: after.position(), Deleted: after.at == descset.Position{} && before.at != descset.Position{} || after.position() == descset.Position{},
	}
	c.Message = strings.NewReplacer("{s}", c.Subject, "{w}", cmp.Or(l.shown, l.what), "{q}", strconv.Quote(l.what)).Replace(k.Text)
	if d >= Unknown {
		c.Message += l.because
		c.Gain = k.Gain
	}
	if variable(l.old) || variable(l.new) || variable(l.what) {
		c.Message += " (what the variable stands for is not looked at)"
	}
	return c
}

func variable(text string) bool { return strings.Contains(text, "${") }
