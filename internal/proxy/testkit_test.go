package proxy_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/metrics"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// source is the policy of these tests, with claims that pass it.
const (
	source       = policytest.CallSource
	goodClaims   = policytest.GoodClaims
	signedClaims = policytest.SignedClaims
)

// rig is an upstream, a proxy in front of it, and a client of each.
type rig struct {
	*policytest.World
	t        testing.TB
	upstream *upstream
	proxy    *proxy.Proxy
	addr     string           // of the proxy
	conn     *grpc.ClientConn // through the proxy
	direct   *grpc.ClientConn
	logged   *testkit.Buffer
	metrics  *metrics.Metrics
	now      atomic.Int64
	asked    atomic.Int64 // how often the verifier has read the clock
}

type setup struct {
	source  string
	world   policytest.Setup
	keySets []keys.Set // in addition to those of world
	options proxy.Options
	level   slog.Level // of the log; zero means info
	// dial replaces the upstream's address.
	dial string
	// upstream are options of the upstream server.
	upstream []grpc.ServerOption
	// serve, if not nil, handles the upstream's calls.
	serve func(name string, ss grpc.ServerStream) error
}

func start(t testing.TB, s setup) *rig {
	t.Helper()
	if s.source == "" {
		s.source = source
	}
	r := &rig{t: t, logged: &testkit.Buffer{}, metrics: metrics.New("proxy")}
	r.now.Store(policytest.Now.UnixNano())
	clock := func() time.Time { return time.Unix(0, r.now.Load()) }
	s.world.Verify.Now = clock
	r.World = policytest.New(t, s.source, s.world)
	r.upstream = startUpstream(t, r.World, s.upstream...)
	if s.serve != nil {
		r.upstream.become(s.serve)
	}
	if s.dial == "" {
		s.dial = r.upstream.addr
	}
	up, err := proxy.Dial(s.dial, nil, s.options.Limits)
	if err != nil {
		t.Fatal(err)
	}
	o := s.options
	o.Upstream, o.Now, o.Observer = up, clock, r.metrics
	o.Log = slog.New(slog.NewJSONHandler(r.logged, &slog.HandlerOptions{Level: s.level}))
	if r.proxy, err = proxy.New(r.policy(s.world.Keys, s.keySets...), o); err != nil {
		t.Fatal(err)
	}
	l := testkit.Listen(t)
	r.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.proxy.Serve(l) }()
	r.conn, r.direct = dial(t, r.addr), dial(t, r.upstream.addr)
	t.Cleanup(func() {
		_ = r.conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
		defer cancel()
		_ = r.proxy.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		_ = up.Close()
	})
	return r
}

// policy returns the World's policy with these keys, or with its own if there are none.
func (r *rig) policy(list []*keys.Key, sets ...keys.Set) proxy.Policy {
	r.t.Helper()
	if list == nil {
		list = []*keys.Key{r.Key}
	}
	ring, err := keys.NewRing(list, sets...)
	if err != nil {
		r.t.Fatal(err)
	}
	v, err := verify.New(r.Claims, ring, verify.Options{Now: r.askTime, Development: list[0].Algorithm() == keys.None})
	if err != nil {
		r.t.Fatal(err)
	}
	return proxy.Policy{Plan: r.Plan, Verifier: v, Signer: r.Signer}
}

func (r *rig) askTime() time.Time {
	now := r.now.Load()
	r.asked.Add(1)
	return time.Unix(0, now)
}

// waitAsked waits until the verifier has read the clock n times: it has then decided by
// the time of that moment.
func (r *rig) waitAsked(n int64) {
	r.t.Helper()
	testkit.Eventually(r.t, fmt.Sprintf("the verifier has asked for the time %d times", n), func() bool { return r.asked.Load() >= n })
}

func (r *rig) advance(d time.Duration) { r.now.Add(int64(d)) }

func listenAt(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t testing.TB, addr string, more ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	all := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// As in a program without the proxy, which registers many more encodings.
		grpc.WithDefaultCallOptions(experimental.AcceptCompressors("gzip")),
	}
	conn, err := grpc.NewClient(addr, append(all, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// reply is what a client received of a call.
type reply struct {
	messages        []string // as JSON
	header, trailer metadata.MD
	err             error
}

// call makes a call of method t.S/name with messages given as JSON.
func (r *rig) call(ctx context.Context, conn *grpc.ClientConn, name string, requests ...string) reply {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, testkit.Timeout)
	defer cancel()
	m, err := r.Plan.Method("t.S/" + name)
	if err != nil {
		r.t.Fatal(err)
	}
	desc := &grpc.StreamDesc{ClientStreams: m.Desc.IsStreamingClient(), ServerStreams: m.Desc.IsStreamingServer()}
	stream, err := conn.NewStream(ctx, desc, "/t.S/"+name)
	if err != nil {
		return reply{err: err}
	}
	for _, text := range requests {
		in, err := r.Codec.Read([]byte(text), m.Desc.Input())
		if err != nil {
			r.t.Fatal(err)
		}
		if stream.SendMsg(in) != nil {
			break
		}
	}
	_ = stream.CloseSend()
	var out reply
	for {
		answer := dynamicpb.NewMessage(m.Desc.Output())
		if out.err = stream.RecvMsg(answer); out.err != nil {
			break
		}
		out.messages = append(out.messages, r.JSON(answer))
		if !desc.ServerStreams {
			break
		}
	}
	if out.err == io.EOF {
		out.err = nil
	}
	out.header, _ = stream.Header()
	out.trailer = stream.Trailer()
	return out
}

// invoke makes a call of any path with one request, and reads its answer into out.
func (r *rig) invoke(path string, in, out any, o ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
	defer cancel()
	return r.conn.Invoke(ctx, path, in, out, o...)
}

// noCalls fails the test if the upstream has had any.
func (r *rig) noCalls() {
	r.t.Helper()
	if n := r.upstream.calls.Load(); n != 0 {
		r.t.Errorf("%d calls reached the upstream, want 0", n)
	}
}

// bearing returns a context with this bearer token.
func bearing(token string) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+token)
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
