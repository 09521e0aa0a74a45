// Package tlsfiles reads the TLS configuration for clients and for an upstream, from
// files that may change at run time.
package tlsfiles

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

// maxPEMBytes limits a file of certificates; bundles of CAs are long.
const maxPEMBytes = 4 << 20

// Flags configure TLS on both sides.
type Flags struct {
	// Cert is the file of the server certificate; "" means plaintext.
	Cert string
	// Upstream is set to use TLS to the upstream.
	Upstream                                              bool
	key, clientCA                                         string
	upstreamCA, upstreamCert, upstreamKey, upstreamServer string
}

// RegisterListening adds the flags for the listening side.
func (f *Flags) RegisterListening(fs *pflag.FlagSet) {
	fs.StringVar(&f.Cert, "tls-cert", "", "PEM `FILE` with the server certificate and any intermediate certificates")
	fs.StringVar(&f.key, "tls-key", "", "PEM `FILE` with the certificate's private key")
	fs.StringVar(&f.clientCA, "tls-client-ca", "", "PEM `FILE` with the CAs of client certificates, which are then required (mTLS)")
	settings.Paths(fs, "tls-cert", "tls-key", "tls-client-ca")
}

// RegisterUpstream adds the flags for the upstream.
func (f *Flags) RegisterUpstream(fs *pflag.FlagSet) {
	fs.BoolVar(&f.Upstream, "upstream-tls", false, "use TLS to the upstream, and verify the upstream's certificate")
	fs.StringVar(&f.upstreamCA, "upstream-ca", "", "PEM `FILE` with the CAs to trust for the upstream's certificate (default: the system's)")
	fs.StringVar(&f.upstreamCert, "upstream-cert", "", "PEM `FILE` with the client certificate for the upstream (mTLS)")
	fs.StringVar(&f.upstreamKey, "upstream-key", "", "PEM `FILE` with the certificate's private key")
	fs.StringVar(&f.upstreamServer, "upstream-server-name", "", "`NAME` required in the upstream's certificate (default: the host of --upstream)")
	settings.Paths(fs, "upstream-ca", "upstream-cert", "upstream-key")
}

// Check refuses flags that have no effect without another.
func (f Flags) Check() error {
	needs := func(flag, value, other string, there bool) error {
		if value == "" || there {
			return nil
		}
		return fault.New(fault.UsageError, flag, "has no effect without %s", other)
	}
	return errors.Join(
		needs("--tls-cert", f.Cert, "--tls-key", f.key != ""),
		needs("--tls-key", f.key, "--tls-cert", f.Cert != ""),
		needs("--tls-client-ca", f.clientCA, "--tls-cert and --tls-key", f.Cert != "" && f.key != ""),
		needs("--upstream-ca", f.upstreamCA, "--upstream-tls", f.Upstream),
		needs("--upstream-cert", f.upstreamCert, "--upstream-tls and --upstream-key", f.Upstream && f.upstreamKey != ""),
		needs("--upstream-key", f.upstreamKey, "--upstream-tls and --upstream-cert", f.Upstream && f.upstreamCert != ""),
		needs("--upstream-server-name", f.upstreamServer, "--upstream-tls", f.Upstream),
	)
}

// Files returns the files to watch for changes.
func (f Flags) Files() []string {
	return []string{f.Cert, f.key, f.clientCA, f.upstreamCA, f.upstreamCert, f.upstreamKey}
}

// Certificates holds the configuration in force on both sides.
type Certificates struct {
	flags   Flags
	current atomic.Pointer[Set]
}

// Set is the content of the files at one time.
type Set struct {
	clients, upstream *tls.Config // nil for plaintext
}

// Load reads all files.
func (f Flags) Load(now func() time.Time) (*Certificates, error) {
	c := &Certificates{flags: f}
	set, err := f.Read(now)
	if err != nil {
		return nil, err
	}
	c.current.Store(set)
	return c, nil
}

// Read reads the files again.
func (f Flags) Read(now func() time.Time) (*Set, error) {
	set := &Set{}
	if f.Cert != "" {
		pair, err := readPair(f.Cert, f.key)
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
		// A resumed session would outlive a removed client CA.
		set.clients.SessionTicketsDisabled = true
	}
	var err error
	set.upstream, err = f.readUpstream(now)
	return set, err
}

// readUpstream returns the configuration for the upstream, nil for plaintext.
func (f Flags) readUpstream(now func() time.Time) (config *tls.Config, err error) {
	if !f.Upstream {
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
		// Sent whatever CAs the upstream lists: it decides.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	}
	return config, nil
}

// Use puts the result of Read in force.
func (c *Certificates) Use(set *Set) { c.current.Store(set) }

// ToClients returns the configuration for clients, which always uses the certificates in
// force; nil for plaintext.
func (c *Certificates) ToClients() *tls.Config {
	now := c.current.Load().clients
	if now == nil {
		return nil
	}
	config := now.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load().clients, nil }
	return config
}

// ToUpstream is ToClients for the upstream. Changes apply to new connections.
func (c *Certificates) ToUpstream() func() *tls.Config {
	if !c.flags.Upstream {
		return nil
	}
	return func() *tls.Config { return c.current.Load().upstream }
}

// readPair reads a certificate and its key. Errors of crypto/tls do not quote the key.
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
		f := fault.New(fault.KeyInvalid, cert, "cannot be used with %s: %w", key, err)
		if bytes.Contains(certPEM, []byte("PRIVATE KEY-----")) && bytes.Contains(keyPEM, []byte("BEGIN CERTIFICATE-----")) {
			f = fault.New(fault.KeyInvalid, cert, "is a private key, but %s is the certificate", key).WithHint("swap the two files")
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
		return nil, fault.New(fault.KeyFormatUnknown, path, "contains no PEM certificate")
	}
	return pool, nil
}
