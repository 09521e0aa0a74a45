package testkit

import (
	"crypto/sha256"
	"testing"
	"time"
)

func TestCPUCountsWorkAndNotWaiting(t *testing.T) {
	t.Parallel()
	if got := CPU(func() { time.Sleep(50 * time.Millisecond) }); got > 30*time.Millisecond {
		t.Errorf("waiting took %s", got)
	}
	if got := CPU(func() { sha256.Sum256(make([]byte, 64<<20)) }); got < 10*time.Millisecond {
		t.Errorf("64 MiB were hashed in %s", got)
	}
	if got := AllCPU(func() {
		done := make(chan struct{})
		go func() { sha256.Sum256(make([]byte, 64<<20)); close(done) }()
		<-done
	}); got < 10*time.Millisecond {
		t.Errorf("64 MiB were hashed in another process in %s", got)
	}
}
