package proxy_test

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

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func signed(t testing.TB, key *keys.Key, claims string) string {
	t.Helper()
	token, err := jws.Sign(key, []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestSwap_RotationUnderLoad replaces keys while callers sign with the newest: no call is
// refused, with or without a cache.
func TestSwap_RotationUnderLoad(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{CachedTokens: 100}})
	ring := make([]*keys.Key, 12)
	for i := range ring {
		ring[i] = policytest.Key(t, keys.ES256, keys.Attributes{ID: fmt.Sprint("rotated", i)})
	}
	swap := func(list ...*keys.Key) {
		if err := r.proxy.Swap(r.policy(list)); err != nil {
			t.Error(err)
		}
	}
	swap(ring[0])
	var current sync.RWMutex // held while the newest key is in use
	newest := 0
	var stop atomic.Bool
	var calls atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			method := []string{"Who", "WhoBidi"}[i%2]
			for !stop.Load() {
				current.RLock()
				token := signed(t, ring[newest], goodClaims)
				for range 2 {
					if got := r.call(bearing(token), r.conn, method, `{}`); got.err != nil {
						t.Error(got.err)
					}
					calls.Add(1)
				}
				current.RUnlock()
			}
		}()
	}
	for i := 1; i < len(ring); i++ {
		swap(ring[i-1], ring[i])
		current.Lock()
		newest = i
		current.Unlock()
		swap(ring[i]) // the older key is no longer in use
		time.Sleep(10 * time.Millisecond)
	}
	stop.Store(true)
	wg.Wait()
	if got := r.call(bearing(signed(t, ring[0], goodClaims)), r.conn, "Who", `{}`); status.Code(got.err) != codes.Unauthenticated {
		t.Errorf("removed key: got %v, want %v", got.err, codes.Unauthenticated)
	}
	t.Log(calls.Load(), "calls")
}

// TestSwap_CallsKeepTheirPolicy: a call in progress ends under the policy that it began
// with; a broken policy changes nothing.
func TestSwap_CallsKeepTheirPolicy(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	s := r.open(context.Background(), "CheckBidi")
	send := func() error {
		s.send(`{"tok":"` + r.Token(signedClaims) + `"}`)
		_, err := s.receive()
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	other := []*keys.Key{policytest.Key(t, keys.ES256, keys.Attributes{ID: "elsewhere"})}
	for name, bad := range map[string]proxy.Policy{
		"empty":     {},
		"no plan":   {Verifier: r.Verifier, Signer: r.Signer},
		"no signer": {Plan: r.Plan, Verifier: r.Verifier},
	} {
		if err := r.proxy.Swap(bad); fault.CodeOf(err) != fault.Internal {
			t.Errorf("%s: got %v, want %v", name, err, fault.Internal)
		}
	}
	if got := r.call(bearing(r.Token(goodClaims)), r.conn, "Who", `{}`); got.err != nil {
		t.Errorf("after a broken policy: %v", got.err)
	}
	if err := r.proxy.Swap(r.policy(other)); err != nil {
		t.Fatal(err)
	}
	if err := send(); err != nil {
		t.Errorf("a call that began before: %v", err)
	}
	if got := r.call(context.Background(), r.conn, "CheckBidi", `{"tok":"`+r.Token(signedClaims)+`"}`); status.Code(got.err) != codes.Unauthenticated {
		t.Errorf("a call that began after: got %v, want %v", got.err, codes.Unauthenticated)
	}
}

// TestCachedTokenIsAcceptedNoLonger: a cached token is checked against everything that can
// change: the clock, the keys, and the requirements of another method.
func TestCachedTokenIsAcceptedNoLonger(t *testing.T) {
	t.Parallel()
	old, next := policytest.Key(t, keys.ES256, keys.Attributes{ID: "a"}), policytest.Key(t, keys.ES256, keys.Attributes{ID: "b"})
	sameID, err := next.With(keys.Attributes{ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	var published atomic.Pointer[keys.Key]
	published.Store(old)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		set, err := keys.PublicSet([]*keys.Key{published.Load()})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(set)
	}))
	t.Cleanup(server.Close)
	var now func() time.Time
	remote, err := jwks.NewRemote(server.URL, jwks.RemoteOptions{Issuer: "me", Now: func() time.Time { return now() }, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, setup{keySets: []keys.Set{remote}, options: proxy.Options{CachedTokens: 10}})
	now = func() time.Time { return time.Unix(0, r.now.Load()) }
	long := strings.Replace(goodClaims, "1769864400", "1769960800", 1) // a day
	token := signed(t, old, long)
	expect := func(what, method, token string, want codes.Code) {
		t.Helper()
		for range 3 {
			if got := r.call(bearing(token), r.conn, method, `{}`); status.Code(got.err) != want {
				t.Errorf("%s: got %v, want %v", what, got.err, want)
			}
		}
	}
	expect("good", "Who", token, codes.OK)
	expect("without the role", "Bearer", signed(t, old, `{"iss":"me"}`), codes.OK)
	expect("without the role, where it is asked for", "Who", signed(t, old, `{"iss":"me"}`), codes.PermissionDenied)
	short := signed(t, old, goodClaims)
	expect("before exp", "Who", short, codes.OK)
	r.advance(time.Hour)
	expect("at exp", "Who", short, codes.Unauthenticated)
	expect("another that is not", "Who", token, codes.OK)
	published.Store(sameID) // the same ID, another key
	r.advance(jwks.DefaultRefresh)
	expect("a key that its issuer replaced", "Who", token, codes.Unauthenticated)
	expect("the new key", "Who", signed(t, sameID, long), codes.OK)
}

// TestShutdown_LosesNoCall stops the proxy under load: each call that reached the upstream
// gets its response.
func TestShutdown_LosesNoCall(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.upstream.become(func(name string, ss grpc.ServerStream) error {
		time.Sleep(20 * time.Millisecond)
		return r.upstream.echo(name, ss)
	})
	var answered, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			method := []string{"Open", "Who", "Sign", "OpenBidi"}[i%4]
			for {
				got := r.call(bearing(r.Token(goodClaims)), r.conn, method, `{}`)
				if got.err != nil {
					if status.Code(got.err) != codes.Unavailable {
						t.Error(got.err)
					}
					refused.Add(1)
					return
				}
				answered.Add(1)
			}
		}()
	}
	r.waitCalls(100)
	watch, err := grpc_health_v1.NewHealthClient(r.conn).Watch(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
	defer cancel()
	if err := r.proxy.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if n := r.upstream.calls.Load(); n != answered.Load() || refused.Load() != 50 {
		t.Errorf("%d calls reached the upstream, %d were answered", n, answered.Load())
	}
}

// TestShutdown_Deadline: calls that do not end are cut off.
func TestShutdown_Deadline(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	watch, err := grpc_health_v1.NewHealthClient(r.conn).Watch(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := watch.Recv(); err != nil || got.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatal(got, err)
	}
	s := r.open(context.Background(), "OpenBidi")
	r.waitCalls(1)
	ctx, over := context.WithCancel(context.Background()) // the test decides when the deadline passes
	defer over()
	ended := make(chan error, 1)
	go func() { ended <- r.proxy.Shutdown(ctx) }()
	if got, err := watch.Recv(); err != nil || got.Status != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Error("health while draining:", got, err)
	}
	over()
	if err := <-ended; fault.CodeOf(err) != fault.Interrupted {
		t.Error(err)
	}
	if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Error("a watcher of health:", err)
	}
	if _, err := s.receive(); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
}
