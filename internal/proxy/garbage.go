package proxy

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// SpareGarbage is how much garbage it is good to let gather, in bytes.
const SpareGarbage = 96 << 20

// smallestHeap is the least that Go takes for what lives.
const smallestHeap = 4 << 20

// gcPercent returns what to give debug.SetGCPercent where so many bytes live:
// that spare may gather, or as much as lives if that is more.
func gcPercent(live, spare uint64) int {
	return int(max(100, spare*100/max(live, smallestHeap)))
}

// KeepGarbage lets garbage of this process gather for longer than Go does, spare
// bytes or as much as lives, until stop is called. Calls leave much garbage, and
// little that lives: Go's own pace collects it so often that one call in a hundred
// meets that, which is seen at p99 (BenchmarkS76_Hostile). GOMEMLIMIT holds as ever.
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
	afterEach = func() { // collection, which takes what nothing refers to
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
