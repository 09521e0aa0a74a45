package proxy

import (
	"context"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A call that its client resets at once costs the client a few bytes and the proxy, and
// possibly the upstream, a call (CVE-2023-44487). So a connection that resets more calls
// than resetBurst at once and resetRate per second is read more slowly, and TCP slows
// its client down. No call is refused because of it, and clients that mostly wait for
// responses are not slowed, however often they reset other calls (S81).
const (
	resetBurst = 200
	resetRate  = 50
	youngCall  = time.Second     // how long a call is young
	maxPause   = 5 * time.Second // far less than the keepalive timeout
)

// resetBudget is the number of resets that a connection may still make at once.
type resetBudget struct {
	mu    sync.Mutex
	left  float64 // negative: paid by waiting
	since time.Time
}

// count records a call that ended with err at now. start is when it began, and answered
// is set if its client got a message.
func (r *resetBudget) count(ctx context.Context, err error, answered bool, start, now time.Time) {
	switch {
	case err == nil:
		r.add(1, now)
	case ctx.Err() == context.Canceled && !answered && now.Sub(start) < youngCall:
		r.add(-1, now)
	}
}

// add adds n, and what accrued up to now.
func (r *resetBudget) add(n float64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if passed := now.Sub(r.since).Seconds(); passed > 0 {
		r.left += passed * resetRate
		r.since = now
	}
	r.left = min(r.left+n, resetBurst)
}

// pause returns how long to wait before the next read.
func (r *resetBudget) pause(now time.Time) time.Duration {
	r.add(0, now)
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(maxPause, time.Duration(max(0, -r.left)/resetRate*float64(time.Second)))
}

// pacedConn is a client's connection that is read no faster than its resets permit.
type pacedConn struct {
	net.Conn
	visitor *clientConn
	now     func() time.Time
	stop    <-chan struct{} // ends all waiting
	once    sync.Once
	closed  chan struct{}
}

// Read implements net.Conn.
func (c *pacedConn) Read(p []byte) (int, error) {
	if pause := c.visitor.resets.pause(c.now()); pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.closed:
		case <-c.stop:
		}
	}
	return c.Conn.Read(p)
}

// Close implements net.Conn.
func (c *pacedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// callEnded returns the error of a call that its client has reset, or whose deadline has
// passed, before any work on it.
func callEnded(ctx context.Context) error {
	switch ctx.Err() {
	case nil:
		return nil
	case context.DeadlineExceeded:
		return status.Error(codes.DeadlineExceeded, context.DeadlineExceeded.Error())
	}
	return status.Error(codes.Canceled, context.Canceled.Error())
}
