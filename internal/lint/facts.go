package lint

import (
	"regexp"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// facts are computed once for several rules, each in one walk, so that lint takes linear
// time in the size of the policy rather than methods times messages.
type facts struct {
	*policy.Policy
	Options
	imports map[string]bool // files that were not named as input
	methods []*policy.Method

	reach policy.ReachableMessages
	// nested are the messages that are nested as tokens.
	nested policy.Set

	ignores  map[protoreflect.FullName][]ignore
	flat     policy.Flattener
	patterns map[string]compiled
}

type compiled struct {
	re  *regexp.Regexp
	err error
}

func newFacts(p *policy.Policy, o Options) *facts {
	f := &facts{
		Policy: p, Options: o, imports: map[string]bool{}, reach: p.ReachableMessages(), nested: policy.Set{},
		flat: policy.Flattener{Budget: maxSteps}, patterns: map[string]compiled{},
	}
	for _, file := range p.Set().Files() {
		f.imports[file.Descriptor.Path()] = file.Import
	}
	for _, s := range p.Services {
		f.methods = append(f.methods, s.Methods...)
	}
	f.fields(func(field *policy.Field) {
		if field.NestsTokens() {
			f.nested[field.Child] = true
		}
	})
	f.ignores = ignoresOf(p.Set().Files())
	return f
}

// maxSteps limits the claims collected for all messages together.
const maxSteps = 2 << 20

// claimsOf returns the claims of m, incomplete if maxSteps are used up.
func (f *facts) claimsOf(m *policy.Message) *policy.FlatClaims { return f.flat.Flatten(m) }

// ofToken reports whether m has a token that a method validates or signs.
func (f *facts) ofToken(m *policy.Message) bool { return f.reach.Validated[m] || f.reach.Signed[m] }

// nearest returns, for each message for which own finds something, or that leads to one,
// the nearest such thing.
func nearest[T any](messages []*policy.Message, own func(*policy.Message) (T, bool), children func(*policy.Message) []*policy.Message) map[*policy.Message]T {
	found, parents := map[*policy.Message]T{}, map[*policy.Message][]*policy.Message{}
	var queue []*policy.Message
	for _, m := range messages {
		if thing, ok := own(m); ok {
			found[m] = thing
			queue = append(queue, m)
		}
		for _, c := range children(m) {
			parents[c] = append(parents[c], m)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, m := range parents[queue[0]] {
			if _, known := found[m]; !known {
				found[m] = found[queue[0]]
				queue = append(queue, m)
			}
		}
	}
	return found
}

// nestedTokens returns the messages that m nests as tokens.
func nestedTokens(m *policy.Message) (list []*policy.Message) {
	for _, f := range m.Fields {
		if f.NestsTokens() {
			list = append(list, f.Child)
		}
	}
	return list
}

func (f *facts) fields(visit func(*policy.Field)) {
	for _, m := range f.Messages {
		for _, field := range m.Fields {
			visit(field)
		}
	}
}

// rules visits the annotations of services and methods.
func (f *facts) rules(visit func(protoreflect.Descriptor, *policy.Rules)) {
	for _, s := range f.Services {
		if s.OwnRules != nil {
			visit(s.Desc, s.OwnRules)
		}
		for _, m := range s.Methods {
			if m.OwnRules != nil {
				visit(m.Desc, m.OwnRules)
			}
		}
	}
}

// statics visits the static claims of tokens, bearer tokens included.
func (f *facts) statics(visit func(protoreflect.Descriptor, policy.StaticClaim)) {
	f.rules(func(d protoreflect.Descriptor, r *policy.Rules) {
		for _, c := range r.StaticClaims {
			visit(d, c)
		}
	})
	f.fields(func(field *policy.Field) {
		for _, c := range field.StaticClaims {
			visit(field.Desc, c)
		}
	})
}

// issuers visits the issuers required of tokens.
func (f *facts) issuers(visit func(protoreflect.Descriptor, policy.Text)) {
	f.rules(func(d protoreflect.Descriptor, r *policy.Rules) {
		for _, t := range r.Issuers {
			visit(d, t)
		}
	})
	f.fields(func(field *policy.Field) {
		for _, t := range field.Issuers {
			visit(field.Desc, t)
		}
	})
}

// compile compiles the pattern of c, once for each text.
func (f *facts) compile(c policy.StaticClaim) (*regexp.Regexp, error) {
	done, ok := f.patterns[c.Pattern.Value]
	if !ok {
		done.re, done.err = c.Compile()
		f.patterns[c.Pattern.Value] = done
	}
	return done.re, done.err
}
