package diff

import (
	"math"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// side is one version, with facts for several comparisons.
type side struct {
	*policy.Policy
	nestedIn map[*policy.Message][]*policy.Message // those that nest it as a token (A49)
	// live are the messages whose fields are compared with a token: those with a token or
	// with nested ones (A52), and all that give these their claims.
	live           policy.Set
	reach          policy.ReachableMessages
	flat           policy.Flattener
	inheritorCache map[string]policy.Set // cache of hands
}

func newSide(p *policy.Policy) *side {
	s := &side{Policy: p, nestedIn: map[*policy.Message][]*policy.Message{}, reach: p.ReachableMessages(), flat: policy.Flattener{Budget: math.MaxInt}, inheritorCache: map[string]policy.Set{}}
	var roots []*policy.Message
	for _, m := range p.Messages {
		if m.HasTokens() {
			roots = append(roots, m)
		}
		for _, f := range m.Fields {
			if f.NestsTokens() {
				s.nestedIn[f.Child] = append(s.nestedIn[f.Child], m)
			}
		}
	}
	s.live = policy.Reachable(roots, (*policy.Field).Recurses)
	return s
}

// onlyValidated reports whether methods use m, but none of them signs it: its options for
// signing then have no effect. A message that no method uses may be signed by commands.
func (s *side) onlyValidated(m *policy.Message) bool {
	return s.reach.Validated[m] && !s.reach.Signed[m]
}

// inherits reports whether the token of m must have the claims of a surrounding message
// (A52).
func (s *side) inherits(m *policy.Message) bool {
	t := m.TokenField()
	return t != nil && t.IncludeParentClaims && len(s.nestedIn[m]) > 0
}

// inheritors returns the messages whose tokens must have a claim because a surrounding message
// sets it, directly or through others that inherit too (A52).
func (s *side) inheritors(claim string) policy.Set {
	if known := s.inheritorCache[claim]; known != nil {
		return known
	}
	found := policy.Set{}
	s.inheritorCache[claim] = found
	var todo []*policy.Message
	for _, m := range s.Messages {
		if slices.ContainsFunc(s.flat.Flatten(m).List, func(c policy.FieldClaim) bool { return c.Name == claim }) {
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

// decides returns the claims that m itself sets, which are not compared with those of a
// surrounding message: 1 if its fields are set, 2 always (A61).
func (s *side) decides(m *policy.Message) map[string]int {
	claims := map[string]int{}
	for _, c := range s.flat.Flatten(m).List {
		claims[c.Name] = 1
	}
	for _, d := range m.TokenField().AnnotationClaims() {
		if !d.Default {
			claims[d.Claim] = 2
		}
	}
	return claims
}

// Positions of annotated elements.

func (s *side) service(x *policy.Service) place {
	p := place{subject: string(x.Desc.FullName()), declared: x.Pos}
	if x.OwnRules != nil {
		p.pos = x.OwnRules.Pos
	}
	return p
}

func (s *side) method(m *policy.Method) place {
	p := place{subject: m.Name(), declared: m.Pos}
	if r := m.EffectiveRules(); r != nil {
		p.pos = r.Pos
	}
	return p
}

func (s *side) message(m *policy.Message) place {
	p := place{subject: string(m.Desc.FullName()), declared: m.Pos}
	switch t := m.TokenField(); {
	case m.BearerToken:
		p.pos = m.BearerTokenPos
	case t != nil:
		p.pos = t.TokenPos
	}
	return p
}

// field returns the position of a field of m, annotated or not, or of m itself if fd is
// nil.
func (s *side) field(m *policy.Message, fd protoreflect.FieldDescriptor) place {
	if fd == nil {
		return place{declared: m.Pos}
	}
	p := place{subject: string(fd.FullName()), declared: s.Set().Position(fd)}
	if f := annotated(m, fd); f != nil {
		p.pos = f.Pos
	}
	return p
}

// annotated returns the annotation of a field of m, or nil.
func annotated(m *policy.Message, fd protoreflect.FieldDescriptor) *policy.Field {
	for _, f := range m.Fields {
		if f.Desc == fd {
			return f
		}
	}
	return nil
}
