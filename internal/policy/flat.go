package policy

// Flat is what a message puts into one JSON object, be it the claims of a token
// or an object within: its own claims, and those of the messages it descends
// into (A45).
type Flat struct {
	List []Made
	// Twice are DESCEND fields to a message whose claims are in List already.
	Twice []*Field
	// Raw: there is a RAW map, so any claim may be there too.
	Raw bool
}

// Made is a claim that a field makes.
type Made struct {
	Name  string
	Field *Field
	// Via is the field of the message through which it comes; nil if Field is
	// the message's own.
	Via *Field
}

// Makes reports whether a field makes the claim, or may: a RAW map can hold any.
func (f *Flat) Makes(name string) bool {
	for _, c := range f.List {
		if c.Name == name {
			return true
		}
	}
	return f.Raw
}

// Flattener makes the Flat of messages, each once.
type Flattener struct {
	// Left is how many claims it may still gather, for all messages together:
	// without a bound, messages that share the claims of many others cost the
	// square of them. Below 0, some were left out.
	Left  int
	known map[*Message]*Flat
}

// Of returns the Flat of m; less than all of it where Left is used up.
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
	made map[*Message]int // claims that come from there; -1 while on the way
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
