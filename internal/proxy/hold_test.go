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

// promptly makes n calls with a bad token, and sees that they are refused at once:
// one that is held ends after half of the 20 s that call gives it.
func (r *rig) promptly(conn *grpc.ClientConn, n int) {
	r.t.Helper()
	for i := range n {
		begun := time.Now()
		if got := r.call(bearing("bad"), conn, "Bearer", `{}`); status.Code(got.err) != codes.Unauthenticated {
			r.t.Fatalf("call %d: %v", i+1, got.err)
		}
		if took := time.Since(begun); took > 8*time.Second {
			r.t.Fatalf("call %d was held for %s", i+1, took)
		}
	}
}

// heldCall makes a call that is refused and held, and returns where it ends.
func (r *rig) heldCall(ctx context.Context, conn *grpc.ClientConn) <-chan reply {
	r.t.Helper()
	ended, before := make(chan reply, 1), r.proxy.Held()
	go func() { ended <- r.call(ctx, conn, "Bearer", `{}`) }()
	for r.proxy.Held() == before {
		select {
		case got := <-ended:
			r.t.Fatalf("it was told at once: %v", got.err)
		case <-time.After(time.Millisecond):
		}
	}
	return ended
}

// TestS76_RefusalsAreHeld sends bad tokens alone, more than are answered at once,
// and looks who has to wait: nobody else, and nobody for long.
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
			t.Fatalf("a good call: %v", got.err)
		}
	}
	r.promptly(other, 3) // are the first of their connection
	second := r.heldCall(bearing("bad"), other)
	good(other, codes.OK)
	r.promptly(other, 3) // are the first since a call passed
	r.upstream.become(func(string, grpc.ServerStream) error { return status.Error(codes.NotFound, "passed") })
	good(r.conn, codes.NotFound)
	r.promptly(r.conn, 3)

	// A deadline shortens it, and the client learns the reason.
	ctx, cancel := context.WithTimeout(bearing("bad"), 2*time.Second)
	defer cancel()
	if got := <-r.heldCall(ctx, r.conn); status.Code(got.err) != codes.Unauthenticated {
		t.Errorf("with a deadline: %v", got.err)
	}
	// Too much metadata is a refusal like others.
	ctx, cancel = context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "x", strings.Repeat("x", 17<<10)), 2*time.Second)
	defer cancel()
	if got := <-r.heldCall(ctx, r.conn); status.Code(got.err) != codes.ResourceExhausted {
		t.Errorf("too much metadata: %v", got.err)
	}
	// Who hangs up is not waited for.
	ctx, hangUp := context.WithCancel(bearing("bad"))
	gone := r.heldCall(ctx, r.conn)
	hangUp()
	if got := <-gone; status.Code(got.err) != codes.Canceled {
		t.Errorf("hung up: %v", got.err)
	}
	testkit.Eventually(t, "only the refusals of clients that wait are held", func() bool { return r.proxy.Held() <= 2 })
	// The calm after.
	r.advance(time.Second)
	r.promptly(r.conn, 50)

	select {
	case got := <-held:
		t.Fatalf("it was held no longer: %v", got.err)
	case got := <-second:
		t.Fatalf("the second was held no longer: %v", got.err)
	default:
	}
	// Long before their clients give up.
	down, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.proxy.Shutdown(down); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	for _, ended := range []<-chan reply{held, second} {
		if got := <-ended; status.Code(got.err) != codes.Unauthenticated {
			t.Errorf("at the end: %v", got.err)
		}
	}
	if n := r.proxy.Held(); n != 0 {
		t.Errorf("%d refusals are held after the end", n)
	}
}

// downSet is a key set that cannot be had.
type downSet struct{}

func (downSet) Issuer() string    { return "elsewhere" }
func (downSet) Held() []*keys.Key { return nil }
func (downSet) Keys(context.Context, string) ([]*keys.Key, error) {
	return nil, fault.New(fault.KeySetUnavailable, "elsewhere", "it is down")
}

// TestS76_WhatIsNoRefusal makes more calls than may be refused at once, which end
// otherwise: none is held, and none counts.
func TestS76_WhatIsNoRefusal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method string
		setup  setup
		want   codes.Code
	}{
		"the upstream's own answer": {"Open", setup{}, codes.Unauthenticated},
		"a key set that is down":    {"Bearer", setup{keySets: []keys.Set{downSet{}}}, codes.Unavailable},
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
