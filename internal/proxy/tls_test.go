package proxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// certificate returns a self-signed certificate for localhost, and a pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestS68_TLSOnBothSides: TLS and mTLS work on both sides, and the upstream is verified.
func TestS68_TLSOnBothSides(t *testing.T) {
	t.Parallel()
	server, trusted := certificate(t)
	client, clients := certificate(t)
	_, strangers := certificate(t)
	mutual := &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	r := start(t, setup{upstream: []grpc.ServerOption{grpc.Creds(credentials.NewTLS(mutual))}})
	tests := map[string]struct {
		upstream, client *tls.Config
		want             codes.Code
	}{
		"both sides":                   {&tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, codes.OK},
		"upstream of another CA":       {&tls.Config{RootCAs: strangers, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, codes.Unavailable},
		"upstream with another name":   {&tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "example.com"}, &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, codes.Unavailable},
		"system roots by default":      {&tls.Config{Certificates: []tls.Certificate{client}, ServerName: "localhost"}, &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, codes.Unavailable},
		"no certificate upstream":      {&tls.Config{RootCAs: trusted, ServerName: "localhost"}, &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, codes.Unavailable},
		"plaintext upstream":           {nil, &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, codes.Unavailable},
		"client without a certificate": {&tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{client}, ServerName: "localhost"}, &tls.Config{RootCAs: trusted, ServerName: "localhost"}, codes.Unavailable},
	}
	for name, c := range tests {
		before := r.upstream.calls.Load()
		var config func() *tls.Config
		if c.upstream != nil {
			config = func() *tls.Config { return c.upstream }
		}
		up, err := proxy.Dial(r.upstream.addr, config, proxy.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := proxy.New(r.policy(nil), proxy.Options{Upstream: up, TLS: mutual, Log: discard(), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		l := testkit.Listen(t)
		go func() { _ = p.Serve(l) }()
		conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(c.client)))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.call(context.Background(), conn, "Open", `{}`); status.Code(got.err) != c.want {
			t.Errorf("%s: got %v, want %v", name, got.err, c.want)
		}
		if reached := r.upstream.calls.Load() != before; reached != (c.want == codes.OK) {
			t.Errorf("%s: call reached the upstream: got %v, want %v", name, reached, c.want == codes.OK)
		}
		_ = conn.Close()
		_ = p.Shutdown(context.Background())
		_ = up.Close()
	}
}
