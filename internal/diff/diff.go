// Package diff compares two versions of a policy by what they require, not by how it is
// written, and reports for each change whether it lets more through. A change that
// benefits an attacker is weaker, and one that cannot be decided counts as weaker.
//
// It compares effective policies: an annotation of a method replaces its service's (A10),
// a claim's name defaults to the field's (A48), expires_seconds defaults to one hour
// (A62), and options without effect are ignored. Variables such as ${NAME} are compared
// by name: the environment is not read.
//
// The package reads no files and does not decide exit statuses.
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
	// Subject names the method ("pkg.Service/Method"), field, message or service, by its
	// new name unless it was removed.
	Subject string
	// What distinguishes changes of the same kind and subject: the issuer, the claim, or
	// "claim: value"; "" if not needed.
	What string
	// Old and New describe the state before and after; "" means nothing.
	Old, New string
	// OldPos and NewPos are the positions of the annotation in the two versions, or of the
	// annotated element if it has none, or zero if that does not exist.
	OldPos, NewPos descset.Position
	// Deleted is set if the annotation, or the whole subject, is only in the old version.
	Deleted bool
	// Message describes the change, without a capital or a final full stop.
	Message string
	// Gain is a sentence about what an attacker gains; "" unless Weaker or Unknown.
	Gain string
	// Accepted is the allow file's entry that accepts the change, or nil.
	Accepted *Entry
}

// Fails reports whether the change is Weaker or Unknown and not accepted.
func (c Change) Fails() bool { return c.Direction >= Unknown && c.Accepted == nil }

// Pos returns the position of the annotation in the new version or, if deleted is true, in
// the old one.
func (c Change) Pos() (at descset.Position, deleted bool) {
	if c.Deleted {
		return c.OldPos, true
	}
	return c.NewPos, false
}

// InvalidError is returned if a version has errors, so that it cannot be enforced (A101)
// or compared.
type InvalidError struct {
	// Old is set for the old version.
	Old bool
	// Err is the error of plan.Valid.
	Err error
}

func (e *InvalidError) Error() string {
	if e.Old {
		return "the old version: " + e.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap returns lint's errors.
func (e *InvalidError) Unwrap() error { return e.Err }

// Compare returns the changes between two policies: most severe first, then by position
// in the new version.
//
// It returns an *InvalidError if one of them cannot be enforced: compared with an old
// version that admits nothing, every policy would be weaker, and errors in a new one must
// be fixed first.
func Compare(before, after *policy.Policy) ([]Change, error) {
	for _, p := range []*policy.Policy{after, before} {
		if err := plan.Valid(p); err != nil {
			return nil, &InvalidError{Old: p == before && p != after, Err: err}
		}
	}
	a, b, cache := newSide(before), newSide(after), newInclusionCache()
	kinds := byID()
	var changes []Change
	reported := map[string]bool{}
	for _, l := range losses(a, b, cache, kinds) {
		kind := kinds[l.kind]
		reported[kind.ID+l.key+"\n"+l.from.subject+"\n"+l.to.subject] = true
		changes = append(changes, l.change(kind, l.direction(kind), l.from, l.to))
	}
	for _, l := range losses(b, a, cache, kinds) {
		kind := kinds[kinds[l.kind].Mirror]
		direction := kind.Direction
		if kind.ID == kind.Mirror {
			if reported[kind.ID+l.key+"\n"+l.to.subject+"\n"+l.from.subject] {
				continue
			}
			direction = Stronger // only the reverse is undecided
		}
		l.old, l.new, l.what, l.label = l.new, l.old, cmp.Or(l.reverse, l.what), cmp.Or(l.reverseLabel, l.label)
		changes = append(changes, l.change(kind, direction, l.to, l.from))
	}
	return sorted(changes), nil
}

func sorted(changes []Change) []Change {
	slices.SortFunc(changes, func(a, b Change) int {
		p, q := cmp.Or(a.NewPos, a.OldPos), cmp.Or(b.NewPos, b.OldPos)
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

// place is the subject of a change in one version.
type place struct {
	subject  string           // "" if it does not exist
	pos      descset.Position // of the annotation; zero if there is none
	declared descset.Position // of the annotated element
}

// on returns p with another position for the annotation or a part of it.
func (p place) on(at descset.Position) place {
	if at != (descset.Position{}) {
		p.pos = at
	}
	return p
}

func (p place) position() descset.Position { return cmp.Or(p.pos, p.declared) }

// loss is a requirement of one policy that the other does not have. The gains of a change
// are the losses of its reverse, so both use the same code.
type loss struct {
	kind     string
	key      string // distinguishes changes of a kind that is its own mirror
	unknown  bool   // undecided
	from, to place
	what     string
	label    string // what in words; "" means what itself
	// reverse and reverseLabel are what and label for the reverse change.
	reverse, reverseLabel string
	reason                string // added to the text of a loss, but not of a gain
	old, new              string
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
		OldPos: before.position(), NewPos: after.position(), Deleted: after.pos == descset.Position{} && before.pos != descset.Position{} || after.position() == descset.Position{},
	}
	c.Message = strings.NewReplacer("{s}", c.Subject, "{w}", cmp.Or(l.label, l.what), "{q}", strconv.Quote(l.what)).Replace(k.Text)
	if d >= Unknown {
		c.Message += l.reason
		c.Gain = k.Gain
	}
	if variable(l.old) || variable(l.new) || variable(l.what) {
		c.Message += " (the value of the variable is not considered)"
	}
	return c
}

func variable(text string) bool { return strings.Contains(text, "${") }
