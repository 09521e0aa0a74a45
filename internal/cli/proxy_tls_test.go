package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// authority makes certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, file string) *authority {
	t.Helper()
	a := &authority{t: t, file: file}
	der := a.issue(nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	testkit.File(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

// issue makes a certificate of key for this machine; of a's own key if key is nil.
func (a *authority) issue(key *ecdsa.PrivateKey) []byte {
	a.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent := a.cert
	if key == nil {
		if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			a.t.Fatal(err)
		}
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		key, parent = a.key, template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// pair writes a certificate and its key to name.crt and name.key.
func (a *authority) pair(name string) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	der := a.issue(key)
	testkit.File(a.t, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	testkit.File(a.t, name+".crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// TestS68_ProxyTLS: mTLS works on both sides, and new certificates are used.
func TestS68_ProxyTLS(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	clients, servers, next := newAuthority(t, in("clients.pem")), newAuthority(t, in("servers.pem")), newAuthority(t, in("next.pem"))
	client := clients.pair(in("client"))
	servers.pair(in("proxy"))
	u := startEcho(t, grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{servers.pair(in("upstream"))}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.pool(),
	})))
	args = append(args, "--upstream-tls", "--tls-cert", in("proxy.crt"), "--tls-key", in("proxy.key"), "--tls-client-ca", in("clients.pem"))
	upstream := []string{"--upstream-ca", in("servers.pem"), "--upstream-cert", in("client.crt"), "--upstream-key", in("client.key")}
	r := startProxy(t, dir, u.addr, append(args, upstream...)...)
	speak := func(roots *x509.CertPool, own ...tls.Certificate) codes.Code {
		conn := r.dial(credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: own}))
		defer func() { _ = conn.Close() }()
		return r.call(conn, "S/Who", sign(ofMe))
	}
	if got := speak(servers.pool(), client); got != codes.OK {
		t.Fatalf("got %v, want %v\n%s", got, codes.OK, r.err.String())
	}
	before := u.calls.Load()
	for name, got := range map[string]codes.Code{
		"no certificate": speak(servers.pool()), "certificate of another CA": speak(servers.pool(), next.pair(in("stranger"))),
		"plaintext": r.call(r.conn, "S/Open", ""), "unknown server": speak(next.pool(), client),
	} {
		if got != codes.Unavailable {
			t.Errorf("%s: got %v, want %v", name, got, codes.Unavailable)
		}
	}
	if u.calls.Load() != before {
		t.Error("the upstream was called")
	}
	testkit.File(t, in("proxy.crt"), "broken")
	r.eventuallyLogs("reload failed, keeping the current policy")
	if got := speak(servers.pool(), client); got != codes.OK {
		t.Errorf("old certificate: got %v, want %v", got, codes.OK)
	}
	next.pair(in("proxy"))
	r.eventually("the new certificate", func() bool { return speak(next.pool(), client) == codes.OK })
	testkit.File(t, in("clients.pem"), string(testkit.Must(os.ReadFile(next.file))))
	r.eventually("the new CA of clients", func() bool { return speak(next.pool(), next.pair(in("other"))) == codes.OK })
	if got := speak(next.pool(), client); got != codes.Unavailable {
		t.Errorf("client of the old CA: got %v, want %v", got, codes.Unavailable)
	}
	for name, flags := range map[string][]string{
		"upstream of another CA":     {"--upstream-ca", in("next.pem"), "--upstream-cert", in("client.crt"), "--upstream-key", in("client.key")},
		"upstream with another name": append([]string{"--upstream-server-name", "example.com"}, upstream...),
		"the machine's CAs":          upstream[2:],
		"no certificate":             upstream[:2],
	} {
		sub := t.TempDir()
		other := startProxy(t, sub, u.addr, append([]string{"--proto", in("proto"), "--key", in("key.jwk"), "--upstream-tls"}, flags...)...)
		if got := other.call(other.conn, "S/Open", ""); got != codes.Unavailable {
			t.Errorf("%s: got %v, want %v", name, got, codes.Unavailable)
		}
	}
}

// TestS68_ProxyUpstreamCA: changed CAs of the upstream apply to new connections, and a
// broken file changes nothing.
func TestS68_ProxyUpstreamCA(t *testing.T) {
	t.Parallel()
	dir, sign, args := world(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	first, next := newAuthority(t, in("first.pem")), newAuthority(t, in("next.pem"))
	clients := newAuthority(t, in("clients.pem"))
	clients.pair(in("client"))
	var shown atomic.Pointer[tls.Certificate]
	show := func(a *authority) { pair := a.pair(in("upstream")); shown.Store(&pair) }
	show(first)
	u := startEcho(t, grpc.Creds(credentials.NewTLS(&tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return shown.Load(), nil },
		ClientAuth:     tls.RequireAndVerifyClientCert, ClientCAs: clients.pool(),
	})), grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 20 * time.Millisecond})) // each call may use a new connection
	ca := testkit.File(t, in("ca.pem"), string(testkit.Must(os.ReadFile(first.file))))
	r := startProxy(t, dir, u.addr, append(args, "--upstream-tls", "--upstream-ca", ca, "--upstream-cert", in("client.crt"), "--upstream-key", in("client.key"))...)
	token := sign(ofMe)
	stays := func(want codes.Code) {
		t.Helper()
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
			r.want("S/Who", token, want)
		}
	}
	stays(codes.OK)

	testkit.File(t, ca, "broken")
	r.eventuallyLogs("reload failed, keeping the current policy")
	stays(codes.OK)
	show(next) // not signed by the CA in force
	r.eventuallyIs("S/Who", token, codes.Unavailable)

	testkit.File(t, ca, string(testkit.Must(os.ReadFile(next.file))))
	r.eventuallyIs("S/Who", token, codes.OK)
	stays(codes.OK)
	show(first) // no longer trusted
	r.eventuallyIs("S/Who", token, codes.Unavailable)
	stays(codes.Unavailable)

	// The upstream's trust is separate: a client certificate of another CA.
	show(next)
	r.eventuallyIs("S/Who", token, codes.OK)
	next.pair(in("client"))
	r.eventuallyIs("S/Who", token, codes.Unavailable)
	clients.pair(in("client"))
	r.eventuallyIs("S/Who", token, codes.OK)
}
