package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
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

// fetcher makes bounded requests over a Network.
type fetcher struct {
	network Network
	client  *http.Client
}

// answer is what a URL holds.
type answer struct {
	body   []byte
	maxAge *time.Duration // what Cache-Control allows, nil if it does not say
}

// loopbackOnly marks the context of a request that may reach this machine alone.
type loopbackOnly struct{}

func newFetcher(n Network) *fetcher {
	if n.Timeout <= 0 || n.Timeout > MaxFetchTime {
		n.Timeout = MaxFetchTime
	}
	f := &fetcher{network: n}
	dialer := &net.Dialer{Timeout: n.Timeout, Resolver: n.Resolver, ControlContext: f.checkAddress}
	f.client = &http.Client{
		CheckRedirect: f.checkRedirect,
		Transport: &http.Transport{
			Proxy:                  n.Proxy,
			DialContext:            dialThisMachine(dialer.DialContext),
			TLSClientConfig:        &tls.Config{RootCAs: n.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    n.Timeout,
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true, // fetches are rare, and each checks its address
			MaxResponseHeaderBytes: maxFetchHeader,
		},
	}
	return f
}

// get returns what address holds. Everything but a 200 with a whole body of at
// most keys.MaxFileBytes is key_set_unavailable; a URL, redirect or network
// address that is not to be trusted is key_set_url_not_allowed.
func (f *fetcher) get(ctx context.Context, address string) (answer, error) {
	u, err := f.parseURL(address)
	if err != nil {
		return answer{}, err
	}
	if u.Scheme == "http" && !f.network.AllowHTTP {
		ctx = context.WithValue(ctx, loopbackOnly{}, true)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, fault.New(fault.KeySetURLNotAllowed, label(address), "%w", err)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	r.Header.Set("Accept-Encoding", "identity") // so that the transport unpacks nothing: no bombs
	r.Header.Set("User-Agent", "jwtctl")
	response, err := f.client.Do(r)
	if err != nil {
		return answer{}, failed(ctx, address, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return answer{}, fault.New(fault.KeySetUnavailable, label(address), "it answered %d, not 200", response.StatusCode)
	}
	if coding := response.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return answer{}, fault.New(fault.KeySetUnavailable, label(address), "the server answered in the encoding %q, which was not requested", quote.Shorten(coding))
	}
	body, err := files.ReadAll(response.Body, label(address), keys.MaxFileBytes, fault.KeySetUnavailable)
	if fault.CodeOf(err) == fault.FileTooLarge {
		return answer{}, fault.New(fault.KeySetUnavailable, label(address), "it is larger than %d bytes", keys.MaxFileBytes)
	}
	if err != nil {
		return answer{}, failed(ctx, address, err)
	}
	return answer{body: body, maxAge: maxAge(response.Header)}, nil
}

// failed words an error of the network.
func failed(ctx context.Context, address string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == fault.KeySetURLNotAllowed {
		return f.About(label(address))
	}
	if ctx.Err() != nil {
		return fault.New(fault.KeySetUnavailable, label(address), "no complete answer in time (%w)", ctx.Err())
	}
	var wrapped *url.Error // whose text repeats the address
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	const most = 1024 // of a text that a server has a part in
	text := quote.Escape(err.Error(), "")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	failed := fault.New(fault.KeySetUnavailable, label(address), "cannot be fetched: %s", text)
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return failed.WithRemedy(fault.TrustCA)
	}
	return failed.WithHint("%s", failureHint(err))
}

// failureHint says what may help against an error of the network, "" if nothing
// is known to.
func failureHint(err error) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.As(err, &name):
		return "the certificate is for another name: use the name that it is for"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired, or the clock of this machine is wrong"
	case errors.As(err, &record):
		return "the server does not speak TLS on this port"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "is the name of the host spelled right?"
	}
	return ""
}

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

// maxAge returns how long Cache-Control lets an answer be kept (RFC 9111
// section 5.2.2).
func maxAge(h http.Header) *time.Duration {
	var shortest *time.Duration
	for _, line := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			age := time.Duration(0)
			switch strings.ToLower(name) {
			case "no-store", "no-cache":
			case "max-age":
				seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
				if err != nil {
					continue // as if it were not there; the ceiling holds
				}
				age = time.Duration(seconds) * time.Second
			default:
				continue
			}
			if shortest == nil || age < *shortest {
				shortest = &age
			}
		}
	}
	return shortest
}

// label is address as it is in messages: without what could be a secret,
// and without characters that a terminal would act on.
func label(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return strconv.QuoteToASCII(quote.Shorten(address))
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.Trim(strconv.QuoteToASCII(u.Redacted()), `"`)
}
