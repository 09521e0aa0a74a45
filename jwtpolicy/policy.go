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

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// DefaultCachedTokens is how many bearer tokens are remembered by default.
const DefaultCachedTokens = 10_000

// Options say how a policy is enforced. The zero value enforces all of it.
type Options struct {
	// Leeway is how far the clocks of issuers may differ, 0 to 10 minutes.
	Leeway time.Duration
	// SigningKeyID picks the key that signs; by default the token's issuer does.
	SigningKeyID string
	// RefuseUnknownFields refuses messages with fields that their types do not declare.
	RefuseUnknownFields bool
	// Open are methods outside of the policy that pass unguarded, such as
	// "grpc.health.v1.Health/Check". All others that the policy lacks are refused.
	Open []string
	// CachedTokens is how many bearer tokens that passed are remembered, so that their
	// signature is not checked again; 0 is DefaultCachedTokens, less than 0 none. They
	// are believed no longer for it.
	CachedTokens int
	// MaxTokenBytes is the most bytes of a token; 64 KiB by default.
	MaxTokenBytes int
	// ReportOnly refuses no call: what would be refused goes to Log and Observer, and
	// the call goes on.
	ReportOnly bool
	// RefuseWeaker makes Reload refuse a policy that lets more through than the one in
	// force, or may do, as by jwtctl diff.
	RefuseWeaker bool
	// Observer, unless nil, is called for every call.
	Observer Observer
	// Log gets refusals, what a reload made weaker, and key sets that cannot be fetched; nil is slog.Default().
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Env looks up the variables that annotations name; nil is os.LookupEnv.
	Env func(name string) (string, bool)
}

// Observer counts calls and reloads. Its methods are called by many goroutines at once.
type Observer interface {
	// Begin tells that a call has begun. method is "pkg.Service/Method", "" for one
	// that the policy lacks: what clients send must not name metrics.
	Begin(method string)
	// End tells that it has ended; refused is nil unless the policy ended it.
	End(method string, refused *Error)
	// WouldRefuse tells of a call that goes on because of ReportOnly, once for each.
	WouldRefuse(method string, e *Error)
	// Weakened tells of each change by which a Reload has let more through.
	Weakened(c Change)
}

// Policy is what annotations require, with the keys that it is enforced by. It is safe
// for concurrent use.
type Policy struct {
	o      Options
	state  atomic.Pointer[enforce.State]
	reload sync.Mutex
	inUse  *version // of state; for who holds reload
}

// New loads a policy. One with an error that jwtctl lint reports does not start, nor
// does one whose keys cannot be read; a key set at a URL is fetched later. The error is an
// *Error or several, joined.
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
	p := &Policy{o: o}
	if err := p.Reload(ctx, src, list); err != nil {
		return nil, err
	}
	return p, nil
}

// VerifyBearer decides about a bearer token outside of a call, by what method,
// "pkg.Service/Method", requires. The token comes without the scheme "Bearer".
func (p *Policy) VerifyBearer(ctx context.Context, method, token string) (Claims, error) {
	s := p.state.Load()
	m, err := s.Plan.Method(strings.TrimPrefix(method, "/"))
	if err != nil {
		return Claims{}, loading(err)
	}
	verified, err := s.Verifier.BearerToken(ctx, m.Bearer, token)
	if err != nil {
		return Claims{}, about(enforce.InBearer, err)
	}
	return Claims{verified}, nil
}

// VerifyMessage decides about m outside of a call, by the annotations of its type, and
// fills in its EXTRACT and RAW fields. bearer is the claims of the bearer token that came
// with it; the zero value for none. After an error m must not be used.
func (p *Policy) VerifyMessage(ctx context.Context, m proto.Message, bearer Claims) error {
	return about(enforce.InRequest, p.state.Load().VerifyMessage(ctx, m, bearer.token))
}

// SignMessage puts a token into each token field of m, by the annotations of its type.
// bearer is as in VerifyMessage. After an error m must not be used.
func (p *Policy) SignMessage(m proto.Message, bearer Claims) error {
	return about(enforce.InResponse, p.state.Load().SignMessage(m, bearer.token))
}
