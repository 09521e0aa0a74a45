//go:build !unix

package testkit

func umask(int) {}
