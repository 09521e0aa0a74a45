package testkit

import (
	"runtime"
	"syscall"
	"time"
)

// CPU returns the CPU time that fn takes in this goroutine, regardless of other load.
func CPU(fn func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const thisThread = 1 // RUSAGE_THREAD
	before := used(thisThread)
	fn()
	return used(thisThread) - before
}

// AllCPU is CPU for all goroutines of the process, those of other tests too.
func AllCPU(fn func()) time.Duration {
	before := used(syscall.RUSAGE_SELF)
	fn()
	return used(syscall.RUSAGE_SELF) - before
}

func used(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
