package jwks_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// issuer is a remote key server that behaves as the test says.
type issuer struct {
	*httptest.Server
	mode    atomic.Pointer[http.HandlerFunc]
	fetches atomic.Int32
	open    chan struct{} // closed at the end, so that hanging handlers return
}

func newIssuer(t testing.TB, mode http.HandlerFunc) *issuer {
	t.Helper()
	i := &issuer{open: make(chan struct{})}
	i.does(mode)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		(*i.mode.Load())(w, r)
	}))
	t.Cleanup(func() { close(i.open); i.Close() })
	return i
}

func (i *issuer) does(mode http.HandlerFunc) { i.mode.Store(&mode) }

// hangs is a mode that does not respond.
func (i *issuer) hangs(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-i.open:
	}
}

// says is a mode that responds with text.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) }
}

// has is a mode that responds with the set of list.
func has(t testing.TB, list ...*keys.Key) http.HandlerFunc {
	t.Helper()
	return says(string(setOf(t, list...)))
}

// testClock is a clock that tests set. It is safe for concurrent use.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *testClock { return &testClock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)} }

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// options returns options for a set that is fetched over n.
func options(c *testClock, n jwks.Network) jwks.RemoteOptions {
	return jwks.RemoteOptions{Now: c.now, Log: (&logBook{}).logger(), Network: n}
}

// soon is the fetch timeout in tests of servers that hang. A set that a test expects to
// get is not fetched in such a hurry: the machine may be busy.
const soon = 200 * time.Millisecond

// remote returns the set at address. Unless o limits it, a fetch may take long.
func remote(t testing.TB, address string, o jwks.RemoteOptions) *jwks.Remote {
	t.Helper()
	r, err := jwks.NewRemote(address, o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Network.Timeout == 0 {
		r.Limit(testkit.Timeout)
	}
	return r
}

// idsIn returns the IDs in set, or the code of its error.
func idsIn(set keys.Set, kid string) string {
	list, err := set.Keys(context.Background(), kid)
	if err != nil {
		return string(fault.CodeOf(err))
	}
	return strings.Join(idsOf(list), " ")
}

// gives fails unless set returns want for kid.
func gives(t testing.TB, set keys.Set, kid, want string) {
	t.Helper()
	if got := idsIn(set, kid); got != want {
		_, err := set.Keys(context.Background(), kid)
		t.Errorf("key %q: got %q, want %q (%v)", kid, got, want, err)
	}
}
