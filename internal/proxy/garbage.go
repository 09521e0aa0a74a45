package proxy

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// SpareGarbage is a good amount of garbage to let accumulate, in bytes.
const SpareGarbage = 96 << 20

// minHeap is Go's minimum for live data.
const minHeap = 4 << 20

// gcPercent returns the argument for debug.SetGCPercent with this amount of live data, so
// that spare bytes of garbage may accumulate, or as much as is live if that is more.
func gcPercent(live, spare uint64) int {
	return int(max(100, spare*100/max(live, minHeap)))
}

// KeepGarbage lets the process accumulate more garbage than Go does by default, spare
// bytes or as much as is live, until stop is called. Calls produce much garbage and
// little live data: by default Go would collect so often that one call in a hundred is
// affected, which shows at p99 (BenchmarkS76_Hostile). GOMEMLIMIT still applies.
func KeepGarbage(spare uint64) (stop func()) {
	var mu sync.Mutex
	stopped := false
	set := func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(gcPercent(live[0].Value.Uint64(), spare))
	}
	before := debug.SetGCPercent(100)
	set()
	var afterEach func()
	afterEach = func() { // collection, since nothing refers to it
		runtime.AddCleanup(new([64]byte), func(int) {
			mu.Lock()
			defer mu.Unlock()
			if !stopped {
				set()
				afterEach()
			}
		}, 0)
	}
	afterEach()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		debug.SetGCPercent(before)
	}
}
