package command

import (
	"errors"
	"net"
	"syscall"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// CheckListen refuses what is not an address; whether it can be had shows later.
func CheckListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err == nil || address == "" {
		return nil
	}
	wrong := fault.New(fault.UsageError, "--listen", "%q is not an address and port", quote.Shorten(address))
	if _, portErr := net.LookupPort("tcp", address); portErr == nil {
		return wrong.WithHint("127.0.0.1:%[1]s for this machine alone, :%[1]s for all interfaces", address)
	}
	return wrong.WithHint("such as 127.0.0.1:8080, or :8080 for all interfaces")
}

// WithPortHint says what to do about an address that is taken.
func WithPortHint(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && errors.Is(err, syscall.EADDRINUSE) {
		return f.WithHint("another program listens there; port 0 takes a free one")
	}
	return err
}
