package policy

// FlatClaims is what a message adds to one JSON object, either the claims of a token or a
// nested object: its own claims, and those of the messages that it descends into (A45).
type FlatClaims struct {
	List []FieldClaim
	// Repeated are DESCEND fields whose message's claims are already in List.
	Repeated []*Field
	// Raw is set if there is a RAW map, so that there may be any other claim.
	Raw bool
}

// FieldClaim is a claim set by a field.
type FieldClaim struct {
	Name  string
	Field *Field
	// Via is the field of the message through which it is reached; nil if Field is the
	// message's own.
	Via *Field
}

// Sets reports whether a field sets the claim, or may: a RAW map can hold any.
func (f *FlatClaims) Sets(name string) bool {
	for _, c := range f.List {
		if c.Name == name {
			return true
		}
	}
	return f.Raw
}

// Flattener computes the FlatClaims of messages, once for each.
type Flattener struct {
	// Budget is the number of claims that it may still collect, for all messages together.
	// Without a limit, messages that share the claims of many others would take quadratic
	// time. If it is below 0, some claims were omitted.
	Budget int
	cache  map[*Message]*FlatClaims
}

// Flatten returns the FlatClaims of m, incomplete if Budget is used up.
func (fl *Flattener) Flatten(m *Message) *FlatClaims {
	if known := fl.cache[m]; known != nil {
		return known
	}
	if fl.cache == nil {
		fl.cache = map[*Message]*FlatClaims{}
	}
	g := flattening{Flattener: fl, FlatClaims: &FlatClaims{}, counts: map[*Message]int{}}
	g.add(m, nil)
	fl.cache[m] = g.FlatClaims
	return g.FlatClaims
}

type flattening struct {
	*Flattener
	*FlatClaims
	counts map[*Message]int // the number of claims from each message; -1 during the visit
}

func (g *flattening) add(m *Message, via *Field) {
	g.counts[m] = -1
	before := len(g.List)
	for _, f := range m.Fields {
		if g.Budget--; g.Budget < 0 {
			break
		}
		switch f.Claim {
		case Include, Extract, Nest:
			g.List = append(g.List, FieldClaim{f.ClaimName(), f, via})
		case Raw:
			g.Raw = true
		case Descend:
			if f.Child == nil {
				continue
			}
			through := via
			if through == nil {
				through = f
			}
			made, visited := g.counts[f.Child]
			if !visited {
				g.add(f.Child, through)
			} else if made > 0 {
				g.Repeated = append(g.Repeated, f)
			}
		}
	}
	g.counts[m] = len(g.List) - before
}
