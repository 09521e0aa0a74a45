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

	"github.com/jwtctl/jwtctl/internal/claims"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/sign"
	"github.com/jwtctl/jwtctl/internal/verify"
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
	// Observer, unless nil, is called for every call.
	Observer Observer
	// Log gets refusals and key sets that cannot be fetched; nil is slog.Default().
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Env looks up the variables that annotations name; nil is os.LookupEnv.
	Env func(name string) (string, bool)
}

// Observer counts calls. Its methods are called by many goroutines at once.
type Observer interface {
	// Begin tells that a call has begun. method is "pkg.Service/Method", "" for one
	// that the policy lacks: what clients send must not name metrics.
	Begin(method string)
	// End tells that it has ended; refused is nil unless the policy ended it.
	End(method string, refused *Error)
	// WouldRefuse tells of a call that goes on because of ReportOnly, once for each.
	WouldRefuse(method string, e *Error)
}

// Policy is what annotations require, with the keys that it is enforced by. It is safe
// for concurrent use.
type Policy struct {
	o      Options
	reload sync.Mutex
	state  atomic.Pointer[enforce.State]
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
	if !p.state.Load().Plan.Enforces() {
		o.Log.WarnContext(ctx, "the policy has no annotated method: every call of its methods passes")
	}
	return p, nil
}

// Reload puts another policy and other keys in force for the calls that begin from now
// on; those under way keep what they began with. After an error the old ones stay. A
// policy without any service is refused.
func (p *Policy) Reload(ctx context.Context, src Source, list []Key) error {
	p.reload.Lock()
	defer p.reload.Unlock()
	s, err := p.load(ctx, src, list)
	if err != nil {
		return loading(err)
	}
	p.state.Store(s)
	return nil
}

func (p *Policy) load(ctx context.Context, src Source, list []Key) (*enforce.State, error) {
	set, err := src.Descriptors(ctx)
	if err != nil {
		return nil, err
	}
	if len(set.Services()) == 0 {
		return nil, fault.New(fault.DescriptorInvalid, "descriptors", "they have no service, so nothing could be called").
			WithHint("import the generated code, or name the files of the services")
	}
	compiled, err := plan.Compile(policy.Read(set), p.o.Env)
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
		Limits: jws.Limits{TokenBytes: p.o.MaxTokenBytes}, Now: p.o.Now,
	})
	if err != nil {
		return nil, err
	}
	signer := sign.New(codec, ring, sign.Options{KeyID: p.o.SigningKeyID, RefuseUnknownFields: p.o.RefuseUnknownFields, Now: p.o.Now})
	if compiled.Enforces() && len(list) == 0 {
		return nil, fault.New(fault.KeyMissing, "keys", "the policy checks or makes tokens, and there is no key")
	}
	return enforce.New(enforce.Policy{Plan: compiled, Verifier: verifier, Signer: signer}, enforce.Options{Open: p.o.Open, CachedTokens: p.o.CachedTokens, Now: p.o.Now})
}

// ring opens the keys, and begins to fetch those that are elsewhere.
func (p *Policy) ring(list []Key) (*keys.Ring, error) {
	var own []*keys.Key
	var sets []keys.Set
	for _, k := range list {
		if k.open == nil {
			return nil, fault.New(fault.UsageError, "keys", "one is the zero value")
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
