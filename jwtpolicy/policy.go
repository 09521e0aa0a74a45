package jwtpolicy

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/enforce"
)

// DefaultCachedTokens is the default of Options.CachedTokens.
const DefaultCachedTokens = 10_000

// Options configure how a policy is enforced. The zero value enforces everything.
type Options struct {
	// Leeway is the tolerated clock difference to issuers, from 0 to 10 minutes.
	Leeway time.Duration
	// SigningKeyID selects the key that signs; by default the key of the token's issuer.
	SigningKeyID string
	// RefuseUnknownFields refuses messages with fields that their type does not declare.
	RefuseUnknownFields bool
	// Open lists methods outside of the policy that need no check, such as
	// "grpc.health.v1.Health/Check". All other methods that are not in the policy are
	// refused.
	Open []string
	// CachedTokens is the number of accepted bearer tokens to remember, so that their
	// signature is not checked again. 0 means DefaultCachedTokens, a negative value
	// disables the cache. A cached token still expires in time.
	CachedTokens int
	// MaxTokenBytes is the maximum length of a token; the default is 64 KiB.
	MaxTokenBytes int
	// ReportOnly lets every call through. What would have been refused is logged to Log
	// and reported to the Observer.
	ReportOnly bool
	// RefuseWeaker makes Reload fail if the new policy lets more through than the one in
	// force, or may do so, as jwtctl diff decides. A method or issuer that an earlier
	// reload removed is compared with what it was.
	RefuseWeaker bool
	// Observer, if not nil, is called for every call.
	Observer Observer
	// Log gets refusals, changes by which a reload weakens the policy, and key sets that
	// cannot be fetched. The default is slog.Default().
	Log *slog.Logger
	// Now is the clock. The default is time.Now.
	Now func() time.Time
	// Env looks up the variables that annotations name. The default is os.LookupEnv.
	Env func(name string) (string, bool)
}

// Observer learns of calls and reloads, for example to count them. Its methods may be
// called concurrently.
type Observer interface {
	// Begin is called when a call begins. method is "pkg.Service/Method", or "" if the
	// policy does not have it, so that clients cannot create metrics of any name.
	Begin(method string)
	// End is called when a call has ended. refused is nil unless the policy ended the
	// call.
	End(method string, refused *Error)
	// WouldRefuse is called once for each call that goes on only because of ReportOnly.
	WouldRefuse(method string, e *Error)
	// Weakened is called for each change by which a Reload let more through.
	Weakened(c Change)
}

// Policy is what annotations require, and the keys to enforce it with. It is safe for
// concurrent use.
type Policy struct {
	o       Options
	state   atomic.Pointer[enforce.State]
	reload  sync.Mutex
	inUse   *version // of state; guarded by reload
	history *diff.History[*version]
}

// New loads a policy from src with the keys in list. It fails if jwtctl lint would report
// an error, or if a key cannot be read; key sets at URLs are fetched later. The error is
// an *Error or several, joined.
func New(ctx context.Context, src Source, list []Key, o Options) (*Policy, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	switch {
	case o.CachedTokens == 0:
		o.CachedTokens = DefaultCachedTokens
	case o.CachedTokens < 0:
		o.CachedTokens = 0
	}
	p := &Policy{o: o, history: newHistory()}
	if err := p.Reload(ctx, src, list); err != nil {
		return nil, err
	}
	return p, nil
}

// VerifyBearer checks a bearer token outside of a call against the requirements of
// method, "pkg.Service/Method". token does not include the scheme "Bearer". The error is
// an *Error.
func (p *Policy) VerifyBearer(ctx context.Context, method, token string) (Claims, error) {
	s := p.state.Load()
	m, err := s.Plan.Method(strings.TrimPrefix(method, "/"))
	if err != nil {
		return Claims{}, loadErrors(err)
	}
	verified, err := s.Verifier.BearerToken(ctx, m.Bearer, token)
	if err != nil {
		return Claims{}, errorAt(enforce.InBearer, err)
	}
	return Claims{verified}, nil
}

// VerifyMessage checks m outside of a call against the annotations of its type, and fills
// in its EXTRACT and RAW fields. bearer holds the claims of the bearer token that came
// with m, or is the zero value. The error is an *Error; after an error m must not be
// used.
func (p *Policy) VerifyMessage(ctx context.Context, m proto.Message, bearer Claims) error {
	return errorAt(enforce.InRequest, p.state.Load().VerifyMessage(ctx, m, bearer.token))
}

// SignMessage puts a token into each token field of m, as the annotations of its type
// require. bearer is as in VerifyMessage. The error is an *Error; after an error m must
// not be used.
func (p *Policy) SignMessage(m proto.Message, bearer Claims) error {
	return errorAt(enforce.InResponse, p.state.Load().SignMessage(m, bearer.token))
}
