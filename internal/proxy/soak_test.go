package proxy_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

var soaking = flag.Duration("proxy.soak", 3*time.Second, "how long TestS76_Soak calls; S76 says 30m")

// soak makes valid and invalid calls of all kinds, while policies are reloaded and keys
// rotated. To run it for half an hour, without the race detector:
//
//	go test ./internal/proxy -run TestS76_Soak -v -timeout 0 -proxy.soak 30m
type soak struct {
	*rig
	worlds []*policytest.World // the same policy, compiled twice
	ring   []*keys.Key
	newest atomic.Int64 // index in ring
	// signing is held while a token must stay valid until its call has ended.
	signing            sync.RWMutex
	calls, wrong       atomic.Int64
	reloads, rotations int
}

// verdict is a call and its expected result.
type verdict struct {
	name, method string
	bearer       string   // claims; "" for no token
	spoil        bool     // damage its signature
	old          bool     // signed with a key that was rotated out
	messages     []string // claims of each request's token, if it has one
	want         codes.Code
}

// verdicts returns all that workers choose from.
func verdicts() []verdict {
	const u, d = codes.Unauthenticated, codes.PermissionDenied
	expired, early := `{"iss":"me","role":"admin","exp":1769859000}`, `{"iss":"me","role":"admin","nbf":1769863200}`
	var all []verdict
	for _, kind := range []string{"", "Client", "Server", "Bidi"} {
		all = append(all,
			verdict{name: "nothing required", method: "Open" + kind},
			verdict{name: "nothing required, bad token", method: "Open" + kind, bearer: expired, spoil: true},
			verdict{name: "good", method: "Who" + kind, bearer: goodClaims},
			verdict{name: "none", method: "Who" + kind, want: u},
			verdict{name: "expired", method: "Who" + kind, bearer: expired, want: u},
			verdict{name: "early", method: "Who" + kind, bearer: early, want: u},
			verdict{name: "issuer", method: "Who" + kind, bearer: `{"iss":"you","role":"admin"}`, want: u},
			verdict{name: "role", method: "Who" + kind, bearer: `{"iss":"me","role":"user"}`, want: d},
			verdict{name: "signature", method: "Who" + kind, bearer: goodClaims, spoil: true, want: u},
			verdict{name: "old key", method: "Who" + kind, bearer: goodClaims, old: true, want: u},
			verdict{name: "good message", method: "Check" + kind, messages: []string{signedClaims}},
			verdict{name: "other user", method: "Check" + kind, messages: []string{strings.Replace(signedClaims, "bob", "eve", 1)}, want: d},
			verdict{name: "expired message", method: "Check" + kind, messages: []string{`{"iss":"maker","role":"r","user":"bob","exp":1}`}, want: u},
		)
		if kind == "Client" || kind == "Bidi" {
			all = append(all, verdict{name: "third message", method: "Check" + kind, messages: []string{signedClaims, signedClaims, `{"iss":"maker","role":"x","user":"bob"}`}, want: d})
		}
	}
	return append(all, verdict{name: "signed", method: "Sign"}, verdict{name: "signed", method: "SignServer"})
}

// call makes the call of v, whose tokens are valid when it begins, and counts wrong
// results.
func (s *soak) call(v verdict) {
	s.signing.RLock()
	defer s.signing.RUnlock()
	at := s.newest.Load()
	sign := func(claims string) string { return signed(s.t, s.ring[at], claims) }
	ctx := context.Background()
	if v.bearer != "" {
		token := sign(v.bearer)
		if v.old {
			token = signed(s.t, s.ring[(int(at)+2)%len(s.ring)], v.bearer)
		}
		if v.spoil {
			token = token[:len(token)-8] + "AAAAAAAA"
		}
		ctx = bearing(token)
	}
	requests := []string{`{}`}
	for i, claims := range v.messages {
		requests = append(requests[:i], `{"user":"bob","tok":"`+sign(claims)+`"}`)
	}
	got := s.rig.call(ctx, s.conn, v.method, requests...)
	s.calls.Add(1)
	unsigned := strings.HasPrefix(v.method, "Sign") && !strings.Contains(strings.Join(got.messages, ""), `"tok":"ey`)
	if status.Code(got.err) != v.want || unsigned {
		s.wrong.Add(1)
		s.t.Errorf("%s, %s: %+v, want %v", v.method, v.name, got, v.want)
	}
}

// swap puts the other compilation of the policy in force, with these keys.
func (s *soak) swap(list ...*keys.Key) {
	s.reloads++
	w := s.worlds[s.reloads%len(s.worlds)]
	v := policytest.Of(s.t, w.Policy, w.Plan, policytest.Setup{Keys: list}).Verifier
	if err := s.proxy.Swap(proxy.Policy{Plan: w.Plan, Verifier: v, Signer: w.Signer}); err != nil {
		s.t.Error(err)
	}
}

