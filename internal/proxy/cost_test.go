//go:build !race

package proxy_test

import "testing"

// TestPassedCallAllocates: a call that is only forwarded needs no more additional
// allocations than now. It counts those of the whole process, so it does not run in
// parallel; the race detector adds its own.
func TestPassedCallAllocates(t *testing.T) {
	if testing.Short() {
		t.Skip("counts the program's allocations")
	}
	perCall := func(name string) int64 {
		return testing.Benchmark(func(b *testing.B) {
			bench := newBench(b)
			for _, w := range bench.ways {
				if w.name == name {
					b.ReportAllocs()
					b.ResetTimer()
					bench.calls(b, w, b.N, nil)
					b.StopTimer()
				}
			}
		}).AllocsPerOp()
	}
	const most = 194
	if direct, passed := perCall("direct"), perCall("passthrough"); direct == 0 || passed-direct > most {
		t.Errorf("got %d allocations directly and %d through the proxy, want a difference of at most %d", direct, passed, most)
	}
}
