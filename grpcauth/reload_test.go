package grpcauth_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/grpcauth"
	"github.com/jwtctl/jwtctl/internal/grpctest"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

func policyOf(tb testing.TB, w *policytest.World, o jwtpolicy.Options) *jwtpolicy.Policy {
	tb.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	if o.Now == nil {
		o.Now = func() time.Time { return policytest.Now }
	}
	p, err := jwtpolicy.New(tb.Context(), grpctest.Loaded{Set: w.Set}, []jwtpolicy.Key{grpctest.KeyOf(tb, w.Key)}, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// incoming returns the metadata of a call as grpc-go's clients send it.
func incoming(token string) context.Context {
	md := metadata.MD{":authority": {"localhost"}, "content-type": {"application/grpc"}, "user-agent": {"grpc-go/1.85.0"}}
	if token != "" {
		md["authorization"] = []string{"Bearer " + token}
	}
	return metadata.NewIncomingContext(context.Background(), md)
}

// TestReloadUnderLoad makes 10,000 calls while policy and keys are replaced. No call is
// lost, and neither goroutines nor memory grow. S17, S76.
func TestReloadUnderLoad(t *testing.T) {
	w := policytest.New(t, policytest.CallSource, policytest.Setup{})
	p := policyOf(t, w, jwtpolicy.Options{CachedTokens: 100})
	interceptor := grpcauth.UnaryServerInterceptor(p)
	in := dynamicpb.NewMessage(w.Set.Message("t.Plain"))
	good, bad := incoming(w.Token(policytest.GoodClaims)), incoming("a.b.c")
	who := &grpc.UnaryServerInfo{FullMethod: "/t.S/Who"}
	load := func(calls int) {
		const leastReloads = 10
		var made, failed atomic.Int64
		var work sync.WaitGroup
		reloads, stop := reloadAgainAndAgain(t, p, w)
		for range 8 {
			work.Go(func() {
				for made.Add(2) <= int64(calls) || reloads.Load() < leastReloads {
					if _, err := interceptor(good, in, who, func(ctx context.Context, _ any) (any, error) {
						if c, ok := jwtpolicy.FromContext(ctx); !ok || c.Subject() != "alice" {
							return nil, fmt.Errorf("not alice")
						}
						return in, nil
					}); err != nil {
						failed.Add(1)
					}
					if _, err := interceptor(bad, in, who, nil); err == nil {
						failed.Add(1)
					}
				}
			})
		}
		work.Wait()
		stop()
		if failed.Load() > 0 {
			t.Errorf("%d of %d calls failed in %d reloads", failed.Load(), made.Load(), reloads.Load())
		}
		t.Logf("%d calls, %d reloads", made.Load(), reloads.Load())
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	load(1_000)
	goroutines, before := runtime.NumGoroutine(), heap()
	load(10_000)
	if after := heap(); after > before+4<<20 {
		t.Errorf("heap %d → %d", before, after)
	}
	testkit.Eventually(t, fmt.Sprintf("no more than %d goroutines are left", goroutines+2), func() bool { return runtime.NumGoroutine() <= goroutines+2 })
}

// reloadAgainAndAgain replaces policy and keys in the background until stop is called, and
// counts the reloads.
func reloadAgainAndAgain(t *testing.T, p *jwtpolicy.Policy, w *policytest.World) (reloads *atomic.Int64, stop func()) {
	t.Helper()
	reloads = new(atomic.Int64)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			default:
			}
			if err := p.Reload(t.Context(), grpctest.Loaded{Set: w.Set}, []jwtpolicy.Key{grpctest.KeyOf(t, w.Key)}); err != nil {
				t.Error(err)
			}
			reloads.Add(1)
		}
	}()
	return reloads, func() { close(end); <-done }
}
