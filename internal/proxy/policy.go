package proxy

import (
	"context"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// Policy is what a Proxy enforces, and by which keys.
type Policy struct {
	Plan     *plan.Plan
	Verifier *verify.Verifier
	// Signer is needed where a method signs its response.
	Signer *sign.Signer
}

// state is a Policy in force. Only its cache changes.
type state struct {
	Policy
	// methods are those that are let through, by their path.
	methods map[string]*plan.Method
	codec   *message.Codec
	cache   *tokenCache // nil for none
	now     func() time.Time
}

// The methods of the upstream that pass unguarded where Options say so (S65).
const (
	healthService     = "grpc.health.v1.Health/"
	reflectionService = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	reflectionAlpha   = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

func newState(policy Policy, o Options) (*state, error) {
	missing := func(what string) error { return fault.New(fault.Internal, "proxy", "its policy has no %s", what) }
	if policy.Plan == nil || policy.Verifier == nil {
		return nil, missing("plan or verifier")
	}
	s := &state{Policy: policy, methods: map[string]*plan.Method{}, codec: message.New(policy.Plan.Set().Types(), message.Limits{}), now: o.Now}
	open := func(names ...string) {
		for _, name := range names {
			s.methods["/"+name] = &plan.Method{Name: name}
		}
	}
	if o.PassHealth {
		open(healthService+"Check", healthService+"List", healthService+"Watch")
	}
	if o.PassReflection {
		open(reflectionService, reflectionAlpha)
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

// admission is a bearer token that passed, and what follows from it.
type admission struct {
	token *jws.Verified
	// claims are the metadata that tells them upstream (A34).
	claims []pair
	// expires is exp, zero for a token without.
	expires time.Time
}

// overAt reports whether the token has expired by now, leeway aside.
func (a *admission) overAt(now time.Time) bool {
	return !a.expires.IsZero() && !now.Before(a.expires)
}

// admit decides about the bearer token in values, those of authorization.
func (s *state) admit(ctx context.Context, need *plan.Bearer, values []string) (*admission, error) {
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

func (s *state) decide(ctx context.Context, need *plan.Bearer, compact string) (*admission, error) {
	token, err := s.Verifier.BearerToken(ctx, need, compact)
	if err != nil {
		return nil, err
	}
	expires, err := token.GoodUntil()
	if err != nil {
		return nil, err
	}
	return &admission{token, claimMetadata(token.Claims.Members()), expires}, nil
}
