package jwks

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/http/httpproxy"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// ProxyFrom returns, for Network.Proxy, the proxy that the environment selects by the
// rules of curl: https_proxy, http_proxy or all_proxy, except for hosts in no_proxy; each
// also in upper case. This machine is never reached through a proxy. A variable that is
// not a valid proxy URL is config_invalid at the first request, without the value, which
// may hold a password.
func ProxyFrom(getenv func(name string) (value string, set bool)) func(*http.Request) (*url.URL, error) {
	choose := sync.OnceValues(func() (func(*url.URL) (*url.URL, error), error) {
		return readProxies(getenv)
	})
	return func(r *http.Request) (*url.URL, error) {
		if isLocalhost(r.URL.Hostname()) {
			return nil, nil
		}
		proxy, err := choose()
		if err != nil {
			return nil, err
		}
		return proxy(r.URL)
	}
}

func readProxies(getenv func(string) (string, bool)) (func(*url.URL) (*url.URL, error), error) {
	_, isCGI := getenv("REQUEST_METHOD") // there a client's header "Proxy" becomes HTTP_PROXY
	config := httpproxy.Config{CGI: isCGI}
	for _, v := range []struct {
		name string
		to   *string
	}{{"https_proxy", &config.HTTPSProxy}, {"http_proxy", &config.HTTPProxy}, {"no_proxy", &config.NoProxy}} {
		value, name := lookup(getenv, v.name)
		if value == "" && v.name != "no_proxy" {
			value, name = lookup(getenv, "all_proxy")
		}
		if v.name != "no_proxy" && value != "" && !isProxyURL(value) {
			return nil, fault.New(fault.ConfigInvalid, name, "is not the URL of a proxy").WithHint("use a URL such as http://proxy.example.com:3128")
		}
		*v.to = value
	}
	return config.ProxyFunc(), nil
}

// lookup returns the first of a variable's two spellings that is not empty.
func lookup(getenv func(string) (string, bool), name string) (value, spelling string) {
	for _, spelling := range []string{name, strings.ToUpper(name)} {
		if value, _ := getenv(spelling); value != "" {
			return value, spelling
		}
	}
	return "", name
}

// isProxyURL reports whether value is a proxy URL that net/http supports, or only its
// host and port.
func isProxyURL(value string) bool {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return err == nil && u.Hostname() != "" && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}

// TrustCA returns, for Network.RootCAs, the system's certificates and those in data, PEM
// text from source. It returns key_format_unknown if there are none.
func TrustCA(data []byte, source string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil { // no system certificates
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fault.New(fault.KeyFormatUnknown, source, "contains no CA certificate in PEM").
			WithHint("convert a DER certificate to PEM with openssl x509 -inform DER")
	}
	return pool, nil
}
