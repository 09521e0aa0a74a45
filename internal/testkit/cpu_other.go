//go:build !linux

package testkit

import "time"

// CPU returns how long do took: elsewhere than on Linux a thread does not know more.
func CPU(do func()) time.Duration {
	begun := time.Now()
	do()
	return time.Since(begun)
}

// AllCPU is CPU.
func AllCPU(do func()) time.Duration { return CPU(do) }
