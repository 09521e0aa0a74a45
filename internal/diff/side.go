package diff

import (
	"math"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// side is one version, with what several comparisons ask of it.
type side struct {
	*policy.Policy
	around map[*policy.Message][]*policy.Message // those that nest it as a token (A49)
	// live are the messages whose fields are compared with some token: those with
	// a token, or that nest some (A52), and all that give these their claims.
	live   policy.Set
	reach  policy.Reach
	flat   policy.Flattener
	handed map[string]policy.Set // by hands
}

func newSide(p *policy.Policy) *side {
	s := &side{Policy: p, around: map[*policy.Message][]*policy.Message{}, reach: p.Reach(), flat: policy.Flattener{Left: math.MaxInt}, handed: map[string]policy.Set{}}
	var roots []*policy.Message
	for _, m := range p.Messages {
		if m.HasTokens() {
			roots = append(roots, m)
		}
		for _, f := range m.Fields {
			if f.NestsTokens() {
				s.around[f.Child] = append(s.around[f.Child], m)
			}
		}
	}
	s.live = policy.Spread(roots, (*policy.Field).Walks)
	return s
}

// onlyValidated reports whether methods use m, and none of them to sign it: what it
// says about signing has no effect then. What no method uses, commands may sign.
func (s *side) onlyValidated(m *policy.Message) bool {
	return s.reach.Validated[m] && !s.reach.Signed[m]
}

// inherits reports whether the token of m has to have the claims of a message
// around it (A52).
func (s *side) inherits(m *policy.Message) bool {
	t := m.TokenField()
	return t != nil && t.IncludeParentClaims && len(s.around[m]) > 0
}

// hands returns the messages whose tokens have to have a claim because a message
// around makes it, or one around that, as long as those inherit too (A52).
func (s *side) hands(claim string) policy.Set {
	if known := s.handed[claim]; known != nil {
		return known
	}
	found := policy.Set{}
	s.handed[claim] = found
	var todo []*policy.Message
	for _, m := range s.Messages {
		if slices.ContainsFunc(s.flat.Of(m).List, func(c policy.Made) bool { return c.Name == claim }) {
			todo = append(todo, m)
		}
	}
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, f := range m.Fields {
			if f.NestsTokens() && !found[f.Child] && s.inherits(f.Child) {
				found[f.Child] = true
				todo = append(todo, f.Child)
			}
		}
	}
	return found
}

// decides returns the claims that m itself settles, so that they are not compared
// with those of a message around it: 1 where its fields are set, 2 always (A61).
func (s *side) decides(m *policy.Message) map[string]int {
	claims := map[string]int{}
	for _, c := range s.flat.Of(m).List {
		claims[c.Name] = 1
	}
	for _, d := range m.TokenField().Decides() {
		if !d.Default {
			claims[d.Claim] = 2
		}
	}
	return claims
}

// Places of what is annotated.

func (s *side) service(x *policy.Service) place {
	p := place{subject: string(x.Desc.FullName()), stands: x.At}
	if x.Own != nil {
		p.at = x.Own.At
	}
	return p
}

func (s *side) method(m *policy.Method) place {
	p := place{subject: m.Name(), stands: m.At}
	if r := m.Effective(); r != nil {
		p.at = r.At
	}
	return p
}

func (s *side) message(m *policy.Message) place {
	p := place{subject: string(m.Desc.FullName()), stands: m.At}
	switch t := m.TokenField(); {
	case m.BearerToken:
		p.at = m.BearerTokenAt
	case t != nil:
		p.at = t.TokenAt
	}
	return p
}

// field is the place of a field of m, annotated or not; of m itself if it is nil.
func (s *side) field(m *policy.Message, fd protoreflect.FieldDescriptor) place {
	if fd == nil {
		return place{stands: m.At}
	}
	p := place{subject: string(fd.FullName()), stands: s.Set().Position(fd)}
	if f := annotated(m, fd); f != nil {
		p.at = f.At
	}
	return p
}

// annotated returns the annotation of a field of m; nil if it has none.
func annotated(m *policy.Message, fd protoreflect.FieldDescriptor) *policy.Field {
	for _, f := range m.Fields {
		if f.Desc == fd {
			return f
		}
	}
	return nil
}
