package gateway

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// maxPEMBytes bounds a file of certificates; bundles of CAs are long.
const maxPEMBytes = 4 << 20

// tlsFlags say how TLS is spoken on both sides.
type tlsFlags struct {
	cert, key, clientCA                                   string
	upstream                                              bool
	upstreamCA, upstreamCert, upstreamKey, upstreamServer string
}

func (f *tlsFlags) Register(fs *pflag.FlagSet) {
	fs.StringVar(&f.cert, "tls-cert", "", "PEM `FILE` of the certificate, and of those between it and its CA, to show to clients")
	fs.StringVar(&f.key, "tls-key", "", "PEM `FILE` of its private key")
	fs.StringVar(&f.clientCA, "tls-client-ca", "", "PEM `FILE` of the CAs, one of which must have signed a client's certificate (mTLS)")
	fs.BoolVar(&f.upstream, "upstream-tls", false, "speak TLS to the upstream, and verify its certificate")
	fs.StringVar(&f.upstreamCA, "upstream-ca", "", "PEM `FILE` of the CAs to verify it by (default: those of the machine)")
	fs.StringVar(&f.upstreamCert, "upstream-cert", "", "PEM `FILE` of the certificate to show to the upstream (mTLS)")
	fs.StringVar(&f.upstreamKey, "upstream-key", "", "PEM `FILE` of its private key")
	fs.StringVar(&f.upstreamServer, "upstream-server-name", "", "`NAME` that the upstream's certificate must have (default: the host of --upstream)")
	settings.Paths(fs, "tls-cert", "tls-key", "tls-client-ca", "upstream-ca", "upstream-cert", "upstream-key")
}

// check refuses flags that say nothing without another.
func (f tlsFlags) check() error {
	needs := func(flag, value, other string, there bool) error {
		if value == "" || there {
			return nil
		}
		return fault.New(fault.UsageError, flag, "has no effect without %s", other)
	}
	return errors.Join(
		needs("--tls-cert", f.cert, "--tls-key", f.key != ""),
		needs("--tls-key", f.key, "--tls-cert", f.cert != ""),
		needs("--tls-client-ca", f.clientCA, "--tls-cert and --tls-key", f.cert != "" && f.key != ""),
		needs("--upstream-ca", f.upstreamCA, "--upstream-tls", f.upstream),
		needs("--upstream-cert", f.upstreamCert, "--upstream-tls and --upstream-key", f.upstream && f.upstreamKey != ""),
		needs("--upstream-key", f.upstreamKey, "--upstream-tls and --upstream-cert", f.upstream && f.upstreamCert != ""),
		needs("--upstream-server-name", f.upstreamServer, "--upstream-tls", f.upstream),
	)
}

// files returns those that are read again and again.
func (f tlsFlags) files() []string {
	return []string{f.cert, f.key, f.clientCA, f.upstreamCA, f.upstreamCert, f.upstreamKey}
}

// certificates are those in force on both sides.
type certificates struct {
	flags   tlsFlags
	current atomic.Pointer[certificateSet]
}

// certificateSet is what the files hold at one time.
type certificateSet struct {
	clients, upstream *tls.Config // how each side is spoken to, nil for plaintext
}

// load reads all files.
func (f tlsFlags) load(now func() time.Time) (*certificates, error) {
	c := &certificates{flags: f}
	set, err := f.read(now)
	if err != nil {
		return nil, err
	}
	c.current.Store(set)
	return c, nil
}

// read returns what the files hold now.
func (f tlsFlags) read(now func() time.Time) (*certificateSet, error) {
	set := &certificateSet{}
	if f.cert != "" {
		pair, err := readPair(f.cert, f.key)
		if err != nil {
			return nil, err
		}
		set.clients = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*pair}, NextProtos: []string{"h2"}, Time: now}
	}
	if f.clientCA != "" {
		pool, err := readCAs(f.clientCA)
		if err != nil {
			return nil, err
		}
		set.clients.ClientCAs, set.clients.ClientAuth = pool, tls.RequireAndVerifyClientCert
		// A resumed session would outlive the CA that it was admitted by.
		set.clients.SessionTicketsDisabled = true
	}
	var err error
	set.upstream, err = f.readUpstream(now)
	return set, err
}

// readUpstream returns how the upstream is spoken to, nil for plaintext.
func (f tlsFlags) readUpstream(now func() time.Time) (config *tls.Config, err error) {
	if !f.upstream {
		return nil, nil
	}
	config = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.upstreamServer, Time: now}
	if f.upstreamCA != "" {
		if config.RootCAs, err = readCAs(f.upstreamCA); err != nil {
			return nil, err
		}
	}
	if f.upstreamCert != "" {
		pair, err := readPair(f.upstreamCert, f.upstreamKey)
		if err != nil {
			return nil, err
		}
		// Shown whatever CAs the upstream says it wants: it decides.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	}
	return config, nil
}

// toClients returns how clients are spoken to, by the certificates of each time;
// nil for plaintext.
func (c *certificates) toClients() *tls.Config {
	now := c.current.Load().clients
	if now == nil {
		return nil
	}
	config := now.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load().clients, nil }
	return config
}

// toUpstream is toClients for the other side. What changes holds for connections
// that are made from then on.
func (c *certificates) toUpstream() func() *tls.Config {
	if !c.flags.upstream {
		return nil
	}
	return func() *tls.Config { return c.current.Load().upstream }
}

// readPair reads a certificate and its key. What crypto/tls says about them quotes
// nothing of the key.
func readPair(cert, key string) (*tls.Certificate, error) {
	certPEM, err := files.Read(cert, maxPEMBytes, fault.KeyUnreadable)
	if err != nil {
		return nil, err
	}
	keyPEM, err := files.Read(key, maxPEMBytes, fault.KeyUnreadable)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		f := fault.New(fault.KeyInvalid, cert, "with %s: %w", key, err)
		if bytes.Contains(certPEM, []byte("PRIVATE KEY-----")) && bytes.Contains(keyPEM, []byte("BEGIN CERTIFICATE-----")) {
			f = fault.New(fault.KeyInvalid, cert, "is a private key, and %s the certificate", key).WithHint("swap them: --tls-cert FILE --tls-key FILE")
		}
		return nil, f
	}
	return &pair, nil
}

func readCAs(path string) (*x509.CertPool, error) {
	data, err := files.Read(path, maxPEMBytes, fault.KeyUnreadable)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fault.New(fault.KeyFormatUnknown, path, "holds no certificate in PEM")
	}
	return pool, nil
}
