//go:build unix

package testkit

import "syscall"

func umask(mask int) { syscall.Umask(mask) }
