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

// Reload loads a policy from src with the keys in list, and enforces it on calls that
// begin from now on. Calls under way finish under the policy they began with. On error,
// which is an *Error or several joined, the policy in force stays. A policy without any
// service is refused.
//
// Reload compares src and the rules of each issuer with those in force. Each change that
// lets more through is logged to Options.Log and reported to the Observer; with
// Options.RefuseWeaker, Reload fails instead (policy_faulty). A method or issuer that was
// removed and comes back is compared with what it was. Keys themselves are not compared:
// replacing a trusted key is not reported.
func (p *Policy) Reload(ctx context.Context, src Source, list []Key) error {
	p.reload.Lock()
	defer p.reload.Unlock()
	next, err := p.load(ctx, src, list)
	if err != nil {
		return loadErrors(err)
	}
	var weaker []diff.Change
	if p.inUse != nil {
		weaker, err = p.history.Weaker(p.inUse, next)
	}
	if err == nil && p.o.RefuseWeaker {
		err = diff.Refuse(weaker)
	}
	if err != nil {
		return loadErrors(err)
	}
	opened := (p.inUse == nil || p.inUse.state.Plan.Enforces()) && !next.state.Plan.Enforces()
	p.state.Store(next.state)
	if p.inUse != nil {
		p.history.Replace(&version{facts: p.inUse.facts, keys: p.inUse.keys}, next)
	}
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

// Change is one way in which a reloaded policy accepts more than the one before, or may
// accept more, as jwtctl diff reports it.
type Change struct {
	// Kind is the kind of change, as in jwtctl diff, such as "bearer-not-validated".
	Kind string
	// Subject is the method, message, field or issuer affected.
	Subject string
	// Detail describes the change, and Gain what an attacker gains by it.
	Detail, Gain string
}

// version is a loaded policy, with what the next reload is compared against.
type version struct {
	state *enforce.State
	facts *policy.Policy
	keys  []Key
}

func (p *Policy) load(ctx context.Context, src Source, list []Key) (*version, error) {
	if src == nil {
		return nil, fault.New(fault.UsageError, "source", "is nil")
	}
	set, err := src.Descriptors(ctx)
	if err != nil {
		return nil, err
	}
	if len(set.Services()) == 0 {
		return nil, fault.New(fault.DescriptorInvalid, "descriptors", "no services, so nothing could be called").
			WithHint("import the generated code, or pass the files of the services")
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
		return nil, fault.New(fault.KeyMissing, "keys", "the policy checks or makes tokens, but there is no key")
	}
	state, err := enforce.New(enforce.Policy{Plan: compiled, Verifier: verifier, Signer: signer}, enforce.Options{Open: p.o.Open, CachedTokens: p.o.CachedTokens, Now: p.o.Now})
	if err != nil {
		return nil, err
	}
	return &version{state, facts, slices.Clone(list)}, nil
}

// ring opens the keys, and starts fetching remote sets.
func (p *Policy) ring(list []Key) (*keys.Ring, error) {
	var own []*keys.Key
	var sets []keys.Set
	for _, k := range list {
		if k.open == nil {
			return nil, fault.New(fault.UsageError, "keys", "has a zero value")
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
		if remote, ok := set.(*jwks.Remote); ok {
			remote.Prefetch()
		}
	}
	return ring, nil
}

// newHistory returns the memory of a Policy, which is empty.
func newHistory() *diff.History[*version] {
	return &diff.History[*version]{
		Compare: (*version).weaker,
		Lacks: func(before, after *version) bool {
			return diff.Lacks(before.facts, after.facts) || diff.LacksRules(before.rules(), after.rules())
		},
		Has: func(v *version, method string) bool { return diff.Has(v.facts, method) },
	}
}

// rules returns the rules of v's keys.
func (v *version) rules() (list []diff.IssuerRules) {
	for _, k := range v.keys {
		list = append(list, k.rules)
	}
	return list
}

// weaker returns the changes from v to next that let more through, or that cannot be
// decided (S79).
func (v *version) weaker(next *version) ([]diff.Change, error) {
	changes, err := diff.Compare(v.facts, next.facts)
	if err != nil {
		return nil, err
	}
	weaker := diff.Failing(changes)
	for _, k := range next.keys {
		for _, c := range v.loosenedRules(k) {
			if !slices.Contains(weaker, c) { // another key reported it
				weaker = append(weaker, c)
			}
		}
	}
	return weaker, nil
}

// loosenedRules returns what the rules of k let through that the old rules did not. Of the
// keys of v for the same issuer, or from the same place, it compares k with the most
// similar one.
func (v *version) loosenedRules(k Key) (fewest []diff.Change) {
	first := true
	for _, was := range v.keys {
		if was.rules.Name != k.rules.Name {
			continue
		}
		changes := diff.Failing(diff.WithRules(nil, []diff.IssuerRules{was.rules}, []diff.IssuerRules{k.rules}))
		if first || len(changes) < len(fewest) {
			fewest, first = changes, false
		}
	}
	return fewest
}
