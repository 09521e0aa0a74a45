// Package proxy enforces a policy in front of a gRPC server: a reverse proxy
// that refuses calls, tells the server who calls, validates request messages
// and signs response messages, along the same plan and with the same verdicts as
// jwtctl verify (annotations.md A12, A30-A36; security.md S59-S68).
//
// A call is what the descriptors say it is: its path is looked up as it was
// spelled, and the name found there is what goes upstream (S60). Messages that
// no annotation speaks of pass as bytes and are never decoded. Everything else
// passes unchanged: metadata, trailers, status details, deadlines, cancellation.
//
// Rules of its own, where the specification is silent:
//   - A bearer token is checked when the call begins. From its expiry on no
//     further request is delivered; responses still are (S63).
//   - Where requests are validated, the upstream hears of a call with the first
//     request that passed, so one that must speak first cannot.
//   - A call keeps the policy and the keys that it began with, see Swap.
//   - A claim whose name ends in "-bin" goes nowhere: gRPC would take it for bytes.
//
// It reads no file, knows no flags and makes no keys. It is the only package
// that knows google.golang.org/grpc. What a call must pass is for enforce to say.
package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/health"
	"github.com/jwtctl/jwtctl/internal/metrics"
)

// Policy is what a Proxy enforces, and by which keys.
type Policy = enforce.Policy

// The limits of a Proxy that no one set others for (S66).
const (
	MaxMetadataBytes = 16 << 10
	MaxMessageBytes  = 4 << 20
	MaxStreams       = 250
	MinPingInterval  = 10 * time.Second
)

// Limits bound what one client may cost. A zero stands for the constant of that
// name.
type Limits struct {
	// MetadataBytes is the most bytes of a call's metadata, as HTTP/2 counts them,
	// in either direction. A client that sends more than twice as many is disconnected.
	MetadataBytes uint32
	// MessageBytes is the most bytes of a message, after decompression, in
	// either direction.
	MessageBytes int
	// Streams is the most calls under way on one connection.
	Streams uint32
}

func (l Limits) orDefault() Limits {
	if l.MetadataBytes == 0 {
		l.MetadataBytes = MaxMetadataBytes
	}
	if l.MessageBytes == 0 {
		l.MessageBytes = MaxMessageBytes
	}
	if l.Streams == 0 {
		l.Streams = MaxStreams
	}
	return l
}

// Options say how a Proxy works.
type Options struct {
	// Upstream is the server behind, as by Dial; required, and stays open
	// when the Proxy has shut down.
	Upstream *Upstream
	// TLS, unless nil, is how clients are spoken to; nil is plaintext.
	TLS    *tls.Config
	Limits Limits
	// ForwardAuthorization sends authorization upstream on methods that
	// validate it, too (S62).
	ForwardAuthorization bool
	// ConnectionAge, unless 0, is the age, give or take a tenth, at which a
	// client is asked to reconnect (GOAWAY), so that it comes to know of new
	// replicas and shows its certificate again. Calls under way go on, and after
	// ConnectionGrace, unless 0, are broken off with UNAVAILABLE.
	ConnectionAge, ConnectionGrace time.Duration
	// PassHealth and PassReflection let the upstream's own grpc.health.v1 and
	// grpc.reflection through, unguarded (S65). Without PassHealth the Proxy
	// answers grpc.health.v1 for itself.
	PassHealth, PassReflection bool
	// ReportOnly refuses no call: each that would be is reported to Log and Observer, and
	// passes. Everything else is as ever: claims are sent and those of clients removed,
	// messages that pass are filled in, and responses signed.
	ReportOnly bool
	// CachedTokens is how many bearer tokens are remembered with their verdict;
	// 0 means none.
	CachedTokens int
	// Log is called for refusals; Now is the clock of the machine. Both are needed.
	Log *slog.Logger
	Now func() time.Time
	// Observer, unless nil, is called for every call.
	Observer metrics.Observer
}

