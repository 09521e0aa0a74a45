package lint

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// maxChains limits the bytes of chains that are printed: many long ones, which do not
// occur by accident, are cut short.
const maxChains = 16 << 20

func claimCycle(p *pass) {
	left := maxChains
	for _, c := range p.Cycles() {
		if left <= 0 {
			break
		}
		chain := c.String()
		left -= len(chain)
		p.report(c[0].Desc, c[0].ClaimPos, "remove the annotation from one of these fields, or use INCLUDE for it",
			"the claims of %s lead back to it in a cycle: %s", label(c[0].Parent.Desc), chain)
	}
}

func descendNotMessage(p *pass) {
	p.fields(func(f *policy.Field) {
		if f.Claim == policy.Descend && (f.Child == nil || f.Desc.IsList()) {
			p.report(f.Desc, f.ClaimPos, "use INCLUDE for the whole value, or NEST for repeated messages",
				"%s is %s: DESCEND takes one message", label(f.Desc), policy.TypeName(f.Desc))
		}
	})
}

func nestNotMessage(p *pass) {
	p.fields(func(f *policy.Field) {
		if f.Claim == policy.Nest && f.Child == nil {
			p.report(f.Desc, f.ClaimPos, "use INCLUDE for the whole value",
				"%s is %s: NEST takes a message or repeated messages", label(f.Desc), policy.TypeName(f.Desc))
		}
	})
}

func rawNotStringMap(p *pass) {
	p.fields(func(f *policy.Field) {
		if f.Claim == policy.Raw && (!f.Desc.IsMap() || f.Desc.MapKey().Kind() != protoreflect.StringKind) {
			p.report(f.Desc, f.ClaimPos, "use INCLUDE, or make it a map<string, …>",
				"%s is %s: RAW takes a map with string keys, the names of the claims", label(f.Desc), policy.TypeName(f.Desc))
		}
	})
}

func mapKeyNotString(p *pass) {
	p.fields(func(f *policy.Field) {
		included := f.Claim == policy.Include || f.Claim == policy.Extract
		if included && f.Desc.IsMap() && f.Desc.MapKey().Kind() != protoreflect.StringKind {
			p.report(f.Desc, f.ClaimPos, "make its keys strings",
				"%s is %s: a map in a claim must have string keys", label(f.Desc), policy.TypeName(f.Desc))
		}
	})
}

// duplicateClaim checks each message that makes a token or a JSON object of its own; a
// message that others only descend into is checked as part of them.
func duplicateClaim(p *pass) {
	descended := policy.Set{}
	p.fields(func(f *policy.Field) {
		if f.Claim == policy.Descend && f.Child != nil {
			descended[f.Child] = true
		}
	})
	type pair struct{ a, b *policy.Field }
	reported := map[pair]bool{}
	for _, m := range p.Messages {
		if descended[m] && m.TokenField() == nil && !m.BearerToken && !p.ofToken(m) {
			continue
		}
		c := p.claimsOf(m)
		if p.flat.Budget < 0 {
			p.report(m.Desc, m.Pos, "", "the messages share claims in too many ways to compare them all: more than %d", maxSteps)
			return
		}
		first := map[string]policy.FieldClaim{}
		for _, b := range c.List {
			a, ok := first[b.Name]
			if !ok {
				first[b.Name] = b
			} else if !reported[pair{a.Field, b.Field}] && !alternatives(a.Field, b.Field) {
				reported[pair{a.Field, b.Field}] = true
				p.report(b.Field.Desc, nameAt(b.Field), "give one of them another name", "the claim %q of %s is set twice: by %s and by %s", b.Name, label(m.Desc), viaField(a), viaField(b))
			}
		}
		for _, f := range c.Repeated {
			if !reported[pair{f, f}] {
				reported[pair{f, f}] = true
				p.report(f.Desc, f.ClaimPos, "use NEST for one of the fields, so that each has its own object",
					"the claims of %s are in %s twice, the second time through %s", label(f.Child.Desc), label(m.Desc), label(f.Desc))
			}
		}
	}
}

// viaField names the field that sets c, and the one that leads to it.
func viaField(c policy.FieldClaim) string {
	if c.Via != nil && c.Via != c.Field {
		return label(c.Field.Desc) + " (through " + label(c.Via.Desc) + ")"
	}
	return label(c.Field.Desc)
}

// nameAt returns the position of the name of the claim that f sets.
func nameAt(f *policy.Field) descset.Position {
	if f.Name.Value != "" {
		return f.Name.Pos
	}
	return f.ClaimPos
}

// alternatives reports whether a and b are members of one oneof, so that they never both
// set the claim. EXTRACT would fill the one that is not set and clear the other; NEST may
// contain an EXTRACT.
func alternatives(a, b *policy.Field) bool {
	oneof := a.Desc.ContainingOneof()
	return oneof != nil && oneof == b.Desc.ContainingOneof() && a.Claim == policy.Include && b.Claim == policy.Include
}

// parentClaimContainsToken checks all claims that a nested token inherits, including
// those from messages that the parent descends into or nests (A52).
func parentClaimContainsToken(p *pass) {
	takers := map[*policy.Message]*policy.Field{} // by the messages whose claims they inherit
	var order []*policy.Message
	for _, m := range p.Messages {
		for _, f := range m.Fields {
			if !f.NestsTokens() || takers[m] != nil {
				continue
			}
			if t := f.Child.TokenField(); t != nil && t.IncludeParentClaims {
				takers[m], order = t, append(order, m)
			}
		}
	}
	holders := nearest(p.Messages, func(m *policy.Message) (*policy.Field, bool) {
		for _, f := range m.Fields {
			if f.Token {
				return f, true
			}
		}
		return nil, false
	}, p.parts)
	for ; len(order) > 0; order = order[1:] {
		m := order[0]
		for _, f := range m.Fields {
			inner := f
			if !f.Token {
				inner = holders[p.part(f.Desc)]
			}
			switch {
			case !f.IsClaim():
			case f.Recurses() && !f.Token:
				if takers[f.Child] == nil {
					takers[f.Child], order = takers[m], append(order, f.Child)
				}
			case inner != nil:
				p.report(f.Desc, f.ClaimPos, "remove the claim or include_parent_claims",
					"the token %s includes the claim %s of its parent (include_parent_claims), which is or contains a token, %s: that changes when it is signed",
					label(takers[m].Desc), label(f.Desc), label(inner.Desc))
			}
		}
	}
}

// parts returns the message types of m's fields, annotated or not.
func (f *facts) parts(m *policy.Message) (list []*policy.Message) {
	for fd := range descset.Each(m.Desc.Fields()) {
		if part := f.part(fd); part != nil {
			list = append(list, part)
		}
	}
	return list
}

// part returns the message type of a field's value, element or map value. It returns nil
// for other types, and for messages of imported files that no annotation leads to.
func (f *facts) part(d protoreflect.FieldDescriptor) *policy.Message {
	if d.IsMap() {
		d = d.MapValue()
	}
	if d.Message() == nil {
		return nil
	}
	return f.Message(d.Message().FullName())
}
