package diff

import (
	"slices"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// services compares the methods of all services. It pairs those of matching services
// first, and then, among the remaining methods of all services, those that moved with
// their name and messages.
func (p *pass) services() {
	services := matchServices(p.from.Services, p.to.Services)
	var left matched[*policy.Method]
	in := map[*policy.Method]serviceContext{}
	for _, s := range services.pairs {
		from, to := p.from.service(s[0]), p.to.service(s[1])
		if from.subject != to.subject {
			p.add(loss{kind: "service-renamed", from: from, to: to, what: from.subject, old: from.subject, new: to.subject})
		}
		methods := matchMethods(s[0].Methods, s[1].Methods)
		for _, m := range methods.pairs {
			p.method(m[0], m[1])
		}
		left.pairs = append(left.pairs, methods.pairs...)
		left.removed = append(left.removed, methods.removed...)
		left.added = append(left.added, methods.added...)
		for _, m := range methods.added {
			in[m] = serviceContext{guarded: guarded(s[0]) || guarded(s[1])}
		}
	}
	for _, s := range services.removed {
		left.removed = append(left.removed, s.Methods...)
	}
	for _, s := range services.added {
		left.added = append(left.added, s.Methods...)
		for _, m := range s.Methods {
			in[m] = serviceContext{guarded(s), slices.ContainsFunc(services.removed, guarded)}
		}
	}
	moved := match(left.removed, left.added, signature)
	for _, m := range moved.pairs {
		p.renamed(m[0], m[1])
		p.method(m[0], m[1])
	}
	// former may be elsewhere: includes pairs that do not match by name and messages.
	former, pairs := slices.Clone(moved.removed), append(left.pairs, moved.pairs...)
	for _, m := range pairs {
		if !same(m[0], m[1]) {
			former = append(former, m[0])
		}
	}
	for _, m := range moved.added {
		p.added(m, in[m], p.predecessor(m, former))
	}
	for _, m := range pairs {
		p.replaced(m[1], p.predecessor(m[1], p.others(m, former, moved.removed)))
	}
}

// others returns the methods, other than m[0], that m[1] may have been before. If m[0]
// has the same name and messages there are none, unless both are open: two services may
// have been merged, or m[0] was removed and a protected method has taken its place.
func (p *pass) others(m [2]*policy.Method, former, gone []*policy.Method) (list []*policy.Method) {
	switch {
	case !same(m[0], m[1]):
		list = former
	case m[0].Guarded() || m[1].Guarded():
		return nil
	default:
		list = slices.DeleteFunc(slices.Clone(gone), func(g *policy.Method) bool { return g.Desc.Name() != m[1].Desc.Name() })
	}
	if m[0].Name() != m[1].Name() {
		list = slices.Concat(list, slices.DeleteFunc(slices.Clone(p.twins(m[1])), p.stillExists))
	}
	return slices.DeleteFunc(slices.Clone(list), func(g *policy.Method) bool { return g == m[0] })
}

// stillExists reports whether the later version has a method with m's full name.
func (p *pass) stillExists(m *policy.Method) bool {
	return slices.ContainsFunc(p.to.Services, func(s *policy.Service) bool {
		return slices.ContainsFunc(s.Methods, func(o *policy.Method) bool { return o.Name() == m.Name() })
	})
}

// same reports whether two methods have the same name and message names.
func same(a, b *policy.Method) bool {
	return signature(a) == signature(b)
}

func signature(m *policy.Method) string { return string(m.Desc.Name()) + " " + messagesOf(m) }

// serviceContext describes the service of a new method.
type serviceContext struct {
	guarded  bool // has other protected methods
	replaces bool // may replace a removed service that was protected
}

func guarded(s *policy.Service) bool {
	return s.OwnRules.ValidatesBearer() || slices.ContainsFunc(s.Methods, (*policy.Method).Guarded)
}

// predecessor returns a method of gone that m may have been, by its name or its messages,
// and that required something that m does not; or nil.
func (p *pass) predecessor(m *policy.Method, gone []*policy.Method) *policy.Method {
	for _, g := range gone {
		if !g.Guarded() || g.Desc.Name() != m.Desc.Name() && messagesOf(g) != messagesOf(m) {
			continue
		}
		if p.requiresLess(g, m) {
			return g
		}
	}
	return nil
}

// methodPair is a pair of methods to compare.
type methodPair struct {
	from, to                                 *policy.Rules
	fromInput, toInput, fromOutput, toOutput *policy.Message
}

// requiresLess reports whether t accepts something that f refuses, or may.
func (p *pass) requiresLess(f, t *policy.Method) bool {
	key := methodPair{f.EffectiveRules(), t.EffectiveRules(), f.Input, t.Input, f.Output, t.Output}
	less, known := p.compared[key]
	if !known {
		try := newPass(p.from, p.to, p.inclusions, p.kinds)
		try.method(f, t)
		less = slices.ContainsFunc(try.found, func(l loss) bool { return p.kinds[l.kind].Direction >= Unknown })
		p.compared[key] = less
	}
	return less
}

// replaced adds that m may have been g; g may be nil.
func (p *pass) replaced(m, g *policy.Method) {
	if g != nil {
		from, to := p.from.method(g), p.to.method(m)
		p.add(loss{kind: "replaced-by-weaker", from: from, to: to, what: from.subject, reverse: to.subject, old: describe(g.EffectiveRules()), new: describe(m.EffectiveRules())})
	}
}

// twins returns the protected methods of the earlier version with m's name and messages.
func (p *pass) twins(m *policy.Method) []*policy.Method {
	if p.guards == nil {
		p.guards = map[string][]*policy.Method{}
		for _, s := range p.from.Services {
			for _, f := range s.Methods {
				if f.Guarded() {
					p.guards[signature(f)] = append(p.guards[signature(f)], f)
				}
			}
		}
	}
	return p.guards[signature(m)]
}

// added reports a new method, which may have been g.
func (p *pass) added(m *policy.Method, in serviceContext, g *policy.Method) {
	l := loss{kind: "open-method-added", to: p.to.method(m), new: "validates nothing"}
	switch {
	case g != nil && (m.Guarded() || !in.guarded):
		p.replaced(m, g)
		return
	case m.Guarded():
		l.kind, l.what, l.new = "method-added", " (protected)", describe(m.EffectiveRules())
	case in.guarded:
		l.reason = ", in a service with protected methods" + hidingNote(m)
	case in.replaces:
		l.unknown, l.reason = true, "; a service with protected methods was removed, and this one may replace it"
	case len(p.twins(m)) > 0:
		l.unknown, l.reason = true, "; "+p.twins(m)[0].Name()+", which has its name and messages, is protected"
	case m.EffectiveRules().SignsMessage():
		l.unknown, l.reason = true, ", and it signs its response"
	default:
		l.kind, l.what = "method-added", " (unprotected like its whole service)"
	}
	p.add(l)
}

// renamed adds that a method has another name or service.
func (p *pass) renamed(f, t *policy.Method) {
	from, to := p.from.method(f), p.to.method(t)
	p.add(loss{kind: "method-renamed", from: from, to: to, what: from.subject, old: from.subject, new: to.subject})
}
