package policy

// Flat is what a message adds to one JSON object, either the claims of a token or a
// nested object: its own claims, and those of the messages that it descends into (A45).
type Flat struct {
	List []Made
	// Twice are DESCEND fields whose message's claims are already in List.
	Twice []*Field
	// Raw is set if there is a RAW map, so that there may be any other claim.
	Raw bool
}

// Made is a claim set by a field.
type Made struct {
	Name  string
	Field *Field
	// Via is the field of the message through which it is reached; nil if Field is the
	// message's own.
	Via *Field
}

// Makes reports whether a field sets the claim, or may: a RAW map can hold any.
func (f *Flat) Makes(name string) bool {
	for _, c := range f.List {
		if c.Name == name {
			return true
		}
	}
	return f.Raw
}

// Flattener computes the Flat of messages, once for each.
type Flattener struct {
	// Left is the number of claims that it may still collect, for all messages together.
	// Without a limit, messages that share the claims of many others would take quadratic
	// time. If it is below 0, some claims were omitted.
	Left  int
	known map[*Message]*Flat
}

// Of returns the Flat of m, incomplete if Left is used up.
func (fl *Flattener) Of(m *Message) *Flat {
	if known := fl.known[m]; known != nil {
		return known
	}
	if fl.known == nil {
		fl.known = map[*Message]*Flat{}
	}
	g := gatherer{Flattener: fl, Flat: &Flat{}, made: map[*Message]int{}}
	g.gather(m, nil)
	fl.known[m] = g.Flat
	return g.Flat
}

type gatherer struct {
	*Flattener
	*Flat
	made map[*Message]int // the number of claims from each message; -1 during the visit
}

func (g *gatherer) gather(m *Message, via *Field) {
	g.made[m] = -1
	before := len(g.List)
	for _, f := range m.Fields {
		if g.Left--; g.Left < 0 {
			break
		}
		switch f.Claim {
		case Include, Extract, Nest:
			g.List = append(g.List, Made{f.ClaimName(), f, via})
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
			made, visited := g.made[f.Child]
			if !visited {
				g.gather(f.Child, through)
			} else if made > 0 {
				g.Twice = append(g.Twice, f)
			}
		}
	}
	g.made[m] = len(g.List) - before
}
