package proxy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// promptly makes n calls with a bad token and expects none to be delayed. A delayed call
// would last until its client, which waits long, is about to give up.
func (r *rig) promptly(conn *grpc.ClientConn, n int) {
	r.t.Helper()
	for i := range n {
		ended, before := make(chan reply, 1), r.proxy.DelayedRefusals()
		go func() { ended <- r.call(bearing("bad"), conn, "Bearer", `{}`) }()
		for got := (reply{}); got.err == nil; {
			select {
			case got = <-ended:
				if status.Code(got.err) != codes.Unauthenticated {
					r.t.Fatalf("call %d: got %v, want %v", i+1, got.err, codes.Unauthenticated)
				}
			case <-time.After(time.Millisecond):
				if r.proxy.DelayedRefusals() > before {
					r.t.Fatalf("call %d was delayed", i+1)
				}
			}
		}
	}
}

// heldUntil makes calls with a deadline that are refused, until one is delayed for part of
// the time and then refused with want. On a busy machine the deadline may pass before the
// response arrives, so each call has more time than the one before.
func (r *rig) heldUntil(ctx context.Context, want codes.Code) {
	r.t.Helper()
	before := r.proxy.DelayedRefusals()
	// A call whose client gave up first may still be held.
	defer testkit.Eventually(r.t, "its calls are held no longer", func() bool { return r.proxy.DelayedRefusals() <= before })
	for limit := time.Second; ; limit *= 2 {
		begun := time.Now()
		ctx, cancel := context.WithTimeout(ctx, limit)
		got := r.call(ctx, r.conn, "Bearer", `{}`)
		took := time.Since(begun)
		cancel()
		switch code := status.Code(got.err); {
		case code == codes.DeadlineExceeded && limit < testkit.Timeout:
			continue
		case code != want:
			r.t.Errorf("with a deadline: %v, want %s", got.err, want)
		case took < limit/4: // half of it is held
			r.t.Errorf("with a deadline after %s: %s after %s", limit, want, took)
		}
		return
	}
}

// heldCall makes a call that is refused with a delay, and returns its result in a channel.
func (r *rig) heldCall(ctx context.Context, conn *grpc.ClientConn) <-chan reply {
	r.t.Helper()
	ended, before := make(chan reply, 1), r.proxy.DelayedRefusals()
	go func() { ended <- r.call(ctx, conn, "Bearer", `{}`) }()
	for r.proxy.DelayedRefusals() == before {
		select {
		case got := <-ended:
			r.t.Fatalf("the refusal was not delayed: %v", got.err)
		case <-time.After(time.Millisecond):
		}
	}
	return ended
}

// TestS76_RefusalsAreHeld sends only bad tokens, more than get a prompt response. Only
// those clients wait, and not for long.
func TestS76_RefusalsAreHeld(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.proxy.HoldFor(time.Hour)
	r.promptly(r.conn, 200)
	held := r.heldCall(bearing("bad"), r.conn)

	other := dial(t, r.addr)
	good := func(conn *grpc.ClientConn, want codes.Code) {
		t.Helper()
		if got := r.call(bearing(r.Token(goodClaims)), conn, "Bearer", `{}`); status.Code(got.err) != want {
			t.Fatalf("a valid call: got %v, want %v", got.err, want)
		}
	}
	r.promptly(other, 3) // the first of their connection
	second := r.heldCall(bearing("bad"), other)
	good(other, codes.OK)
	r.promptly(other, 3) // the first since an accepted call
	r.upstream.become(func(string, grpc.ServerStream) error { return status.Error(codes.NotFound, "passed") })
	good(r.conn, codes.NotFound)
	r.promptly(r.conn, 3)

	// A deadline shortens the delay, and the client learns the reason.
	r.heldUntil(bearing("bad"), codes.Unauthenticated)
	// Too much metadata is a refusal like others.
	r.heldUntil(metadata.AppendToOutgoingContext(context.Background(), "x", strings.Repeat("x", 17<<10)), codes.ResourceExhausted)
	// The proxy does not wait for a client that hangs up.
	ctx, hangUp := context.WithCancel(bearing("bad"))
	gone := r.heldCall(ctx, r.conn)
	hangUp()
	if got := <-gone; status.Code(got.err) != codes.Canceled {
		t.Errorf("hung up: got %v, want %v", got.err, codes.Canceled)
	}
	testkit.Eventually(t, "only the refusals of clients that wait are held", func() bool { return r.proxy.DelayedRefusals() <= 2 })
	// Afterwards, refusals are prompt again.
	r.advance(time.Second)
	r.promptly(r.conn, 50)

	select {
	case got := <-held:
		t.Fatalf("not delayed any more: %v", got.err)
	case got := <-second:
		t.Fatalf("the second was not delayed any more: %v", got.err)
	default:
	}
	// Shutdown releases all, long before their clients give up.
	down, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
	defer cancel()
	if err := r.proxy.Shutdown(down); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	for _, ended := range []<-chan reply{held, second} {
		if got := <-ended; status.Code(got.err) != codes.Unauthenticated {
			t.Errorf("at the end: got %v, want %v", got.err, codes.Unauthenticated)
		}
	}
	if n := r.proxy.DelayedRefusals(); n != 0 {
		t.Errorf("%d refusals are delayed after the end, want 0", n)
	}
}

// downSet is an unavailable key set.
type downSet struct{}

func (downSet) Issuer() string      { return "elsewhere" }
func (downSet) Cached() []*keys.Key { return nil }
func (downSet) Keys(context.Context, string) ([]*keys.Key, error) {
	return nil, fault.New(fault.KeySetUnavailable, "elsewhere", "it is down")
}

// TestS76_WhatIsNoRefusal makes more calls than may be refused at once, which end in other
// ways: none is delayed or counted.
func TestS76_WhatIsNoRefusal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method string
		setup  setup
		want   codes.Code
	}{
		"error from the upstream": {"Open", setup{}, codes.Unauthenticated},
		"unavailable key set":     {"Bearer", setup{keySets: []keys.Set{downSet{}}}, codes.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tt.setup)
			r.proxy.HoldFor(time.Hour)
			r.upstream.become(func(string, grpc.ServerStream) error { return status.Error(codes.Unauthenticated, "not you") })
			for range 210 {
				if got := r.call(bearing(r.Token(`{"iss":"elsewhere"}`)), r.conn, tt.method, `{}`); status.Code(got.err) != tt.want {
					t.Fatalf("got %v, want %s", got.err, tt.want)
				}
			}
			r.promptly(r.conn, 20)
		})
	}
}
