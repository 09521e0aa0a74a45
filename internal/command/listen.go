package command

import (
	"errors"
	"net"
	"syscall"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// CheckListen refuses an invalid address; whether it is available shows later.
func CheckListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err == nil || address == "" {
		return nil
	}
	wrong := fault.New(fault.UsageError, "--listen", "%q is not host:port", quote.Shorten(address))
	if _, portErr := net.LookupPort("tcp", address); portErr == nil {
		return wrong.WithHint("use 127.0.0.1:%[1]s for this machine only, or :%[1]s for all interfaces", address)
	}
	return wrong.WithHint("use an address such as 127.0.0.1:8080, or :8080 for all interfaces")
}

// WithPortHint adds a hint to an error about an unavailable address.
func WithPortHint(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
	case errors.Is(err, syscall.EADDRINUSE):
		return f.WithHint("another program is using this port; use port 0 for a free one")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return f.WithHint("this machine does not have that address; to listen on all interfaces, leave it out, as in --listen :8080")
	case errors.Is(err, syscall.EACCES):
		return f.WithHint("ports below 1024 usually need root; choose a higher one, such as --listen :8080")
	}
	return err
}
