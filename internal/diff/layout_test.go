package diff

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

// drawLayout draws services with methods from few names and messages, so that two layouts
// have much in common.
func drawLayout(t *rapid.T) string {
	var b strings.Builder
	for _, name := range []string{"S", "T", "U"} {
		var methods []string
		for _, method := range []string{"Do", "Get", "Put"} {
			if rapid.Bool().Draw(t, name+method) {
				methods = append(methods, method+rapid.SampledFrom([]string{" A A", " A B", " C D"}).Draw(t, "messages")+
					rapid.SampledFrom([]string{"", "", " open", " " + bearer1, " " + byOne}).Draw(t, "option"))
			}
		}
		if len(methods) > 0 {
			b.WriteString(service(name, rapid.SampledFrom([]string{"", bearer1, byOne}).Draw(t, "service"), methods...))
		}
	}
	return b.String() + messages
}

func methodsOf(p *policy.Policy) map[string]*policy.Method {
	all := map[string]*policy.Method{}
	for _, s := range p.Services {
		for _, m := range s.Methods {
			all[m.Name()] = m
		}
	}
	return all
}

// without returns the methods of one version that the other does not have.
func without(list, other map[string]*policy.Method) (rest []*policy.Method) {
	for name, m := range list {
		if other[name] == nil {
			rest = append(rest, m)
		}
	}
	return rest
}

// TestGuardedMethodIsNeverNeutralWhereItIsOpen: if a protected method is gone and a new
// open one has its name or its messages, there is a failing change, whatever else was
// rearranged; likewise if a method lost its protection.
func TestGuardedMethodIsNeverNeutralWhereItIsOpen(t *testing.T) {
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		a, b := policytest.Load(t, drawLayout(rt)), policytest.Load(t, drawLayout(rt))
		there := compare(t, a, b)
		mirrors(rt, there, compare(t, b, a))
		was, is := methodsOf(a), methodsOf(b)
		fresh, gone := without(is, was), without(was, is)
		for name, g := range was {
			if !g.Guarded() {
				continue
			}
			// If a method has both its name and its messages, it was moved there.
			elsewhere := slices.ContainsFunc(fresh, func(o *policy.Method) bool { return same(o, g) })
			for _, o := range is {
				// An open method with that name and those messages came from there.
				came := slices.ContainsFunc(gone, func(f *policy.Method) bool { return !f.Guarded() && same(f, o) })
				likely := same(o, g) || !elsewhere && !came && (o.Desc.Name() == g.Desc.Name() || messagesOf(o) == messagesOf(g))
				moved := is[name] == nil && was[o.Name()] == nil && likely
				if o.Guarded() || !moved && o.Name() != name {
					continue
				}
				if found++; !slices.ContainsFunc(there, func(c Change) bool { return c.Direction >= Unknown && c.Subject == o.Name() }) {
					rt.Fatalf("%s was guarded, and %s is open:\n%s", name, o.Name(), textOf(t, there))
				}
			}
		}
	})
	if found < 50 {
		t.Errorf("only %d methods were guarded and are open", found)
	}
}
