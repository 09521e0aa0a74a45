package proxy

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestResetsSlowTheirConnection: only calls that a client resets soon and before a
// response count, answered calls compensate for them, and the count decreases with time.
// S81.
func TestResetsSlowTheirConnection(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	late, stop := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer stop()
	canceled := status.Error(codes.Canceled, "")
	begun := time.Unix(1000, 0)
	type call struct {
		n        int
		ctx      context.Context
		err      error
		answered bool
		after    time.Duration // after it began
	}
	reset := func(n int) call { return call{n: n, ctx: gone, err: canceled} }
	for name, c := range map[string]struct {
		calls []call
		wait  time.Duration // between the calls and the pause
		pause time.Duration
	}{
		"a few resets":                  {calls: []call{reset(resetBurst)}},
		"one reset more":                {calls: []call{reset(resetBurst + 1)}, pause: time.Second / resetRate},
		"many resets":                   {calls: []call{reset(100_000)}, pause: maxPause},
		"compensated by waiting":        {calls: []call{reset(resetBurst + resetRate)}, wait: 600 * time.Millisecond, pause: 400 * time.Millisecond},
		"compensated by answered calls": {calls: []call{reset(150), {n: 150, ctx: context.Background()}, reset(resetBurst)}},
		"few answered calls before":     {calls: []call{{n: 1000, ctx: context.Background()}, reset(resetBurst + resetRate)}, pause: time.Second},
		"reset after a response":        {calls: []call{{n: 1000, ctx: gone, err: canceled, answered: true}}},
		"reset later":                   {calls: []call{{n: 1000, ctx: gone, err: canceled, after: youngCall}}},
		"deadline exceeded":             {calls: []call{{n: 1000, ctx: late, err: status.Error(codes.DeadlineExceeded, "")}}},
		"refused, not reset":            {calls: []call{{n: 1000, ctx: context.Background(), err: status.Error(codes.Unauthenticated, "")}}},
		"refusals do not compensate":    {calls: []call{reset(200), {n: 200, ctx: context.Background(), err: canceled}, reset(resetRate)}, pause: time.Second},
	} {
		var r resetBudget
		r.add(resetBurst, begun)
		for _, one := range c.calls {
			for range one.n {
				r.count(one.ctx, one.err, one.answered, begun.Add(-one.after), begun)
			}
		}
		if got := r.pause(begun.Add(c.wait)); (got - c.pause).Abs() > time.Millisecond {
			t.Errorf("%s: %s, want %s", name, got, c.pause)
		}
	}
}

// TestPausedConnectionEnds: a paused read ends when its connection closes, and when the
// proxy shuts down.
func TestPausedConnectionEnds(t *testing.T) {
	t.Parallel()
	for _, shutDown := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { // its clock moves only if all goroutines wait
			client, server := net.Pipe()
			v, stop := &clientConn{resets: resetBudget{left: -1e6, since: time.Now()}}, make(chan struct{})
			c := &pacedConn{Conn: server, visitor: v, now: time.Now, stop: stop, closed: make(chan struct{})}
			ended := make(chan error, 1)
			go func() {
				_, err := c.Read(make([]byte, 1))
				ended <- err
			}()
			synctest.Wait()
			begun := time.Now()
			if len(ended) != 0 {
				t.Error("the read is not paused")
			}
			if shutDown {
				close(stop)
				_ = client.Close()
			} else {
				_ = c.Close()
			}
			if err := <-ended; err == nil || time.Since(begun) != 0 {
				t.Errorf("shut down %v: %v after %s", shutDown, err, time.Since(begun))
			}
			_, _ = client.Close(), server.Close()
		})
	}
}
