package proxy

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// A bad token costs the proxy nearly as much as a good one, and a client that sends
// nothing else sends the next as soon as it has a response: many of them would leave no
// CPU for good calls (S76). So if there are more refusals over all connections than
// promptRefusals at once and promptRate per second, those of a connection that had only
// refusals are delayed by about lateBy.
//
// Only responses are held, never a call that may pass, and no more than maxHeld, which
// limits their memory.
const (
	promptRefusals = 200
	promptRate     = 50
	firstRefusals  = 3 // of a connection, and after each accepted call
	lateBy         = 5 * time.Second
	maxHeld        = 2048
)

// holder decides which refusals are held.
type holder struct {
	prompt  *rate.Limiter
	late    time.Duration
	closing <-chan struct{} // ends all holding
	held    atomic.Int64
}

func newHolder(closing <-chan struct{}) *holder {
	return &holder{prompt: rate.NewLimiter(promptRate, promptRefusals), late: lateBy, closing: closing}
}

// hold returns when the client v of the call of ctx may learn that it ended with err at
// now. passed means that the call was let through, however the upstream responded. A call
// with a deadline is held for at most half of the remaining time, so that its client
// learns the reason.
func (h *holder) hold(ctx context.Context, v *visitor, err error, passed bool, now time.Time) {
	if passed {
		v.refused.Store(0)
		return
	}
	var r *refusal
	if !errors.As(err, &r) || fault.ClassOf(r.Fault) != fault.Refused {
		return
	}
	if prompt := h.prompt.AllowN(now, 1); v.refused.Add(1) <= firstRefusals || prompt {
		return
	}
	defer h.held.Add(-1)
	if h.held.Add(1) > maxHeld {
		return
	}
	late := h.late/2 + rand.N(h.late) // randomized, so that held clients do not all return at the same time
	if deadline, ok := ctx.Deadline(); ok {
		late = min(late, time.Until(deadline)/2)
	}
	timer := time.NewTimer(late)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-h.closing:
	}
}

// Held returns the number of refusals that are currently held.
func (p *Proxy) Held() int { return int(min(p.holder.held.Load(), maxHeld)) }

// visitor is a client's connection: what the handshake learned of it, the number of
// refused calls since one was accepted, and how many it may still reset.
type visitor struct {
	credentials.AuthInfo
	refused atomic.Int64
	resets  resets
}

// visitorOf returns the connection of the call of ctx.
func visitorOf(ctx context.Context) *visitor {
	if p, ok := peer.FromContext(ctx); ok {
		v, _ := p.AuthInfo.(*visitor)
		return v
	}
	return nil
}

// visited makes a visitor for each connection, which is read through pacedConn.
type visited struct {
	credentials.TransportCredentials
	now  func() time.Time
	stop <-chan struct{}
}

// ServerHandshake implements credentials.TransportCredentials.
func (c visited) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := credentialsOf(conn, c.TransportCredentials).ServerHandshake(conn)
	if err != nil {
		return nil, nil, err
	}
	v := &visitor{AuthInfo: info}
	v.resets.add(resetsAtOnce, c.now())
	return &pacedConn{Conn: conn, visitor: v, now: c.now, stop: c.stop, closed: make(chan struct{})}, v, nil
}

// Clone implements credentials.TransportCredentials.
func (c visited) Clone() credentials.TransportCredentials {
	return visited{c.TransportCredentials.Clone(), c.now, c.stop}
}
