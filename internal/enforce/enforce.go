// Package enforce applies a policy to calls, for any transport: the proxy and the
// interceptors use the same plan and reach the same verdicts, with the same messages to
// clients and the same metadata for claims. The transport provides the parts of a call
// (paths, metadata, messages); this package decides.
//
// It does not know transports, files or flags.
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

// Policy is what to enforce, and the keys to enforce it with.
type Policy struct {
	Plan     *plan.Plan
	Verifier *verify.Verifier
	// Signer is required if a method signs its response.
	Signer *sign.Signer
}

// WarnUnsigned logs each method for whose responses there is no signing key (A23): every
// call of it would fail, after the service has responded.
func (p Policy) WarnUnsigned(ctx context.Context, log *slog.Logger) {
	for m := range p.Plan.Methods {
		if m.Response == nil {
			continue
		}
		if err := p.Signer.CheckSignable(m.Response); err != nil {
			log.WarnContext(ctx, "no key can sign the responses of a method: every call to it fails", "method", m.Name, "reason", err.Error())
		}
	}
}

// Options configure how a Policy is enforced.
type Options struct {
	// Open lists methods, "pkg.Service/Method", that need no check although they are not
	// in the policy (S65).
	Open []string
	// CachedTokens is the number of accepted bearer tokens to remember; 0 disables the
	// cache.
	CachedTokens int
	// Now is the clock; required.
	Now func() time.Time
}

// Unguarded returns the methods of a server's health checks and reflection, if the user
// permits them without a check (S65).
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

// State is a Policy in force. Only its cache changes; it is safe for concurrent use.
type State struct {
	Policy
	// methods are the permitted methods by path.
	methods map[string]*plan.Method
	codec   *message.Codec
	cache   *tokenCache // nil if disabled
	now     func() time.Time
}

// New puts policy in force. It returns an internal error if policy is incomplete.
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

// Unguarded reports whether path is a permitted method that requires nothing and does not
// sign its response.
func (s *State) Unguarded(path string) bool {
	m := s.methods[path]
	return m != nil && m.Bearer == nil && m.Request == nil && m.Response == nil
}

// Paths yields the paths of all permitted methods.
func (s *State) Paths(yield func(string) bool) {
	for path := range s.methods {
		if !yield(path) {
			return
		}
	}
}

// Admission is an accepted bearer token, with what was derived from it.
type Admission struct {
	Token *jws.Verified
	// Claims is the metadata that passes the claims to the service (A34).
	Claims []Pair
	// expires is exp, or zero.
	expires time.Time
}

// expiredAt reports whether the token has expired by now, without leeway.
func (a *Admission) expiredAt(now time.Time) bool {
	return !a.expires.IsZero() && !now.Before(a.expires)
}

// admit checks the bearer token in values, those of authorization.
func (s *State) admit(ctx context.Context, need *plan.Bearer, values []string) (*Admission, error) {
	compact, err := verify.HeaderToken(values...)
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
	start := s.now()
	a, err := s.decide(ctx, need, compact)
	if err == nil {
		s.cache.put(id, a, start, len(compact))
	}
	return a, err
}

func (s *State) decide(ctx context.Context, need *plan.Bearer, compact string) (*Admission, error) {
	token, err := s.Verifier.BearerToken(ctx, need, compact)
	if err != nil {
		return nil, err
	}
	expires, err := token.ValidUntil()
	if err != nil {
		return nil, err
	}
	return &Admission{token, claimMetadata(token.Claims.Members()), expires}, nil
}
