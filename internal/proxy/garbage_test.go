package proxy

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestGCPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 2400, 1 << 20: 2400, 4 << 20: 2400, 16 << 20: 600, 64 << 20: 150, 128 << 20: 100, 1 << 30: 100} {
		if got := gcPercent(live, SpareGarbage); got != want {
			t.Errorf("%d bytes live: got %d %%, want %d", live, got, want)
		}
	}
}

// TestKeepGarbage: the setting follows the live data. It changes the process, so it does
// not run in parallel.
func TestKeepGarbage(t *testing.T) {
	percent := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	becomes := func(what string, right func(uint64) bool) {
		t.Helper()
		for deadline := time.Now().Add(testkit.Timeout); !right(percent()); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d %%", what, percent())
			}
			runtime.GC()
		}
	}
	before := percent()
	stop := KeepGarbage(SpareGarbage)
	becomes("at first", func(p uint64) bool { return p > 200 })
	much := make([]byte, 200<<20)
	becomes("with 200 MiB that live", func(p uint64) bool { return p == 100 })
	runtime.KeepAlive(much)
	becomes("with little again", func(p uint64) bool { return p > 200 })
	stop()
	for range 3 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	if got := percent(); got != before {
		t.Errorf("got %d %% afterwards, %d before", got, before)
	}
}
