package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// fetcher makes bounded requests over a Network.
type fetcher struct {
	network  Network
	client   *http.Client
	keepBody bool // return the body of a response other than 200 with its error
}

// fetchResult is the content of a URL.
type fetchResult struct {
	body   []byte
	status int            // the HTTP status
	maxAge *time.Duration // from Cache-Control; nil if not given
}

func newFetcher(n Network) *fetcher {
	if n.Timeout <= 0 || n.Timeout > FetchTimeout {
		n.Timeout = FetchTimeout
	}
	f := &fetcher{network: n}
	dialer := &net.Dialer{Timeout: n.Timeout, Resolver: n.Resolver, ControlContext: f.checkAddress}
	f.client = &http.Client{
		CheckRedirect: f.checkRedirect,
		Transport: &http.Transport{
			Proxy:                  n.Proxy,
			DialContext:            dialLocalhost(dialer.DialContext),
			TLSClientConfig:        &tls.Config{RootCAs: n.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    n.Timeout,
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true, // fetches are rare, and each checks its address
			MaxResponseHeaderBytes: maxFetchHeader,
		},
	}
	return f
}

// get returns the content at address. Anything but a 200 with a complete body of at most
// keys.MaxFileBytes is key_set_unavailable; a URL, redirect or network address that is
// not permitted is key_set_url_not_allowed.
func (f *fetcher) get(ctx context.Context, address string) (fetchResult, error) {
	u, err := f.parseURL(address)
	if err != nil {
		return fetchResult{}, err
	}
	if u.Scheme == "http" && !f.network.AllowHTTP {
		ctx = context.WithValue(ctx, loopbackOnly{}, true)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fetchResult{}, fault.New(fault.KeySetURLNotAllowed, label(address), "%w", err)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	r.Header.Set("Accept-Encoding", "identity") // so that the transport decompresses nothing: no bombs
	r.Header.Set("User-Agent", "jwtctl")
	response, err := f.client.Do(r)
	if err != nil {
		return fetchResult{}, failed(ctx, address, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		bad := fetchResult{status: response.StatusCode}
		if f.keepBody {
			bad.body, _ = files.ReadAll(response.Body, label(address), keys.MaxFileBytes, fault.KeySetUnavailable)
		}
		return bad, fault.New(fault.KeySetUnavailable, label(address), "answered with status %d, not 200", response.StatusCode)
	}
	if coding := response.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return fetchResult{}, fault.New(fault.KeySetUnavailable, label(address), "the server answered in the encoding %q, which was not requested", quote.Shorten(coding))
	}
	body, err := files.ReadAll(response.Body, label(address), keys.MaxFileBytes, fault.KeySetUnavailable)
	if fault.CodeOf(err) == fault.FileTooLarge {
		return fetchResult{}, fault.New(fault.KeySetUnavailable, label(address), "larger than %d bytes", keys.MaxFileBytes)
	}
	if err != nil {
		return fetchResult{}, failed(ctx, address, err)
	}
	return fetchResult{status: response.StatusCode, body: body, maxAge: maxAge(response.Header)}, nil
}

// failed returns the error for a failed request.
func failed(ctx context.Context, address string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == fault.KeySetURLNotAllowed {
		return f.About(label(address))
	}
	if ctx.Err() != nil {
		return fault.New(fault.KeySetUnavailable, label(address), "no complete answer in time (%w)", ctx.Err())
	}
	var wrapped *url.Error // its text repeats the address
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	text := quote.Cut(quote.Escape(err.Error(), ""), 1024) // a server has a part in it
	failed := fault.New(fault.KeySetUnavailable, label(address), "cannot be fetched: %s", text)
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return failed.WithRemedy(fault.TrustCA)
	}
	return failed.WithHint("%s", failureHint(err))
}

// failureHint returns a hint for a network error, or "".
func failureHint(err error) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.As(err, &name):
		return "the certificate is for another name: use that name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired, or the clock of this machine is wrong"
	case errors.As(err, &record):
		return "the server does not speak TLS on this port"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "check the spelling of the host name"
	}
	return ""
}

// maxAge returns how long Cache-Control permits a response to be cached (RFC 9111 section
// 5.2.2).
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
					continue // ignored; the upper limit still applies
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

// label returns address for use in messages.
func label(address string) string { return quote.URL(address) }
