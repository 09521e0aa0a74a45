package jwtpolicy

import (
	"context"
	"slices"

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// Reload puts another policy and other keys in force for the calls that begin from now
// on; those under way keep what they began with. After an error the old ones stay. A
// policy without any service is refused.
//
// What lets more through than before, in the policy and in the rules for the tokens of
// an issuer, goes to Options.Log, a line for each change, and to the Observer; with
// Options.RefuseWeaker it is refused (policy_faulty). Whose keys are trusted is not
// compared.
func (p *Policy) Reload(ctx context.Context, src Source, list []Key) error {
	p.reload.Lock()
	defer p.reload.Unlock()
	next, err := p.load(ctx, src, list)
	if err != nil {
		return loading(err)
	}
	weaker, err := p.inUse.weaker(next)
	if err == nil && p.o.RefuseWeaker {
		err = diff.Refuse(weaker)
	}
	if err != nil {
		return loading(err)
	}
	opened := (p.inUse == nil || p.inUse.state.Plan.Enforces()) && !next.state.Plan.Enforces()
	p.state.Store(next.state)
	p.inUse = next
	diff.Warn(ctx, p.o.Log, weaker)
	next.state.WarnUnsigned(ctx, p.o.Log)
	if p.o.Observer != nil {
		for _, c := range weaker {
			p.o.Observer.Weakened(Change{Kind: c.Kind, Subject: c.Subject, Detail: c.Message, Gain: c.Gain})
		}
	}
	if opened {
		p.o.Log.WarnContext(ctx, "the policy has no annotated method: every call of its methods passes")
	}
	return nil
}

// Change is one way in which a policy lets more through than the one before it, or may
// do, as jwtctl diff reports it.
type Change struct {
	// Kind is that of jwtctl diff, such as "bearer-not-validated".
	Kind string
	// Subject is the method, message, field or issuer that it is about.
	Subject string
	// Detail says what happened, and Gain what an attacker gains.
	Detail, Gain string
}

// version is a policy with what the next one is compared with.
type version struct {
	state *enforce.State
	facts *policy.Policy
	keys  []Key
}

func (p *Policy) load(ctx context.Context, src Source, list []Key) (*version, error) {
	if src == nil {
		return nil, fault.New(fault.UsageError, "source", "it is nil")
	}
	set, err := src.Descriptors(ctx)
	if err != nil {
		return nil, err
	}
	if len(set.Services()) == 0 {
		return nil, fault.New(fault.DescriptorInvalid, "descriptors", "they have no service, so nothing could be called").
			WithHint("import the generated code, or name the files of the services")
	}
	facts := policy.Read(set)
	compiled, err := plan.Compile(facts, p.o.Env)
	if err != nil {
		return nil, err
	}
	ring, err := p.ring(list)
	if err != nil {
		return nil, err
	}
	codec := claims.New(set.Types())
	verifier, err := verify.New(codec, ring, verify.Options{
		Leeway: p.o.Leeway, RefuseUnknownFields: p.o.RefuseUnknownFields,
		Depth: message.MaxDepth, Limits: jws.Limits{TokenBytes: p.o.MaxTokenBytes}, Now: p.o.Now,
	})
	if err != nil {
		return nil, err
	}
	signer := sign.New(codec, ring, sign.Options{KeyID: p.o.SigningKeyID, RefuseUnknownFields: p.o.RefuseUnknownFields, Now: p.o.Now})
	if compiled.Enforces() && len(list) == 0 {
		return nil, fault.New(fault.KeyMissing, "keys", "the policy checks or makes tokens, and there is no key")
	}
	state, err := enforce.New(enforce.Policy{Plan: compiled, Verifier: verifier, Signer: signer}, enforce.Options{Open: p.o.Open, CachedTokens: p.o.CachedTokens, Now: p.o.Now})
	if err != nil {
		return nil, err
	}
	return &version{state, facts, slices.Clone(list)}, nil
}

// ring opens the keys, and begins to fetch those that are elsewhere.
func (p *Policy) ring(list []Key) (*keys.Ring, error) {
	var own []*keys.Key
	var sets []keys.Set
	for _, k := range list {
		if k.open == nil {
			return nil, fault.New(fault.UsageError, "keys", "one is the zero value")
		}
		if err := k.rules.Rules.Validate(); err != nil {
			return nil, err
		}
		some, set, err := k.open(p.o.Now, p.o.Log)
		if err != nil {
			return nil, err
		}
		own = append(own, some...)
		if set != nil {
			sets = append(sets, set)
		}
	}
	ring, err := keys.NewRing(own, sets...)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if remote, is := set.(*jwks.Remote); is {
			remote.Prefetch()
		}
	}
	return ring, nil
}

// weaker returns the changes from v, nil for none, to next that let more through, or of
// which that cannot be decided (S79).
func (v *version) weaker(next *version) ([]diff.Change, error) {
	if v == nil {
		return nil, nil
	}
	changes, err := diff.Compare(v.facts, next.facts)
	if err != nil {
		return nil, err
	}
	weaker := diff.Failing(changes)
	for _, k := range next.keys {
		for _, c := range v.loosened(k) {
			if !slices.Contains(weaker, c) { // as of another key
				weaker = append(weaker, c)
			}
		}
	}
	return weaker, nil
}

// loosened returns what the rules of k let through that those of no key of v for the
// same issuer, or from the same place, do: compared with the one that is most like it.
func (v *version) loosened(k Key) (fewest []diff.Change) {
	first := true
	for _, was := range v.keys {
		if was.rules.Of != k.rules.Of {
			continue
		}
		changes := diff.Failing(diff.WithRules(nil, []diff.IssuerRules{was.rules}, []diff.IssuerRules{k.rules}))
		if first || len(changes) < len(fewest) {
			fewest, first = changes, false
		}
	}
	return fewest
}
