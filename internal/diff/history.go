package diff

import (
	"slices"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// MaxHistory is the maximum number of earlier versions in a History.
const MaxHistory = 16

// History remembers versions of a policy with parts that later ones lack. A part that is
// removed in one reload and returns in another is compared with its old state, so that
// two reloads cannot let more through than one (S79). It is not safe for concurrent use.
type History[V any] struct {
	// Compare returns the failing changes from one version to another.
	Compare func(before, after V) ([]Change, error)
	// Lacks reports whether after lacks something of before; see Lacks.
	Lacks func(before, after V) bool
	// Has reports whether v has the method that is the subject of a change; see Has.
	Has func(v V, method string) bool

	versions []V // oldest first
}

// Weaker returns the failing changes from current to next, and those since earlier versions
// that current did not already have. A method that comes back as it last was is not one of
// them: a file that was incomplete for a moment can be completed.
func (p *History[V]) Weaker(current, next V) ([]Change, error) {
	found, err := p.Compare(current, next)
	if err != nil {
		return nil, err
	}
	later := []V{current} // than v
	for _, v := range slices.Backward(p.versions) {
		since, err := p.Compare(v, next)
		if err != nil {
			return nil, err
		}
		known := found
		for i := 0; i < len(later) && len(since) > 0; i++ {
			more, err := p.Compare(v, later[i])
			if err != nil {
				return nil, err
			}
			known = slices.Concat(known, more)
		}
		for _, c := range since {
			if !slices.ContainsFunc(known, c.like) {
				c.Message += ", compared with a policy that was in force earlier"
				found = append(found, c)
			}
		}
		later = append(later, v)
	}
	return p.withoutRestored(found, current, next)
}

// withoutRestored returns the changes besides those about methods that current lacks and the
// last version with them had as next has them.
func (p *History[V]) withoutRestored(changes []Change, current, next V) (left []Change, err error) {
	for _, c := range changes {
		restored := false
		if !p.Has(current, c.Subject) {
			if restored, err = p.restored(c.Subject, next); err != nil {
				return nil, err
			}
		}
		if !restored {
			left = append(left, c)
		}
	}
	return left, nil
}

func (p *History[V]) restored(method string, next V) (bool, error) {
	for _, v := range slices.Backward(p.versions) {
		if p.Has(v, method) {
			since, err := p.Compare(v, next)
			return !slices.ContainsFunc(since, func(c Change) bool { return c.Subject == method }), err
		}
	}
	return false, nil
}

// like reports whether c and o are the same change, possibly between other versions.
func (c Change) like(o Change) bool {
	return c.Kind == o.Kind && c.Subject == o.Subject && c.What == o.What
}

// Replace remembers current, which next now replaces, if next lacks part of it. It forgets
// versions whose parts have all returned, or were in current, and the oldest beyond
// MaxHistory.
func (p *History[V]) Replace(current, next V) {
	p.versions = slices.DeleteFunc(p.versions, func(v V) bool { return !p.Lacks(v, next) || !p.Lacks(v, current) })
	if p.Lacks(current, next) {
		p.versions = append(p.versions, current)
	}
	if more := len(p.versions) - MaxHistory; more > 0 {
		p.versions = slices.Delete(p.versions, 0, more)
	}
}

// Lacks reports whether after lacks a method of before.
func Lacks(before, after *policy.Policy) bool {
	there := methods(after)
	for name := range methods(before) {
		if !there[name] {
			return true
		}
	}
	return false
}

// Has reports whether p has a method of that name, "pkg.Service/Method".
func Has(p *policy.Policy, method string) bool { return methods(p)[method] }

func methods(p *policy.Policy) map[string]bool {
	names := map[string]bool{}
	for _, s := range p.Services {
		for _, m := range s.Methods {
			names[m.Name()] = true
		}
	}
	return names
}

// LacksRules reports whether after lacks an issuer for whose tokens before has rules.
func LacksRules(before, after []IssuerRules) bool {
	return slices.ContainsFunc(before, func(b IssuerRules) bool {
		return !b.Rules.IsZero() && !slices.ContainsFunc(after, func(a IssuerRules) bool { return a.Name == b.Name })
	})
}
