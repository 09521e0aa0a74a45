package jwks_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
)

func TestS19_RefusesUnsafeURLs(t *testing.T) {
	strict, lax := jwks.Network{}, jwks.Network{AllowHTTP: true}
	for address, tc := range map[string]struct {
		network jwks.Network
		want    fault.Code
	}{
		"https://example.com/jwks.json":       {strict, ""},
		"https://example.com:8443/?a=b":       {strict, ""},
		"http://localhost:8080/jwks.json":     {strict, ""},
		"http://127.0.0.1/jwks.json":          {strict, ""},
		"http://127.8.9.1/jwks.json":          {strict, ""},
		"http://[::1]:8080/jwks.json":         {strict, ""},
		"http://[::ffff:127.0.0.1]/":          {strict, ""},
		"HTTPS://example.com/":                {strict, ""},
		"http://example.com/jwks.json":        {strict, fault.KeySetURLNotAllowed},
		"http://localhost.example.com/":       {strict, fault.KeySetURLNotAllowed},
		"http://127.0.0.1.example.com/":       {strict, fault.KeySetURLNotAllowed},
		"http://10.0.0.1/":                    {strict, fault.KeySetURLNotAllowed},
		"http://0.0.0.0/":                     {strict, ""}, // servers print this machine like this
		"http://[::]/":                        {strict, ""},
		"http://0.0.0.1/":                     {strict, fault.KeySetURLNotAllowed},
		"http://[::2]/":                       {strict, fault.KeySetURLNotAllowed},
		"http://2130706433/":                  {strict, fault.KeySetURLNotAllowed},
		"http://localhost@example.com/":       {strict, fault.KeySetURLNotAllowed},
		"https://user:secret@example.com/":    {strict, fault.KeySetURLNotAllowed},
		"https:///jwks.json":                  {strict, fault.KeySetURLNotAllowed},
		"https:jwks.json":                     {strict, fault.KeySetURLNotAllowed},
		"file:///etc/passwd":                  {strict, fault.KeySetURLNotAllowed},
		"ftp://example.com/":                  {strict, fault.KeySetURLNotAllowed},
		"//example.com/":                      {strict, fault.KeySetURLNotAllowed},
		"":                                    {strict, fault.KeySetURLNotAllowed},
		"https://exa mple.com/":               {strict, fault.KeySetURLNotAllowed},
		"https://example.com/\x1b[31m":        {strict, fault.KeySetURLNotAllowed},
		"http://example.com/jwks.json#2":      {lax, ""},
		"file:///etc/passwd#2":                {lax, fault.KeySetURLNotAllowed},
		"http://user:secret@example.com/?t=s": {lax, fault.KeySetURLNotAllowed},
	} {
		_, err := jwks.NewRemote(address, jwks.RemoteOptions{Network: tc.network})
		if fault.CodeOf(err) != tc.want {
			t.Errorf("%q: got %v, want %q", address, err, tc.want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "t=s") || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%q: the error reveals too much: %v", address, err)
		}
	}
}

func TestS19_RefusesUnsafeAddresses(t *testing.T) {
	for address, tc := range map[string]struct{ plain, loopback, lax bool }{ // what is allowed
		"127.0.0.1:80":                 {true, true, true},
		"[::1]:80":                     {true, true, true},
		"[::ffff:127.0.0.1]:80":        {true, true, true},
		"93.184.216.34:443":            {true, false, true},
		"10.0.0.1:443":                 {true, false, true}, // a private network
		"[2606:2800:220:1::1]:443":     {true, false, true},
		"169.254.169.254:443":          {false, false, true},
		"169.254.0.1:443":              {false, false, true},
		"[::ffff:169.254.169.254]:443": {false, false, true},
		"[64:ff9b::a9fe:a9fe]:443":     {false, false, true},
		"[fe80::1%lo]:443":             {false, false, true},
		"[febf::1]:443":                {false, false, true},
		"[fd00:ec2::254]:443":          {false, false, true},
		"[ff02::1]:443":                {false, false, true},
		"224.0.0.1:443":                {false, false, true},
		"100.100.100.200:443":          {false, false, true},
		"[::ffff:100.100.100.200]:443": {false, false, true},
		"168.63.129.16:443":            {false, false, true},
		"192.0.0.192:443":              {false, false, true},
		"0.0.0.0:443":                  {false, false, true},
		"[::]:443":                     {false, false, true},
	} {
		for name, c := range map[string]struct {
			network  jwks.Network
			loopback bool
			allowed  bool
		}{
			"https":              {jwks.Network{}, false, tc.plain},
			"http":               {jwks.Network{}, true, tc.loopback},
			"link-local allowed": {jwks.Network{AllowLinkLocal: true}, false, tc.lax},
		} {
			err := jwks.CheckAddress(c.network, c.loopback, address)
			if (err == nil) != c.allowed || err != nil && fault.CodeOf(err) != fault.KeySetURLNotAllowed {
				t.Errorf("%s, %s: got %v", address, name, err)
			}
		}
	}
}

// resolver returns a resolver that queries a DNS server of this test, which responds to
// every address query with ip or, if ip is invalid, with a name error.
func resolver(t *testing.T, ip netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(dnsAnswer(buffer[:n], ip), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsAnswer answers the question of a DNS message (RFC 1035 section 4).
func dnsAnswer(question []byte, ip netip.Addr) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	kind := binary.BigEndian.Uint16(question[end+1:])
	reply := append([]byte{}, question[:end+5]...)
	reply[2], reply[3] = 0x81, 0x80
	copy(reply[6:12], []byte{0, 0, 0, 0, 0, 0})
	switch {
	case !ip.IsValid():
		reply[3] |= 3 // name does not exist
	case kind == 1 && ip.Is4():
		reply[7] = 1
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, ip.AsSlice()...)
	}
	return reply
}

