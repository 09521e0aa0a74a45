package explain

import (
	"slices"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
)

// Options is what is known in addition to the policy.
type Options struct {
	// Keys are the configured keys in their order. HaveKeys means that these are all
	// keys, rather than unknown.
	Keys     []Key
	HaveKeys bool
}

// New explains the elements called names: methods ("pkg.Service/Method"), services (all
// their methods) and messages, and the messages that these validate, sign or nest.
// Without names it explains all methods, and all messages with an annotation. An unknown
// name is a usage error, with a similar name as a hint.
func New(p *policy.Policy, names []string, o Options) (*View, error) {
	b := builder{policy: p, keys: o, uses: usesOf(p), onCycle: p.OnCycle(), needs: p.NeedingToken(), left: maxTotal, flat: policy.Flattener{Budget: maxTotal}}
	s, err := choose(p, names)
	if err != nil {
		return nil, err
	}
	v := &View{Methods: []Method{}, Messages: []Message{}}
	if o.HaveKeys {
		v.Keys = append([]Key{}, o.Keys...)
	}
	for _, service := range p.Services {
		for _, m := range service.Methods {
			if s.methods[m] {
				v.Methods = append(v.Methods, b.method(m))
			}
		}
	}
	for _, m := range p.Messages {
		if s.messages[m] {
			v.Messages = append(v.Messages, b.message(m))
		}
	}
	v.Cycles = s.cycles(p)
	if len(names) == 0 {
		for _, f := range p.Extensions {
			v.Notes = append(v.Notes, Note{"the annotation of the extension " + string(f.Desc.FullName()) + " has no effect: extensions are not checked", at(f.Pos)})
		}
	}
	return v, nil
}

// builder builds the parts of a View.
type builder struct {
	policy  *policy.Policy
	keys    Options
	uses    map[*policy.Message][]use
	onCycle func(*policy.Field) bool
	needs   policy.Set       // messages that are never accepted without a token
	left    int              // number of claims of nested messages that may still be listed
	flat    policy.Flattener // of the messages whose claims are inherited
}

// use is a Use with its field; nil for a method.
type use struct {
	Use
	field *policy.Field
}

// usesOf returns the uses of each message, in the order of the policy.
func usesOf(p *policy.Policy) map[*policy.Message][]use {
	uses := map[*policy.Message][]use{}
	for _, s := range p.Services {
		for _, m := range s.Methods {
			r := m.EffectiveRules()
			if r.ValidatesMessage() {
				uses[m.Input] = append(uses[m.Input], use{Use{Validated, m.Name(), at(r.ModePos(r.Validate, policy.ModeMessage))}, nil})
			}
			if r.SignsMessage() {
				uses[m.Output] = append(uses[m.Output], use{Use{Signed, m.Name(), at(r.ModePos(r.Sign, policy.ModeMessage))}, nil})
			}
		}
	}
	for _, m := range p.Messages {
		for _, f := range m.Fields {
			by := string(m.Desc.FullName()) + "." + string(f.Desc.Name())
			if f.Recurses() {
				uses[f.Child] = append(uses[f.Child], use{Use{f.Claim.String(), by, at(f.ClaimPos)}, f})
			}
			if f.NestsTokens() {
				uses[f.Child] = append(uses[f.Child], use{Use{"token", by, at(f.TokenPos)}, f})
			}
		}
	}
	return uses
}

func at(p descset.Position) string { return p.String() }

func full(m *policy.Message) string { return string(m.Desc.FullName()) }

// textsOf returns texts of an annotation with the variables that they refer to, and notes
// on invalid references.
func textsOf(list []policy.Text) (all []Text, notes []Note) {
	for _, t := range list {
		names, err := t.Variables()
		if err != nil {
			notes = append(notes, Note{err.Error(), at(t.Pos)})
		}
		all = append(all, Text{t.Value, names, at(t.Pos)})
	}
	return all, notes
}

func staticsOf(list []policy.StaticClaim) (all []StaticClaim, notes []Note) {
	for _, c := range list {
		values, bad := textsOf(c.Values)
		notes = append(notes, bad...)
		if c.Pattern.Value != "" {
			if _, err := c.Compile(); err != nil {
				notes = append(notes, Note{"the pattern: " + err.Error(), at(c.Pattern.Pos)})
			}
		}
		if (len(values) > 0) == (c.Pattern.Value != "") {
			notes = append(notes, Note{"a static claim has either values or a pattern; lint reports an error", at(c.Pos)})
		}
		all = append(all, StaticClaim{c.Claim.Value, values, c.Pattern.Value, at(c.Pos)})
	}
	return all, notes
}

// cycles returns the cycles of p that include a selected message.
func (s *selection) cycles(p *policy.Policy) []Cycle {
	var all []Cycle
	for _, chain := range p.Cycles() {
		if !slices.ContainsFunc(chain, func(f *policy.Field) bool { return s.all || s.messages[f.Parent] }) {
			continue
		}
		var c Cycle
		for _, f := range chain {
			c.Steps = append(c.Steps, stepOf(f))
		}
		all = append(all, c)
	}
	return all
}

func stepOf(f *policy.Field) Step {
	return Step{full(f.Parent), string(f.Desc.Name()), f.Claim.String(), full(f.Child), at(f.ClaimPos)}
}