// change reloads policies, and rotates the key every fifth time, until done.
func (s *soak) change(done <-chan time.Time) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		old := s.ring[s.newest.Load()]
		if s.reloads%5 != 0 {
			s.swap(old)
			continue
		}
		at := (s.newest.Load() + 1) % int64(len(s.ring))
		s.swap(old, s.ring[at])
		s.signing.Lock() // calls with the old key have ended
		s.newest.Store(at)
		s.signing.Unlock()
		s.swap(s.ring[at])
		s.rotations++
	}
}

// serve responds like upstream.echo, and records nothing.
func (s *soak) serve(name string, ss grpc.ServerStream) error {
	m, err := s.Plan.Method(name)
	if err != nil {
		return err
	}
	for last := false; !last; {
		in, out := dynamicpb.NewMessage(m.Desc.Input()), dynamicpb.NewMessage(m.Desc.Output())
		err := ss.RecvMsg(in)
		last = err == io.EOF
		switch {
		case err != nil && !last:
			return err
		case last == m.Desc.IsStreamingServer(): // responds to every message, or once at the end
			continue
		}
		if f := out.Descriptor().Fields().ByName("user"); f != nil {
			out.Set(f, valueOf("bob"))
		}
		if err := ss.SendMsg(out); err != nil {
			return err
		}
	}
	return nil
}

// TestS76_Soak: every verdict is correct, and heap and goroutines stay constant.
func TestS76_Soak(t *testing.T) {
	s := &soak{rig: start(t, setup{level: slog.LevelError + 1, options: proxy.Options{CachedTokens: 100}})}
	s.proxy.HoldFor(time.Millisecond) // most of these calls are refused
	s.upstream.become(s.serve)
	s.worlds = []*policytest.World{s.World, policytest.New(t, source, policytest.Setup{Keys: []*keys.Key{s.Key}})}
	for i := range 6 {
		s.ring = append(s.ring, policytest.Key(t, keys.ES256, keys.Attributes{ID: fmt.Sprint("soak", i)}))
	}
	s.swap(s.ring[0])
	all := verdicts()
	for _, v := range all { // each once, so that one-time allocations are made
		s.call(v)
	}
	goroutines, heap := runtime.NumGoroutine(), liveHeap()
	begun, long := time.Now(), *soaking > time.Minute
	var stop atomic.Bool
	var workers sync.WaitGroup
	for i := range 8 {
		random := rand.New(rand.NewPCG(76, uint64(i)))
		workers.Go(func() {
			for !stop.Load() {
				s.call(all[random.IntN(len(all))])
				time.Sleep(10 * time.Millisecond) // a load that the machine can sustain
			}
		})
	}
	var watcher sync.WaitGroup
	var samples []sample
	watcher.Go(func() {
		for !stop.Load() {
			time.Sleep(*soaking / 30)
			samples = append(samples, sample{time.Since(begun), float64(resident(t))})
			if long {
				t.Logf("%6s: %d calls, %d goroutines, %.1f MiB resident, %.1f MiB of live heap",
					time.Since(begun).Round(time.Second), s.calls.Load(), runtime.NumGoroutine(), float64(resident(t))/(1<<20), liveHeap()/(1<<20))
			}
		}
	})
	s.change(time.After(*soaking))
	stop.Store(true)
	workers.Wait()
	watcher.Wait()
	after := liveHeap()
	t.Logf("%d calls, %d wrong verdicts, %d reloads, %d rotations; live heap %.1f MiB, %.1f before", s.calls.Load(), s.wrong.Load(), s.reloads, s.rotations, after/(1<<20), heap/(1<<20))
	if long {
		t.Logf("resident memory grows by %.2f MiB an hour in the later half", slope(samples[len(samples)/2:])*3600/(1<<20))
	}
	if after > heap*1.5+4<<20 {
		t.Errorf("the live heap is %.0f bytes, %.0f before", after, heap)
	}
	testkit.Eventually(t, fmt.Sprintf("no more than %d goroutines are left", goroutines+10), func() bool { return runtime.NumGoroutine() <= goroutines+10 })
}

// liveHeap returns the live heap in bytes.
func liveHeap() float64 {
	runtime.GC()
	runtime.GC() // frees what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// resident returns this process's memory in bytes.
func resident(t *testing.T) int64 {
	text, err := os.ReadFile("/proc/self/statm")
	var size, pages int64
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &pages)
	}
	if err != nil {
		t.Error(err)
	}
	return pages * int64(os.Getpagesize())
}

type sample struct {
	at    time.Duration
	bytes float64
}

// slope returns the slope of the best-fitting line, in bytes per second.
func slope(all []sample) float64 {
	var x, y, xx, xy float64
	n := float64(len(all))
	for _, s := range all {
		at := s.at.Seconds()
		x, y, xx, xy = x+at, y+s.bytes, xx+at*at, xy+at*s.bytes
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
