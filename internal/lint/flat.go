package lint

import "github.com/jwtctl/jwtctl/internal/policy"

// maxSteps is how many claims are gathered for all messages together. Without a
// bound, messages that share the claims of many others cost the square of them.
const maxSteps = 2 << 20

// claims are what a message puts into one JSON object: its own claims, and
// those of the messages it descends into (A45).
type claims struct {
	of   *policy.Message
	list []claim
	// twice are DESCEND fields to a message whose claims are here already.
	twice []*policy.Field
	raw   bool // there is a RAW map, so any claim may be there too
}

type claim struct {
	name  string
	field *policy.Field
	// via is the field of the message through which it comes; nil if field is
	// the message's own.
	via *policy.Field
}

// claimsOf returns the claims of m; less than all where maxSteps are used up.
func (f *facts) claimsOf(m *policy.Message) *claims {
	if known := f.flat[m]; known != nil {
		return known
	}
	g := gatherer{facts: f, claims: &claims{of: m}, made: map[*policy.Message]int{}}
	g.gather(m, nil)
	f.flat[m] = g.claims
	return g.claims
}

type gatherer struct {
	*facts
	*claims
	made map[*policy.Message]int // claims that come from there; -1 while on the way
}

func (g *gatherer) gather(m *policy.Message, via *policy.Field) {
	g.made[m] = -1
	before := len(g.list)
	for _, f := range m.Fields {
		if g.steps--; g.steps < 0 {
			break
		}
		switch f.Claim {
		case policy.Include, policy.Extract, policy.Nest:
			g.list = append(g.list, claim{f.ClaimName(), f, via})
		case policy.Raw:
			g.raw = true
		case policy.Descend:
			if f.Child == nil {
				continue
			}
			through := via
			if through == nil {
				through = f
			}
			made, visited := g.made[f.Child]
			if !visited {
				g.gather(f.Child, through)
			} else if made > 0 {
				g.twice = append(g.twice, f)
			}
		}
	}
	g.made[m] = len(g.list) - before
}

// makes says whether a field makes the claim, or may: a RAW map can hold any.
func (c *claims) makes(name string) bool {
	for _, claim := range c.list {
		if claim.name == name {
			return true
		}
	}
	return c.raw
}
