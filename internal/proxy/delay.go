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
// promptBurst at once and promptRate per second, those of a connection that had only
// refusals are delayed by about refusalDelay.
//
// Only responses are held, never a call that may pass, and no more than maxDelayed, which
// limits their memory.
const (
	promptBurst   = 200
	promptRate    = 50
	firstRefusals = 3 // of a connection, and after each accepted call
	refusalDelay  = 5 * time.Second
	maxDelayed    = 2048
)

// refusalDelayer decides which refusals are held.
type refusalDelayer struct {
	prompt  *rate.Limiter
	late    time.Duration
	closing <-chan struct{} // ends all holding
	delayed atomic.Int64
}

func newRefusalDelayer(closing <-chan struct{}) *refusalDelayer {
	return &refusalDelayer{prompt: rate.NewLimiter(promptRate, promptBurst), late: refusalDelay, closing: closing}
}

// delay returns when the client v of the call of ctx may learn that it ended with err at
// now. passed means that the call was let through, however the upstream responded. A call
// with a deadline is held for at most half of the remaining time, so that its client
// learns the reason.
func (h *refusalDelayer) delay(ctx context.Context, v *clientConn, err error, passed bool, now time.Time) {
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
	defer h.delayed.Add(-1)
	if h.delayed.Add(1) > maxDelayed {
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

// DelayedRefusals returns the number of refusals that are currently held.
func (p *Proxy) DelayedRefusals() int { return int(min(p.holder.delayed.Load(), maxDelayed)) }

// clientConn is a client's connection: what the handshake learned of it, the number of
// refused calls since one was accepted, and how many it may still reset.
type clientConn struct {
	credentials.AuthInfo
	refused atomic.Int64
	resets  resetBudget
}

// clientConnOf returns the connection of the call of ctx.
func clientConnOf(ctx context.Context) *clientConn {
	if p, ok := peer.FromContext(ctx); ok {
		v, _ := p.AuthInfo.(*clientConn)
		return v
	}
	return nil
}

// clientCredentials makes a clientConn for each connection, which is read through pacedConn.
type clientCredentials struct {
	credentials.TransportCredentials
	now  func() time.Time
	stop <-chan struct{}
}

// ServerHandshake implements credentials.TransportCredentials.
func (c clientCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := credentialsOf(conn, c.TransportCredentials).ServerHandshake(conn)
	if err != nil {
		return nil, nil, err
	}
	v := &clientConn{AuthInfo: info}
	v.resets.add(resetBurst, c.now())
	return &pacedConn{Conn: conn, visitor: v, now: c.now, stop: c.stop, closed: make(chan struct{})}, v, nil
}

// Clone implements credentials.TransportCredentials.
func (c clientCredentials) Clone() credentials.TransportCredentials {
	return clientCredentials{c.TransportCredentials.Clone(), c.now, c.stop}
}
