package policy

// Set is a set of messages.
type Set map[*Message]bool

// Reachable returns roots and all messages that they lead to, directly or indirectly,
// through fields that follow accepts.
func Reachable(roots []*Message, follow func(*Field) bool) Set {
	found := Set{}
	for todo := append([]*Message(nil), roots...); len(todo) > 0; {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if found[m] {
			continue
		}
		found[m] = true
		for _, f := range m.Fields {
			if f.Child != nil && follow(f) {
				todo = append(todo, f.Child)
			}
		}
	}
	return found
}

// ReachableMessages is the set of messages that the methods of a policy act on.
type ReachableMessages struct {
	// Validated and Signed are the messages whose token is validated or signed: those of
	// methods, and their nested messages with tokens (A12, A49).
	Validated, Signed Set
	// All are those, and the messages whose fields set their claims.
	All Set
}

// ReachableMessages returns which messages the methods of p act on.
func (p *Policy) ReachableMessages() ReachableMessages {
	var inputs, outputs []*Message
	for _, s := range p.Services {
		for _, m := range s.Methods {
			if m.EffectiveRules().ValidatesMessage() {
				inputs = append(inputs, m.Input)
			}
			if m.EffectiveRules().SignsMessage() {
				outputs = append(outputs, m.Output)
			}
		}
	}
	return ReachableMessages{
		Validated: Reachable(inputs, (*Field).NestsTokens),
		Signed:    Reachable(outputs, (*Field).NestsTokens),
		All:       Reachable(append(inputs, outputs...), func(f *Field) bool { return f.NestsTokens() || f.Recurses() }),
	}
}