// Proxy is a gRPC server that forwards what its policy lets through. It is safe
// for concurrent use.
type Proxy struct {
	options  Options
	upstream *Upstream
	server   *grpc.Server
	health   *health.Server
	holder   *holder
	state    atomic.Pointer[enforce.State]
	accepts  lastAccepted
}

// New returns a Proxy that enforces policy. The errors are those of Swap, and
// internal for options that miss what they need.
func New(policy Policy, o Options) (*Proxy, error) {
	if o.Upstream == nil || o.Log == nil || o.Now == nil {
		return nil, fault.New(fault.Internal, "proxy", "upstream, log and clock are required")
	}
	o.Limits = o.Limits.orDefault()
	if o.Observer == nil {
		o.Observer = metrics.Discard{}
	}
	p := &Proxy{options: o, upstream: o.Upstream}
	p.health = health.New(func() iter.Seq[string] { return p.state.Load().Paths })
	p.holder = newHolder(p.health.Closing())
	if err := p.Swap(policy); err != nil {
		return nil, err
	}
	p.server = grpc.NewServer(p.serverOptions()...)
	if !o.PassHealth {
		grpc_health_v1.RegisterHealthServer(p.server, p.health)
	}
	return p, nil
}

func (p *Proxy) serverOptions() []grpc.ServerOption {
	l := p.options.Limits
	all := []grpc.ServerOption{
		grpc.UnknownServiceHandler(p.handle),
		grpc.ForceServerCodecV2(codec{}),
		// Beyond this the whole connection ends; a call that is over the limit itself
		// is refused like others, see admit.
		grpc.MaxHeaderListSize(2 * l.MetadataBytes),
		grpc.MaxRecvMsgSize(l.MessageBytes),
		grpc.MaxConcurrentStreams(l.Streams),
		grpc.ConnectionTimeout(20 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: MinPingInterval, PermitWithoutStream: true}),
		// A client that is gone without a word holds its streams no longer than this.
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: time.Minute, Timeout: 20 * time.Second,
			MaxConnectionAge: p.options.ConnectionAge, MaxConnectionAgeGrace: p.options.ConnectionGrace,
		}),
		grpc.WaitForHandlers(true),
		// Goroutines that are used again do not grow their stacks for each call. Calls
		// beyond them get their own.
		grpc.NumStreamWorkers(32),
	}
	creds := insecure.NewCredentials()
	if p.options.TLS != nil {
		creds = credentials.NewTLS(p.options.TLS)
	}
	return append(all, grpc.Creds(visited{creds, p.options.Now, p.health.Closing()}))
}

// Swap puts policy in force for the calls that begin from now on. Those under
// way keep the policy they began with, keys and all, until they end. A policy
// that misses what it needs is refused, and the old one stays.
func (p *Proxy) Swap(policy Policy) error {
	s, err := enforce.New(policy, enforce.Options{Open: enforce.Unguarded(p.options.PassHealth, p.options.PassReflection), CachedTokens: p.options.CachedTokens, Now: p.options.Now})
	if err != nil {
		return err
	}
	p.state.Store(s)
	return nil
}

// Serve answers calls that come in by l, and closes it in the end. It returns
// nil after Shutdown, and listen_failed if l breaks.
func (p *Proxy) Serve(l net.Listener) error {
	if err := p.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fault.New(fault.ListenFailed, l.Addr().String(), "%w", err)
	}
	return nil
}

// Shutdown stops listening, says so to health checks and clients, and lets the
// calls under way end. Those that have not when ctx is done are broken off with
// UNAVAILABLE, and the error is interrupted.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.health.Close()
	drained := make(chan struct{})
	go func() {
		p.server.GracefulStop()
		close(drained)
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		p.server.Stop()
		<-drained
		return fault.New(fault.Interrupted, "proxy", "calls were still open at the end of the shutdown time: %w", ctx.Err())
	}
}
