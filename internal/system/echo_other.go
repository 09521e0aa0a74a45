//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package system

// hideInput leaves the terminal to term.ReadPassword, which turns off the echo itself.
func hideInput(int) error { return nil }
