// Package proxy is a reverse proxy that enforces a policy in front of a gRPC server: it
// refuses calls, passes claims to the server, validates request messages and signs
// response messages, using the same plan and reaching the same verdicts as jwtctl verify
// (A12, A30-A36; S59-S68).
//
// A call is what the descriptors say: its path is looked up as spelled, and the method
// found is what goes upstream (S60). Messages without annotations are forwarded as bytes
// and never decoded. Everything else is forwarded unchanged: metadata, trailers, status
// details, deadlines, cancellation.
//
// Where the specification leaves it open:
//   - A bearer token is checked when the call begins. Once it expires no further
//     request is delivered; responses still are (S63).
//   - If requests are validated, the upstream hears of a call with the first
//     accepted request, so an upstream that must send first cannot.
//   - A call keeps the policy and the keys that it began with, see Swap.
//   - A claim whose name ends in "-bin" is not forwarded: gRPC would take it for bytes.
//
// The package reads no files, knows no flags and makes no keys. Package enforce decides
// what a call must pass.
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

// Policy is what a Proxy enforces, and the keys to enforce it with.
type Policy = enforce.Policy

// The default limits of a Proxy (S66).
const (
	MaxMetadataBytes = 16 << 10
	MaxMessageBytes  = 4 << 20
	MaxStreams       = 250
	MinPingInterval  = 10 * time.Second
)

// Limits limit what a client may cost. Zero means the default of that name.
type Limits struct {
	// MetadataBytes limits a call's metadata, as HTTP/2 counts it, in each direction. A
	// client that sends more than twice that is disconnected.
	MetadataBytes uint32
	// MessageBytes limits a message after decompression, in each direction.
	MessageBytes int
	// Streams limits the concurrent calls on one connection.
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

// Options configure a Proxy.
type Options struct {
	// Upstream is the server behind the proxy, see Dial. Required. Shutdown does not
	// close it.
	Upstream *Upstream
	// TLS is the configuration for clients; nil means plaintext.
	TLS    *tls.Config
	Limits Limits
	// ForwardAuthorization also forwards the authorization metadata of methods that
	// validate it (S62).
	ForwardAuthorization bool
	// ConnectionAge, if not 0, is the age, plus or minus a tenth, at which a client is
	// asked to reconnect (GOAWAY), so that it discovers new replicas and shows its
	// certificate again. Current calls continue, and after ConnectionGrace, if not 0, are
	// cut off as UNAVAILABLE.
	ConnectionAge, ConnectionGrace time.Duration
	// PassHealth and PassReflection forward calls to the upstream's own grpc.health.v1
	// and grpc.reflection, unchecked (S65). Without PassHealth the Proxy has its own
	// grpc.health.v1.
	PassHealth, PassReflection bool
	// ReportOnly refuses no calls; what would be refused is reported to Log and Observer,
	// and passes. Everything else stays the same: claims are sent and those of clients
	// removed, accepted messages are filled in, and responses signed.
	ReportOnly bool
	// CachedTokens is the number of accepted bearer tokens to remember; 0 disables the
	// cache.
	CachedTokens int
	// Log gets refusals, and Now is the clock. Both are required.
	Log *slog.Logger
	Now func() time.Time
	// Observer, if not nil, is called for every call.
	Observer metrics.Observer
}

// Proxy is a gRPC server that forwards what its policy permits. It is safe for concurrent
// use.
type Proxy struct {
	options  Options
	upstream *Upstream
	server   *grpc.Server
	health   *health.Server
	holder   *refusalDelayer
	state    atomic.Pointer[enforce.State]
	accepts  lastAccepted
}

// New returns a Proxy that enforces policy. Errors are those of Swap, and internal for
// incomplete options.
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
	p.holder = newRefusalDelayer(p.health.Closing())
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
		// Beyond this the whole connection ends; a call over the limit itself is refused
		// like any other, see admit.
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
		// Reused goroutines need not grow their stacks for each call. Further calls get
		// their own.
		grpc.NumStreamWorkers(32),
	}
	creds := insecure.NewCredentials()
	if p.options.TLS != nil {
		creds = credentials.NewTLS(p.options.TLS)
	}
	return append(all, grpc.Creds(clientCredentials{creds, p.options.Now, p.health.Closing()}))
}

// Swap puts policy in force for new calls. Current calls keep the policy that they began
// with, including its keys, until they end. An incomplete policy is refused, and the old
// one stays.
func (p *Proxy) Swap(policy Policy) error {
	s, err := enforce.New(policy, enforce.Options{Open: enforce.Unguarded(p.options.PassHealth, p.options.PassReflection), CachedTokens: p.options.CachedTokens, Now: p.options.Now})
	if err != nil {
		return err
	}
	p.state.Store(s)
	return nil
}

// Serve serves calls on l, and closes it in the end. It returns nil after Shutdown, and
// listen_failed if l fails.
func (p *Proxy) Serve(l net.Listener) error {
	if err := p.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fault.New(fault.ListenFailed, l.Addr().String(), "%w", err)
	}
	return nil
}

// Shutdown stops listening, reports so to health checks and clients, and waits for
// current calls to end. Those that have not when ctx is done are cut off as UNAVAILABLE,
// and the error is interrupted.
func (p *Proxy) Shutdown(ctx context.Context) error {
	return p.health.Shutdown(ctx, p.server, "proxy")
}
