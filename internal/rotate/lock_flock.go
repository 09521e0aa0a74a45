//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package rotate

import (
	"os"
	"syscall"
)

// lock waits until no other program is rotating dir. The system releases the lock when
// the program ends, however it ends.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
