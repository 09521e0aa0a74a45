package diff

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// side is one version, with what several comparisons ask of it.
type side struct {
	*policy.Policy
	around map[*policy.Message][]*policy.Message // those that nest it as a token (A49)
	// live are the messages whose fields are compared with some token: those with
	// a token, or that nest some (A52), and all that give these their claims.
	live              map[*policy.Message]bool
	validated, signed map[*policy.Message]bool            // by a method, nested ones too
	flat              map[*policy.Message]map[string]bool // by names
	handed            map[string]map[*policy.Message]bool // by hands
}

func newSide(p *policy.Policy) *side {
	s := &side{Policy: p, around: map[*policy.Message][]*policy.Message{}, flat: map[*policy.Message]map[string]bool{}, handed: map[string]map[*policy.Message]bool{}}
	var roots, inputs, outputs []*policy.Message
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
	for _, service := range p.Services {
		for _, m := range service.Methods {
			if m.Effective().ValidatesMessage() {
				inputs = append(inputs, m.Input)
			}
			if m.Effective().SignsMessage() {
				outputs = append(outputs, m.Output)
			}
		}
	}
	s.live = spread(roots, (*policy.Field).Walks)
	s.validated = spread(inputs, (*policy.Field).NestsTokens)
	s.signed = spread(outputs, (*policy.Field).NestsTokens)
	return s
}

// spread returns roots and all that the fields which follow accepts lead to.
func spread(roots []*policy.Message, follow func(*policy.Field) bool) map[*policy.Message]bool {
	found := map[*policy.Message]bool{}
	for len(roots) > 0 {
		m := roots[len(roots)-1]
		roots = roots[:len(roots)-1]
		if found[m] {
			continue
		}
		found[m] = true
		for _, f := range m.Fields {
			if follow(f) {
				roots = append(roots, f.Child)
			}
		}
	}
	return found
}

// onlyValidated says whether methods use m, and none of them to sign it: what it
// says about signing has no effect then. What no method uses, commands may sign.
func (s *side) onlyValidated(m *policy.Message) bool { return s.validated[m] && !s.signed[m] }

// anyClaim is the name that names has for what a RAW field makes.
const anyClaim = "\x00any"

// names returns the claims that the fields of m make at the top of a token (A60).
func (s *side) names(m *policy.Message) map[string]bool {
	if known := s.flat[m]; known != nil {
		return known
	}
	names := map[string]bool{}
	s.flat[m] = names
	for _, f := range m.Fields {
		switch f.Claim {
		case policy.Include, policy.Extract, policy.Nest:
			names[f.ClaimName()] = true
		case policy.Raw:
			names[anyClaim] = true
		case policy.Descend:
			for name := range s.names(f.Child) {
				names[name] = true
			}
		}
	}
	return names
}

// inherits says whether the token of m has to have the claims of a message
// around it (A52).
func (s *side) inherits(m *policy.Message) bool {
	t := m.TokenField()
	return t != nil && t.IncludeParentClaims && len(s.around[m]) > 0
}

// hands returns the messages whose tokens have to have a claim because a message
// around makes it, or one around that, as long as those inherit too (A52).
func (s *side) hands(claim string) map[*policy.Message]bool {
	if known := s.handed[claim]; known != nil {
		return known
	}
	found := map[*policy.Message]bool{}
	s.handed[claim] = found
	var todo []*policy.Message
	for _, m := range s.Messages {
		if s.names(m)[claim] {
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
	t, claims := m.TokenField(), map[string]int{}
	for claim := range s.names(m) {
		claims[claim] = 1
	}
	delete(claims, anyClaim)
	for _, c := range t.BearerClaims {
		claims[c.Value] = 2
	}
	for _, c := range t.StaticClaims {
		if len(c.Values) > 0 {
			claims[c.Claim.Value] = 2
		}
	}
	if len(t.Issuers) > 0 {
		claims["iss"] = 2
	}
	if t.ExpiresSeconds > 0 {
		claims["exp"] = 2
	}
	return claims
}

// Places of what annotations stand on.

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
