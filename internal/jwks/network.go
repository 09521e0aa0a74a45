package jwks

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// The limits of fetching (S19, S21).
const (
	MaxFetchTime   = 10 * time.Second
	MaxRedirects   = 3
	maxFetchHeader = 64 << 10
)

// Network says how remote sets are reached. Its zero value is the strictest
// that works: https, or http from this machine itself; the system's
// certificates; no proxy; no link-local or cloud metadata address.
type Network struct {
	// AllowHTTP permits http to other machines, whose answers anyone on the way
	// can replace.
	AllowHTTP bool
	// AllowLinkLocal permits link-local and metadata addresses.
	AllowLinkLocal bool
	// RootCAs, unless nil, are trusted instead of the system's certificates; see
	// TrustCA.
	RootCAs *x509.CertPool
	// Proxy, unless nil, chooses a proxy for a request; see ProxyFrom. Behind one,
	// it is the proxy that looks names up, so their addresses are not checked here.
	Proxy func(*http.Request) (*url.URL, error)
	// Resolver, unless nil, looks names up instead of the system's.
	Resolver *net.Resolver
	// Timeout is how long fetching a set may take, with discovery and
	// redirects; MaxFetchTime by default and at most.
	Timeout time.Duration
}

// loopbackOnly marks the context of a request that may reach this machine alone.
type loopbackOnly struct{}

// parseURL returns address as a URL that may be fetched (S19).
func (f *fetcher) parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fault.New(fault.KeySetURLNotAllowed, label(address), "not a URL")
	}
	if err := f.checkURL(u); err != nil {
		return nil, err.About(label(address))
	}
	return u, nil
}

func (f *fetcher) checkURL(u *url.URL) *fault.Error {
	switch {
	case u.Scheme == "" || u.Opaque != "":
		return fault.New(fault.KeySetURLNotAllowed, "", "it is not a complete URL").WithHint("such as https://%s", quote.Shorten(u.String()))
	case u.Scheme != "https" && u.Scheme != "http":
		return fault.New(fault.KeySetURLNotAllowed, "", "its scheme is %q; a key set is fetched by https", quote.Shorten(u.Scheme))
	case u.Hostname() == "":
		return fault.New(fault.KeySetURLNotAllowed, "", "it names no host")
	case u.User != nil:
		return fault.New(fault.KeySetURLNotAllowed, "", "it holds a user name; a key set is public")
	case u.Scheme == "http" && !f.network.AllowHTTP && !isThisMachine(u.Hostname()):
		return fault.New(fault.KeySetURLNotAllowed, "", "over http, anyone on the network path can replace the keys").
			WithRemedy(fault.UseHTTPS)
	}
	// A proxy would look at no address, so what is one already is checked here, too.
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !f.network.AllowLinkLocal && !ip.Unmap().IsUnspecified() && isLinkLocal(ip.Unmap()) {
		return fault.New(fault.KeySetURLNotAllowed, "", "%s is a link-local or metadata address", ip)
	}
	return nil
}

// checkRedirect follows at most MaxRedirects within the scheme of the request.
func (f *fetcher) checkRedirect(r *http.Request, via []*http.Request) error {
	switch err := f.checkURL(r.URL); {
	case err != nil:
		err.Why = "it redirects to a URL that is not allowed: " + err.Why
		return err
	case r.URL.Scheme != via[0].URL.Scheme:
		return fault.New(fault.KeySetURLNotAllowed, "", "it redirects from %s to %s", via[0].URL.Scheme, r.URL.Scheme)
	case len(via) > MaxRedirects:
		return fault.New(fault.KeySetURLNotAllowed, "", "it redirects more than %d times", MaxRedirects)
	}
	return nil
}

// checkAddress refuses addresses that no key set has any business at. It sees
// the address that is dialled, so that no name can change its mind in between.
func (f *fetcher) checkAddress(ctx context.Context, _, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	ip = ip.Unmap()
	if ctx.Value(loopbackOnly{}) != nil && !ip.IsLoopback() {
		return fault.New(fault.KeySetURLNotAllowed, "", "its name leads to %s, and http is for this machine alone", ip)
	}
	if !f.network.AllowLinkLocal && isLinkLocal(ip) {
		return fault.New(fault.KeySetURLNotAllowed, "", "its name leads to %s, a link-local or metadata address", ip)
	}
	return nil
}

// isLinkLocal reports whether ip is for this link alone, or is where a cloud
// keeps a machine's credentials.
func isLinkLocal(ip netip.Addr) bool {
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(ip) {
		wide := ip.As16()
		ip = netip.AddrFrom4([4]byte(wide[12:])) // which the network translates to (RFC 6052)
	}
	if ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast() || ip.IsUnspecified() {
		return true
	}
	switch ip.WithZone("").String() {
	case "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192": // AWS, Alibaba, Azure, Oracle
		return true
	}
	return false
}

// isThisMachine reports whether host is this machine by its spelling. That is
// also an unspecified address (0.0.0.0, ::), as servers print it that listen on
// all interfaces.
func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (ip.Unmap().IsLoopback() || ip.Unmap().IsUnspecified())
}

// dialThisMachine returns dial, but an unspecified address is dialled as a
// loopback one: what such an address leads to depends on the system.
func dialThisMachine(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		ip, notIP := netip.ParseAddr(host)
		if err != nil || notIP != nil || !ip.Unmap().IsUnspecified() {
			return dial(ctx, network, address)
		}
		conn, err := dial(ctx, network, net.JoinHostPort("127.0.0.1", port))
		if err != nil && ip.Is6() {
			conn, err = dial(ctx, network, net.JoinHostPort("::1", port))
		}
		return conn, err
	}
}
