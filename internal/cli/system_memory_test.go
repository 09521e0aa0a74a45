package cli

import "testing"

// TestSpareGarbage: no more than a quarter of the container's memory.
func TestSpareGarbage(t *testing.T) {
	t.Parallel()
	for limit, want := range map[uint64]uint64{0: 128 << 20, 128 << 20: 32 << 20, 256 << 20: 64 << 20, 4 << 30: 128 << 20} {
		if got := spareGarbage(limit); got != want {
			t.Errorf("limit %d: %d bytes of garbage may gather, want %d", limit, got, want)
		}
	}
}
