// Package authz decides about calls on behalf of other proxies: they ask with the
// headers of a call, over Envoy's ext_authz protocol or plain HTTP, and the answer is
// which headers to set and to remove, or how to refuse the call. By Envoy's ext_proc
// protocol they ask about the messages as well, which are validated and signed on their
// way. Verdicts, codes and texts are those of jwtctl proxy, since both ask package enforce.
//
// A method that validates or signs messages is refused to those who ask with headers
// alone, unless Options.BearerOnly says that something else does that part.
//
// It reads no file and knows no flags.
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

// What is read of a call where Options name nothing else: as much as jwtctl proxy reads.
const (
	MaxMetadataBytes = 16 << 10
	MaxMessageBytes  = 4 << 20
)

// Options say how an Authority decides.
type Options struct {
	// BearerOnly lets methods that validate or sign messages pass on their bearer tokens
	// alone where the messages are not sent here.
	BearerOnly bool
	// ForwardAuthorization leaves authorization on calls whose token was checked.
	ForwardAuthorization bool
	// ReportOnly refuses no call: each that would be is logged and counted.
	ReportOnly bool
	// Open are methods, "pkg.Service/Method", that pass although the policy does not
	// have them (S65).
	Open []string
	// CachedTokens is how many bearer tokens are remembered with their verdict;
	// 0 means none.
	CachedTokens int
	// MetadataBytes is the most bytes of names and values of a call's headers;
	// 0 means MaxMetadataBytes.
	MetadataBytes int
	// MessageBytes is the most bytes of a message, after decompression; 0 means
	// MaxMessageBytes.
	MessageBytes int
	// Log is called for refusals; Now is the clock of the machine. Both are needed.
	Log *slog.Logger
	Now func() time.Time
	// Observer, unless nil, is called for every decision.
	Observer metrics.Observer
}

// Header is a header of a call. Name is in lower case.
type Header struct{ Name, Value string }

// Request is what a proxy asks about.
type Request struct {
	// Path is that of the call as the client spelled it, with or without a query.
	Path    string
	Headers []Header
	// RefuseClaims refuses a call with claims of its own, since the proxy does not
	// remove headers that Verdict.Remove names.
	RefuseClaims bool
}

// Verdict is the answer. With Refusal the call must not go on, and the rest counts
// for nothing.
type Verdict struct {
	// Set are headers to overwrite, never to append to.
	Set []enforce.Pair
	// Remove are headers to take off; none of them is in Set.
	Remove  []string
	Refusal *enforce.Refusal
}

// Authority decides by the policy in force. It is safe for concurrent use.
type Authority struct {
	options Options
	state   atomic.Pointer[enforce.State]
}

// New returns an Authority for policy. The errors are those of Swap, and internal
// for options that miss what they need.
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

// Swap puts policy in force for the calls that are decided from now on. On an error, the
// old one stays.
func (a *Authority) Swap(policy enforce.Policy) error {
	s, err := enforce.New(policy, enforce.Options{Open: a.options.Open, CachedTokens: a.options.CachedTokens, Now: a.options.Now})
	if err != nil {
		return err
	}
	a.state.Store(s)
	return nil
}

// Decide decides about the call of r.
func (a *Authority) Decide(ctx context.Context, r Request) (v Verdict) {
	began := a.options.Now()
	a.options.Observer.Begin()
	path, _, _ := strings.Cut(r.Path, "?")
	var call *enforce.Call
	defer func() {
		if cause := recover(); cause != nil { // S74
			v = Verdict{Refusal: enforce.Crashed(cause)}
		}
		a.end(ctx, call, path, v.Refusal, false, began)
	}()
	call = a.begin(ctx, path)
	if refusal := a.refuse(ctx, call, r); refusal != nil {
		return Verdict{Refusal: refusal}
	}
	return a.pass(call, r.Headers)
}

// refuse returns why the call must not go on, nil for one that may.
func (a *Authority) refuse(ctx context.Context, call *enforce.Call, r Request) *enforce.Refusal {
	if refusal := call.Known(); refusal != nil {
		return refusal
	}
	refusal := a.tooLarge(r.Headers)
	if refusal == nil && r.RefuseClaims {
		refusal = fromClient(r.Headers)
	}
	if refusal == nil {
		refusal = call.Admit(ctx, values(r.Headers, "authorization"))
	}
	if refusal == nil && call.Method.WithMessages() && !a.options.BearerOnly {
		f := fault.New(fault.PolicyInvalid, call.Method.Name, "validates or signs messages, which are not seen here")
		refusal = enforce.Refuse(enforce.InCall, f.WithHint("have Envoy ask by ext_proc; if something else checks messages, let the bearer token alone decide"))
	}
	return call.Ends(refusal)
}

// tooLarge refuses headers that are more than is read.
func (a *Authority) tooLarge(headers []Header) *enforce.Refusal {
	size := 0
	for _, h := range headers {
		size += len(h.Name) + len(h.Value)
	}
	if size <= a.options.MetadataBytes {
		return nil
	}
	return enforce.Refuse(enforce.InCall, fault.New(fault.LimitExceeded, "metadata", "%d bytes; at most %d are read", size, a.options.MetadataBytes))
}

// fromClient refuses headers that look like claims.
func fromClient(headers []Header) *enforce.Refusal {
	for _, h := range headers {
		if enforce.IsClaim(h.Name) {
			return enforce.Refuse(enforce.InCall, fault.New(fault.ClaimFromClient, quote.Shorten(h.Name), "this header of the client looks like a claim"))
		}
	}
	return nil
}

// pass returns the headers of a call that goes on: those of the client that look
// like claims are never among them (A34), and those that are set are not removed,
// since proxies remove last.
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
		if enforce.IsClaim(h.Name) || ofGRPC && enforce.OfConnection(h.Name) && h.Name != "te" { // Envoy and gRPC need te
			remove(h.Name)
		}
	}
	if call.Method.Bearer != nil && !a.options.ForwardAuthorization {
		remove("authorization")
	}
	return v
}

// names returns what metrics and the log call the method of call, nil for none.
// What clients send must not name metrics.
func names(call *enforce.Call, path string) (metric, log string) {
	if call != nil && call.IsKnown() {
		return call.Method.Name, call.Method.Name
	}
	return "", quote.Shorten(path)
}
