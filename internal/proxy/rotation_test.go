package proxy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
)

// TestRotation_RemoteUnderLoad follows an issuer that publishes its next key, waits
// Cooldown, signs with it, and then removes the old one: no call with a current token is
// refused, with or without a cache; after Refresh, those with the old key are.
func TestRotation_RemoteUnderLoad(t *testing.T) {
	t.Parallel()
	var published atomic.Pointer[[]byte]
	publish := func(list ...*keys.Key) {
		set, err := keys.PublicSet(list)
		if err != nil {
			t.Fatal(err)
		}
		published.Store(&set)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*published.Load()) }))
	t.Cleanup(server.Close)
	ring := make([]*keys.Key, 8)
	for i := range ring {
		ring[i] = policytest.Key(t, keys.ES256, keys.Attributes{ID: fmt.Sprint("remote", i)})
	}
	publish(ring[0])
	for name, cached := range map[string]int{"cache": 100, "no cache": 0} {
		publish(ring[0])
		now := time.Now
		remote, err := jwks.NewRemote(server.URL, jwks.RemoteOptions{Issuer: "me", Now: func() time.Time { return now() }, Log: discard()})
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, setup{keySets: []keys.Set{remote}, options: proxy.Options{CachedTokens: cached}})
		now = func() time.Time { return time.Unix(0, r.now.Load()) }
		claims := strings.Replace(goodClaims, "1769864400", "1769960800", 1) // a day
		var signing sync.RWMutex                                             // held while a token of the newest key is in use
		newest := 0
		var stop atomic.Bool
		var calls atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for !stop.Load() {
					signing.RLock()
					token := signed(t, ring[newest], claims)
					for range 2 {
						if got := r.call(bearing(token), r.conn, []string{"Who", "WhoBidi"}[i%2], `{}`); got.err != nil {
							t.Errorf("%s: got %v", name, got.err)
						}
						calls.Add(1)
					}
					signing.RUnlock()
				}
			})
		}
		for i := 1; i < len(ring); i++ {
			publish(ring[i-1], ring[i])
			r.advance(jwks.Cooldown)
			signing.Lock()
			newest = i
			signing.Unlock()
			time.Sleep(10 * time.Millisecond)
			publish(ring[i])
			r.advance(jwks.DefaultRefresh)
			time.Sleep(10 * time.Millisecond)
		}
		stop.Store(true)
		wg.Wait()
		if got := r.call(bearing(signed(t, ring[0], claims)), r.conn, "Who", `{}`); status.Code(got.err) != codes.Unauthenticated {
			t.Errorf("%s: removed key: got %v, want %v", name, got.err, codes.Unauthenticated)
		}
		t.Log(name, calls.Load(), "calls")
	}
}
