// Package enforce decides about calls, whatever carries them: the proxy and the
// interceptors of a server walk one plan by it, with the same verdicts, words for
// clients, and metadata about claims. What a call is made of (paths, metadata,
// messages) comes from the transport; what it means is worked out here, once.
//
// It knows no transport, no file and no flag.
package enforce

import (
	"context"
	"log/slog"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// Policy is what is enforced, and by which keys.
type Policy struct {
	Plan     *plan.Plan
	Verifier *verify.Verifier
	// Signer is needed where a method signs its response.
	Signer *sign.Signer
}

// WarnUnsigned logs each method whose responses no key can sign (A23): every call of it
// would fail, after the service has answered.
func (p Policy) WarnUnsigned(ctx context.Context, log *slog.Logger) {
	for m := range p.Plan.Methods {
		if m.Response == nil {
			continue
		}
		if err := p.Signer.Able(m.Response); err != nil {
			log.WarnContext(ctx, "no key signs the responses of a method: every call of it fails", "method", m.Name, "reason", err.Error())
		}
	}
}

// Options say how a Policy is enforced.
type Options struct {
	// Open are methods, "pkg.Service/Method", that pass unguarded although the policy
	// does not have them (S65).
	Open []string
	// CachedTokens is how many bearer tokens are remembered with their verdict;
	// 0 means none.
	CachedTokens int
	// Now is the clock of the machine; required.
	Now func() time.Time
}

// Unguarded returns the methods of a server's own health checks and reflection that
// pass where the user says so (S65).
func Unguarded(health, reflection bool) (names []string) {
	if health {
		for _, method := range []string{"Check", "List", "Watch"} {
			names = append(names, "grpc.health.v1.Health/"+method)
		}
	}
	if reflection {
		names = append(names, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
	}
	return names
}

// State is a Policy in force. Only its cache changes. It is safe for concurrent use.
type State struct {
	Policy
	// methods are those that are let through, by their path.
	methods map[string]*plan.Method
	codec   *message.Codec
	cache   *tokenCache // nil for none
	now     func() time.Time
}

// New puts policy in force. The error is internal for a policy that misses what it
// needs.
func New(policy Policy, o Options) (*State, error) {
	missing := func(what string) error { return fault.New(fault.Internal, "proxy", "its policy has no %s", what) }
	if policy.Plan == nil || policy.Verifier == nil {
		return nil, missing("plan or verifier")
	}
	s := &State{Policy: policy, methods: map[string]*plan.Method{}, codec: message.New(policy.Plan.Set().Types(), message.Limits{}), now: o.Now}
	for _, name := range o.Open {
		s.methods["/"+name] = &plan.Method{Name: name}
	}
	for _, service := range policy.Plan.Set().Services() {
		for i := range service.Methods().Len() {
			name := string(service.FullName()) + "/" + string(service.Methods().Get(i).Name())
			m, err := policy.Plan.Method(name)
			if err != nil {
				return nil, err
			}
			if m.Response != nil && policy.Signer == nil {
				return nil, missing("signer, and " + name + " signs its response")
			}
			s.methods["/"+m.Name] = m
		}
	}
	if o.CachedTokens > 0 {
		s.cache = newTokenCache(o.CachedTokens)
	}
	return s, nil
}

// Unguarded reports whether path is a method that is let through and of which nothing is
// required, nor is its response signed.
func (s *State) Unguarded(path string) bool {
	m := s.methods[path]
	return m != nil && m.Bearer == nil && m.Request == nil && m.Response == nil
}

// Paths yields the paths of all methods that are let through.
func (s *State) Paths(yield func(string) bool) {
	for path := range s.methods {
		if !yield(path) {
			return
		}
	}
}

// Admission is a bearer token that passed, and what follows from it.
type Admission struct {
	Token *jws.Verified
	// Claims are the metadata that tells them to the service (A34).
	Claims []Pair
	// expires is exp, zero for a token without.
	expires time.Time
}

// overAt reports whether the token has expired by now, leeway aside.
func (a *Admission) overAt(now time.Time) bool {
	return !a.expires.IsZero() && !now.Before(a.expires)
}

// admit decides about the bearer token in values, those of authorization.
func (s *State) admit(ctx context.Context, need *plan.Bearer, values []string) (*Admission, error) {
	compact, err := verify.InHeader(values...)
	if err != nil {
		return nil, err
	}
	if s.cache == nil || len(compact) > maxCachedToken {
		return s.decide(ctx, need, compact)
	}
	id := identify(compact, need)
	if a := s.cache.get(ctx, id, s.Verifier.Ring(), s.now()); a != nil {
		return a, nil
	}
	begun := s.now()
	a, err := s.decide(ctx, need, compact)
	if err == nil {
		s.cache.put(id, a, begun, len(compact))
	}
	return a, err
}

func (s *State) decide(ctx context.Context, need *plan.Bearer, compact string) (*Admission, error) {
	token, err := s.Verifier.BearerToken(ctx, need, compact)
	if err != nil {
		return nil, err
	}
	expires, err := token.GoodUntil()
	if err != nil {
		return nil, err
	}
	return &Admission{token, claimMetadata(token.Claims.Members()), expires}, nil
}