// TestS19_NameOfMetadataAddress: a name that resolves to a metadata address is refused
// when dialled, whatever it resolved to before.
func TestS19_NameOfMetadataAddress(t *testing.T) {
	n := jwks.Network{Resolver: resolver(t, netip.MustParseAddr("169.254.169.254"))}
	set := remote(t, "https://keys.example.com/jwks.json", options(newClock(), n))
	gives(t, set, "", string(fault.KeySetURLNotAllowed)) // dialled, it would be unavailable
}

func TestS21_NoSuchName(t *testing.T) {
	n := jwks.Network{Resolver: resolver(t, netip.Addr{})}
	gives(t, remote(t, "https://keys.example.com/jwks.json", options(newClock(), n)), "", string(fault.KeySetUnavailable))
}

// secure is a server with a certificate that n trusts.
func secure(t *testing.T, h http.Handler) (s *httptest.Server, n jwks.Network) {
	t.Helper()
	s = httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	n.RootCAs = x509.NewCertPool()
	n.RootCAs.AddCert(s.Certificate())
	return s, n
}

func TestS19_RefusesUnsafeRedirects(t *testing.T) {
	good := has(t, newKey(t, keys.ES256, "a"))
	var plainAsked atomic.Int32
	plain := newIssuer(t, func(w http.ResponseWriter, r *http.Request) { plainAsked.Add(1); good(w, r) })
	mux := http.NewServeMux()
	server, n := secure(t, mux)
	mux.HandleFunc("/jwks", good)
	mux.HandleFunc("/hops/{n}", func(w http.ResponseWriter, r *http.Request) {
		left, _ := strconv.Atoi(r.PathValue("n"))
		next := "/jwks"
		if left > 1 {
			next = "/hops/" + strconv.Itoa(left-1)
		}
		http.Redirect(w, r, next, http.StatusFound)
	})
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("u"))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	notAllowed := string(fault.KeySetURLNotAllowed)
	for path, want := range map[string]string{
		"/jwks":   "a",
		"/hops/1": "a",
		"/hops/3": "a",
		"/hops/4": notAllowed,
		"/to?u=" + url.QueryEscape(server.URL+"/jwks"): "a",
		"/loop":                               notAllowed,
		"/to?u=" + url.QueryEscape(plain.URL): notAllowed, // a downgrade, even to this machine
		"/to?u=https://169.254.169.254/latest/meta-data":          notAllowed,
		"/to?u=" + url.QueryEscape("https://[fe80::1]/"):          notAllowed,
		"/to?u=" + url.QueryEscape("https://[::ffff:a9fe:a9fe]/"): notAllowed,
		"/to?u=file:///etc/passwd":                                notAllowed,
		"/to?u=https://user@127.0.0.1/":                           notAllowed,
		"/to?u=":                                                  string(fault.KeySetUnavailable),
	} {
		gives(t, remote(t, server.URL+path, options(newClock(), n)), "", want)
	}
	if plainAsked.Load() != 0 {
		t.Error("a downgrade was followed")
	}
	upgrade := newIssuer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, server.URL+"/jwks", http.StatusFound)
	})
	gives(t, remote(t, upgrade.URL, options(newClock(), n)), "", notAllowed)
}

// TestS19_ProxyOnlyIfGiven: the environment does not select a proxy; a caller can.
func TestS19_ProxyOnlyIfGiven(t *testing.T) {
	proxy := newIssuer(t, has(t, newKey(t, keys.ES256, "through the proxy")))
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	n := jwks.Network{AllowHTTP: true, Resolver: resolver(t, netip.Addr{})}
	gives(t, remote(t, "http://keys.example.com/", options(newClock(), n)), "", string(fault.KeySetUnavailable))
	n.Proxy = http.ProxyURL(through)
	gives(t, remote(t, "http://keys.example.com/", options(newClock(), n)), "", "through the proxy")
}

func TestS21_RefusesUntrustedCertificates(t *testing.T) {
	good := has(t, newKey(t, keys.ES256, "a"))
	server, n := secure(t, good)
	gives(t, remote(t, server.URL, options(newClock(), n)), "", "a")
	gives(t, remote(t, server.URL, options(newClock(), jwks.Network{})), "", string(fault.KeySetUnavailable)) // not trusted

	// httptest's certificate is for example.com and the loopback addresses.
	elsewhere := n
	elsewhere.Resolver = resolver(t, netip.MustParseAddr("127.0.0.1"))
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	gives(t, remote(t, "https://example.com:"+port, options(newClock(), elsewhere)), "", "a")
	gives(t, remote(t, "https://example.org:"+port, options(newClock(), elsewhere)), "", string(fault.KeySetUnavailable))

	for name, tc := range map[string]struct {
		from, until time.Duration
		version     uint16
		want        string
	}{
		"valid":                     {-time.Hour, time.Hour, 0, "a"},
		"expired":                   {-2 * time.Hour, -time.Hour, 0, string(fault.KeySetUnavailable)},
		"certificate not yet valid": {time.Hour, 2 * time.Hour, 0, string(fault.KeySetUnavailable)},
		"old TLS version":           {-time.Hour, time.Hour, tls.VersionTLS11, string(fault.KeySetUnavailable)},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(good)
			server.Config.ErrorLog = quiet()
			certificate, roots := selfSigned(t, time.Now().Add(tc.from), time.Now().Add(tc.until))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: tc.version, MinVersion: tls.VersionTLS10}
			server.StartTLS()
			defer server.Close()
			gives(t, remote(t, server.URL, options(newClock(), jwks.Network{RootCAs: roots})), "", tc.want)
		})
	}
}
