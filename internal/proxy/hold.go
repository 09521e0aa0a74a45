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

// A bad token costs the proxy nearly what a good one does, and who sends nothing
// else sends the next as soon as one is answered: a crowd of them leaves good
// calls no CPU (S76). So where there are more refusals, over all connections, than
// promptRefusals at once and promptRate a second, those of a connection that has
// had nothing but refusals are answered some lateBy later.
//
// What is held is an answer, never a call that may pass; no more than maxHeld are,
// which bounds their memory.
const (
	promptRefusals = 200
	promptRate     = 50
	firstRefusals  = 3 // of a connection, and after each call of it that passed
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

// hold returns when v, the client of the call of ctx, may hear that it ended with
// err at now; passed says that the call was let through, whatever the upstream
// made of it. A call with a deadline is held for at most half of the time left,
// so that its client learns the reason.
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
	late := h.late/2 + rand.N(h.late) // or all that are held would come again at once
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

// Held returns how many refusals are held back now.
func (p *Proxy) Held() int { return int(min(p.holder.held.Load(), maxHeld)) }

// visitor is a client's connection: what the handshake learned of it, how many of
// its calls were refused since one passed, and how many it may still reset.
type visitor struct {
	credentials.AuthInfo
	refused atomic.Int64
	resets  resets
}

// visitorOf returns the connection that the call of ctx came in by.
func visitorOf(ctx context.Context) *visitor {
	if p, ok := peer.FromContext(ctx); ok {
		v, _ := p.AuthInfo.(*visitor)
		return v
	}
	return nil
}

// visited makes a visitor of each connection, and reads it by pacedConn.
type visited struct {
	credentials.TransportCredentials
	now  func() time.Time
	stop <-chan struct{}
}

// ServerHandshake is that of credentials.TransportCredentials.
func (c visited) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := credentialsOf(conn, c.TransportCredentials).ServerHandshake(conn)
	if err != nil {
		return nil, nil, err
	}
	v := &visitor{AuthInfo: info}
	v.resets.add(resetsAtOnce, c.now())
	return &pacedConn{Conn: conn, visitor: v, now: c.now, stop: c.stop, closed: make(chan struct{})}, v, nil
}

// Clone is that of credentials.TransportCredentials.
func (c visited) Clone() credentials.TransportCredentials {
	return visited{c.TransportCredentials.Clone(), c.now, c.stop}
}
