package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// checkAddress refuses anything but host:port and, for the upstream, a name that gRPC
// resolves.
func checkAddress(flag, address string) error {
	wrong := func(format string, args ...any) *fault.Error {
		return fault.New(fault.UsageError, flag, format, args...)
	}
	scheme, rest, isURL := strings.Cut(address, "://")
	switch {
	case isURL && flag == "--upstream" && scheme == "https":
		return wrong("%s is a URL, not host:port", quote.URL(address)).WithHint("use --upstream %s --upstream-tls", authority(rest))
	case isURL && (strings.HasPrefix(scheme, "http") || strings.HasPrefix(scheme, "grpc")):
		return wrong("%s is a URL, not host:port", quote.URL(address)).WithHint("use %s %s", flag, authority(rest))
	case strings.Contains(address, ":/") && flag == "--upstream":
		return nil // unix:/…, dns:///…: the dialer reports errors
	case isSocket(address) && flag == "--listen":
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "" || strings.ContainsAny(address, "/ ") {
		f := wrong("%q is not host:port", quote.Printable(address))
		if _, err := strconv.Atoi(address); err == nil {
			f = f.WithHint("use %s 127.0.0.1:%s", flag, address)
		}
		return f
	}
	if n, err := strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
		return wrong("%q has no port: %s is not between 0 and 65535", quote.Printable(address), port)
	}
	return nil
}

// authority returns the host and port at the start of rest, the part of a URL after its
// scheme.
func authority(rest string) string {
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return quote.Printable(rest[strings.LastIndexByte(rest, '@')+1:])
}

// withFlag adds the flag to the error for an unusable address.
func withFlag(err error, flag string) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.ListenFailed {
		return err
	}
	return f.About(flag + ": " + f.What)
}

// isSocket reports whether address is unix:PATH.
func isSocket(address string) bool { return strings.HasPrefix(address, "unix:") }

// isLocal reports whether address, "host:port" or a Unix socket, can only be reached from
// this machine, judging by its spelling.
func isLocal(address string) bool {
	if isSocket(address) {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	ip, notIP := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || notIP == nil && ip.Unmap().IsLoopback())
}

// isLocalTarget is isLocal for a target of grpc-go.
func isLocalTarget(target string) bool {
	return strings.HasPrefix(target, "unix:/") || isLocal(strings.TrimPrefix(strings.TrimPrefix(target, "dns:///"), "passthrough:///"))
}

// listenOn listens on address. It returns listen_failed if it cannot.
func listenOn(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	network, at := "tcp", address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, at = "unix", path
		removeStale(ctx, path)
	}
	l, err := config.Listen(ctx, network, at)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok { // whose text repeats the address
			err = op.Err
		}
		failed := fault.New(fault.ListenFailed, quote.Printable(address), "%w", err)
		if network == "unix" {
			return nil, failed
		}
		return nil, command.WithPortHint(failed)
	}
	return l, nil
}

// removeStale removes the socket at path if no process listens on it, as after a crash.
func removeStale(ctx context.Context, path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		_ = os.Remove(path)
	}
}
