// Package authz decides about calls for other proxies. They send the headers of a call,
// by Envoy's ext_authz protocol or plain HTTP, and the response says which headers to set
// and remove, or how to refuse the call. With Envoy's ext_proc protocol they also send
// the messages, which are validated and signed. Verdicts, codes and texts are those of
// jwtctl proxy, since both use package enforce.
//
// For callers that send only headers, a method that validates or signs messages is
// refused, unless Options.BearerOnly says that something else handles the messages.
//
// The package reads no files and does not know flags.
package authz

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/metrics"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// The default limits, the same as in jwtctl proxy.
const (
	MaxMetadataBytes = 16 << 10
	MaxMessageBytes  = 4 << 20
)

// Options configure an Authority.
type Options struct {
	// BearerOnly permits methods that validate or sign messages with only their bearer
	// token checked, if the messages are not sent here.
	BearerOnly bool
	// ForwardAuthorization keeps the authorization header of calls whose token was
	// checked.
	ForwardAuthorization bool
	// ReportOnly refuses no calls; those that would be refused are logged and counted.
	ReportOnly bool
	// Open lists methods, "pkg.Service/Method", that need no check although they are not
	// in the policy (S65).
	Open []string
	// CachedTokens is the number of accepted bearer tokens to remember; 0 disables the
	// cache.
	CachedTokens int
	// MetadataBytes limits the names and values of a call's headers, in total; 0 means
	// MaxMetadataBytes.
	MetadataBytes int
	// MessageBytes limits a message after decompression; 0 means MaxMessageBytes.
	MessageBytes int
	// Log gets refusals, and Now is the clock. Both are required.
	Log *slog.Logger
	Now func() time.Time
	// Observer, if not nil, is called for every decision.
	Observer metrics.Observer
}

// Header is a header of a call. Name must be in lower case.
type Header struct{ Name, Value string }

// Request is a proxy's question about a call.
type Request struct {
	// Path is the path as the client spelled it, with or without a query.
	Path    string
	Headers []Header
	// RefuseClaims refuses calls that already have claim headers, for proxies that do not
	// remove the headers in Verdict.Remove.
	RefuseClaims bool
}

// Verdict is the decision. If Refusal is set, the call must not continue, and the other
// fields must be ignored.
type Verdict struct {
	// Set are headers to overwrite, never to append to.
	Set []enforce.Pair
	// Remove are headers to remove; none of them is in Set.
	Remove  []string
	Refusal *enforce.Refusal
}

// Authority decides by the policy in force. It is safe for concurrent use.
type Authority struct {
	options Options
	state   atomic.Pointer[enforce.State]
}

// New returns an Authority for policy. Errors are those of Swap, and internal for
// incomplete options.
func New(policy enforce.Policy, o Options) (*Authority, error) {
	if o.Log == nil || o.Now == nil {
		return nil, fault.New(fault.Internal, "authz", "log and clock are required")
	}
	if o.MetadataBytes == 0 {
		o.MetadataBytes = MaxMetadataBytes
	}
	if o.MessageBytes == 0 {
		o.MessageBytes = MaxMessageBytes
	}
	if o.Observer == nil {
		o.Observer = metrics.Discard{}
	}
	a := &Authority{options: o}
	return a, a.Swap(policy)
}

// Swap puts policy in force for all later decisions. On error, the old policy stays.
func (a *Authority) Swap(policy enforce.Policy) error {
	s, err := enforce.New(policy, enforce.Options{Open: a.options.Open, CachedTokens: a.options.CachedTokens, Now: a.options.Now})
	if err != nil {
		return err
	}
	a.state.Store(s)
	return nil
}

// Decide checks the call of r.
func (a *Authority) Decide(ctx context.Context, r Request) (v Verdict) {
	start := a.options.Now()
	a.options.Observer.Begin()
	path, _, _ := strings.Cut(r.Path, "?")
	var call *enforce.Call
	defer func() {
		if cause := recover(); cause != nil { // S74
			v = Verdict{Refusal: enforce.PanicRefusal(cause)}
		}
		a.end(ctx, call, path, v.Refusal, false, start)
	}()
	call = a.begin(ctx, path)
	if refusal := a.refuse(ctx, call, r); refusal != nil {
		return Verdict{Refusal: refusal}
	}
	return a.pass(call, r.Headers)
}

// refuse returns why the call must not continue, or nil.
func (a *Authority) refuse(ctx context.Context, call *enforce.Call, r Request) *enforce.Refusal {
	if refusal := call.CheckMethod(); refusal != nil {
		return refusal
	}
	refusal := a.tooLarge(r.Headers)
	if refusal == nil && r.RefuseClaims {
		refusal = refuseClaimHeaders(r.Headers)
	}
	if refusal == nil {
		refusal = call.Admit(ctx, values(r.Headers, "authorization"))
	}
	if refusal == nil && call.Method.UsesMessages() && !a.options.BearerOnly {
		f := fault.New(fault.PolicyInvalid, call.Method.Name, "validates or signs messages, but the proxy in front sends only headers")
		refusal = enforce.Refuse(enforce.InCall, f.WithHint("use Envoy's ext_proc; or, if something else checks messages, check only the bearer token"))
	}
	return call.Enforce(refusal)
}

// tooLarge refuses headers beyond the limit.
func (a *Authority) tooLarge(headers []Header) *enforce.Refusal {
	size := 0
	for _, h := range headers {
		size += len(h.Name) + len(h.Value)
	}
	if size <= a.options.MetadataBytes {
		return nil
	}
	return enforce.Refuse(enforce.InCall, fault.New(fault.LimitExceeded, "metadata", "%d bytes, more than the limit of %d", size, a.options.MetadataBytes))
}

// refuseClaimHeaders refuses headers that could be taken for claims.
func refuseClaimHeaders(headers []Header) *enforce.Refusal {
	for _, h := range headers {
		if enforce.IsClaim(h.Name) {
			return enforce.Refuse(enforce.InCall, fault.New(fault.ClaimFromClient, quote.Shorten(h.Name), "clients must not send this header: it looks like a claim"))
		}
	}
	return nil
}

// pass returns the headers of an accepted call. Client headers that could be taken for
// claims are removed (A34), except those that are also set, since proxies remove last.
func (a *Authority) pass(call *enforce.Call, headers []Header) (v Verdict) {
	set := map[string]bool{}
	if admitted := call.Admission(); admitted != nil {
		v.Set = admitted.Claims
		for _, p := range v.Set {
			set[p.Key] = true
		}
	}
	remove := func(name string) {
		if !set[name] && !slices.Contains(v.Remove, name) {
			v.Remove = append(v.Remove, name)
		}
	}
	ofGRPC := grpcType(headers) != ""
	for _, h := range headers {
		if enforce.IsClaim(h.Name) || ofGRPC && enforce.IsConnectionHeader(h.Name) && h.Name != "te" { // Envoy and gRPC need te
			remove(h.Name)
		}
	}
	if call.Method.Bearer != nil && !a.options.ForwardAuthorization {
		remove("authorization")
	}
	return v
}

// names returns the method's name for metrics and for the log. call may be nil. Metrics
// never get a name that a client made up.
func names(call *enforce.Call, path string) (metric, log string) {
	if call != nil && call.IsKnown() {
		return call.Method.Name, call.Method.Name
	}
	return "", quote.Shorten(path)
}
