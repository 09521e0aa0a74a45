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

// The limits of fetches (S19, S21).
const (
	FetchTimeout   = 10 * time.Second
	MaxRedirects   = 3
	maxFetchHeader = 64 << 10
)

// Network configures how remote sets are reached. The zero value is the strictest that
// works: https, or http on this machine; the system's certificates; no proxy; no
// link-local or cloud metadata addresses.
type Network struct {
	// AllowHTTP permits http to other machines. Anyone on the network path can then
	// replace responses.
	AllowHTTP bool
	// AllowLinkLocal permits link-local and metadata addresses.
	AllowLinkLocal bool
	// RootCAs, if not nil, replace the system's certificates; see TrustCA.
	RootCAs *x509.CertPool
	// Proxy, if not nil, chooses a proxy for a request; see ProxyFrom. The proxy resolves
	// names, so their addresses are not checked here.
	Proxy func(*http.Request) (*url.URL, error)
	// Resolver, if not nil, replaces the system's resolver.
	Resolver *net.Resolver
	// Timeout limits fetching a set, including discovery and redirects; FetchTimeout is
	// the default and the maximum.
	Timeout time.Duration
}

// loopbackOnly marks the context of a request that may only reach this machine.
type loopbackOnly struct{}

// parseURL parses address and checks that it may be fetched (S19).
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
		return fault.New(fault.KeySetURLNotAllowed, "", "not a complete URL").WithHint("use a URL such as https://%s", quote.Shorten(u.String()))
	case u.Scheme != "https" && u.Scheme != "http":
		return fault.New(fault.KeySetURLNotAllowed, "", "scheme is %q; key sets are fetched over https", quote.Shorten(u.Scheme))
	case u.Hostname() == "":
		return fault.New(fault.KeySetURLNotAllowed, "", "has no host")
	case u.User != nil:
		return fault.New(fault.KeySetURLNotAllowed, "", "contains a user name, but key sets are public")
	case u.Scheme == "http" && !f.network.AllowHTTP && !isLocalhost(u.Hostname()):
		return fault.New(fault.KeySetURLNotAllowed, "", "over http, anyone on the network path can replace the keys").
			WithRemedy(fault.UseHTTPS)
	}
	// A proxy would not check addresses, so check a literal one here too.
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !f.network.AllowLinkLocal && !ip.Unmap().IsUnspecified() && isLinkLocal(ip.Unmap()) {
		return fault.New(fault.KeySetURLNotAllowed, "", "%s is a link-local or metadata address", ip)
	}
	return nil
}

// checkRedirect follows at most MaxRedirects redirects, within the scheme of the request.
func (f *fetcher) checkRedirect(r *http.Request, via []*http.Request) error {
	switch err := f.checkURL(r.URL); {
	case err != nil:
		err.Reason = "redirects to a URL that is not allowed: " + err.Reason
		return err
	case r.URL.Scheme != via[0].URL.Scheme:
		return fault.New(fault.KeySetURLNotAllowed, "", "redirects from %s to %s", via[0].URL.Scheme, r.URL.Scheme)
	case len(via) > MaxRedirects:
		return fault.New(fault.KeySetURLNotAllowed, "", "redirects more than %d times", MaxRedirects)
	}
	return nil
}

// checkAddress refuses addresses that no key set should have. It checks the address that
// is dialled, so a name cannot resolve differently afterwards.
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
		return fault.New(fault.KeySetURLNotAllowed, "", "its name resolves to %s, but plain http is only for this machine", ip)
	}
	if !f.network.AllowLinkLocal && isLinkLocal(ip) {
		return fault.New(fault.KeySetURLNotAllowed, "", "its name resolves to %s, a link-local or metadata address", ip)
	}
	return nil
}

// isLinkLocal reports whether ip is link-local, or an address at which a cloud serves a
// machine's credentials.
func isLinkLocal(ip netip.Addr) bool {
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(ip) {
		wide := ip.As16()
		ip = netip.AddrFrom4([4]byte(wide[12:])) // translated by the network (RFC 6052)
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

// isLocalhost reports whether host is a spelling of this machine. This includes
// unspecified addresses (0.0.0.0, ::), which servers print if they listen on all
// interfaces.
func isLocalhost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (ip.Unmap().IsLoopback() || ip.Unmap().IsUnspecified())
}

// dialLocalhost returns dial, except that it dials a loopback address instead of an
// unspecified one, whose meaning depends on the system.
func dialLocalhost(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
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
