//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package system

import "golang.org/x/sys/unix"

// hideInput turns off the echo of the terminal fd.
func hideInput(fd int) error {
	settings, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	settings.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, setTermios, settings)
}
