package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	// slow is longer than the 2 s for which all proxies except Traefik wait for a
	// response.
	slow = 4 * time.Second
	// crowd is the number of concurrent calls through each proxy: more than the 1,024 that
	// Envoy queues for a cluster, and more than nginx has connections.
	crowd = 1100
	// perConn is below each proxy's limit of streams per connection.
	perConn = 100
)

// TestNoAnswerRefuses: while jwtctl hangs, is overloaded or is down, no call reaches the
// server, protected or not, even if jwtctl responds later; once it responds again, calls
// pass. S60.
func TestNoAnswerRefuses(t *testing.T) {
	f := newFixture(t)
	f.brief = true
	p, grpcAt, httpAt := f.authz(t)
	ways := f.planes(t, grpcAt, httpAt)
	good := bearer("Bearer " + f.token(t, f.key, "--iss", "shop"))
	methods := []string{"/shop.Shop/Buy", "/shop.Open/Look"}
	refused := func(when string) {
		t.Helper()
		var calls sync.WaitGroup
		for kind, w := range ways {
			for _, method := range methods {
				calls.Go(func() {
					if err := w.stream(&grpc.StreamDesc{}, method, good, slow); err == nil {
						t.Errorf("%s, %s passed through %s", when, method, kind)
					}
				})
			}
		}
		calls.Wait()
	}
	pass := func(when string) {
		t.Helper()
		for kind, w := range ways {
			for _, method := range methods {
				soon(t, when+", no call passes through "+kind, func() bool {
					return w.stream(&grpc.StreamDesc{}, method, good, slow) == nil
				})
			}
		}
	}
	unseen := func(when string) {
		t.Helper()
		if n := len(f.upstream.taken()); n != 0 {
			t.Errorf("%s, the server saw %d calls, want 0", when, n)
		}
	}
	pass("at the start")
	f.upstream.taken()
	p.pause(t)
	refused("while it hangs")
	unseen("while it hangs")
	for kind, w := range ways {
		w.crowd(t, kind, good)
	}
	unseen("while too many wait")
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	marked := good.Copy()
	marked.Set("after", "yes")
	for kind, w := range ways {
		soon(t, "after it hung, no call passes through "+kind, func() bool {
			return w.stream(&grpc.StreamDesc{}, methods[0], marked, slow) == nil
		})
	}
	for _, md := range f.upstream.taken() {
		if len(md.Get("after")) == 0 {
			t.Error("a refused call reached the server later")
		}
	}
	p.stop()
	refused("while it is down")
	unseen("while it is down")
	f.authzAt(t, grpcAt, httpAt)
	pass("after a restart")
}

// pause stops all threads of p. The signal is asynchronous: a thread may still respond
// until it has stopped.
func (p *process) pause(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	soon(t, "jwtctl does not stop", func() bool {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
		if err != nil || len(tasks) == 0 {
			return false
		}
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if _, state, _ := strings.Cut(string(text), ") "); err != nil || !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return true
	})
}

// crowd makes many calls at once, each of which must be refused.
func (w *way) crowd(t *testing.T, kind string, md metadata.MD) {
	t.Helper()
	var calls sync.WaitGroup
	for range (crowd + perConn - 1) / perConn {
		other := &way{conn: dial(t, w.address)}
		for range perConn {
			calls.Go(func() {
				switch err := other.stream(&grpc.StreamDesc{}, "/shop.Shop/Buy", md, slow); status.Code(err) {
				case codes.OK:
					t.Errorf("a call passed through %s", kind)
				case codes.DeadlineExceeded, codes.Unavailable, codes.Internal, codes.Unknown: // each proxy in its own way
				default:
					t.Errorf("through %s: %v", kind, err)
				}
			})
		}
	}
	calls.Wait()
}
