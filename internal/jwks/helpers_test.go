package jwks_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// newKey generates a private key for alg, with id or, if empty, its thumbprint.
func newKey(t testing.TB, alg keys.Algorithm, id string) *keys.Key {
	t.Helper()
	var material any
	var err error
	switch alg {
	case keys.ES256:
		material, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case keys.ES384:
		material, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case keys.ES512:
		material, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case keys.RS256:
		material, err = rsa.GenerateKey(rand.Reader, 2048)
	case keys.EdDSA:
		var private ed25519.PrivateKey
		_, private, err = ed25519.GenerateKey(rand.Reader)
		material = private
	case keys.HS256:
		material = bytes.Repeat([]byte{7}, 32)
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := keys.New(material, keys.Attributes{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// pemOf and jwkOf return the content of a key file.
func pemOf(t testing.TB, k *keys.Key) []byte {
	t.Helper()
	text, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func jwkOf(t testing.TB, k *keys.Key) []byte {
	t.Helper()
	text, err := k.JWK()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func publicOf(t testing.TB, k *keys.Key) *keys.Key {
	t.Helper()
	p, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// setOf returns the JWKS of list.
func setOf(t testing.TB, list ...*keys.Key) []byte {
	t.Helper()
	body, err := keys.PublicSet(list)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// logBook is a log that tests can read.
type logBook struct{ testkit.Buffer }

func (l *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// published is a running server with all its parts.
type published struct {
	*jwks.Server
	publisher *jwks.Publisher
	handler   *jwks.Handler
	log       *logBook
	client    *http.Client
	stop      func() error
}

// publish serves the keys that load returns on a free loopback port.
func publish(t testing.TB, load func(*slog.Logger) jwks.Load, o jwks.HandlerOptions) *published {
	t.Helper()
	p := &published{log: &logBook{}}
	var err error
	if p.publisher, err = jwks.NewPublisher(load(p.log.logger()), p.log.logger(), time.Now); err != nil {
		t.Fatal(err)
	}
	if p.handler, err = jwks.NewHandler(p.publisher, o); err != nil {
		t.Fatal(err)
	}
	serve(t, p)
	return p
}

// serve runs p's handler until the test ends or p.stop is called.
func serve(t testing.TB, p *published) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	server, err := jwks.Listen(ctx, "127.0.0.1:0", p.handler, p.log.logger())
	if err != nil {
		t.Fatal(err)
	}
	p.Server = server
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	p.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	p.client = &http.Client{Transport: transport, Timeout: testkit.Timeout}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := p.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func folder(dir string) func(*slog.Logger) jwks.Load {
	return func(log *slog.Logger) jwks.Load { return (&jwks.Source{Folder: dir, Log: log}).Load }
}

func these(list ...*keys.Key) func(*slog.Logger) jwks.Load {
	return func(*slog.Logger) jwks.Load { return func() ([]*keys.Key, error) { return list, nil } }
}

// url returns the URL of a path on p.
func (p *published) url(path string) string { return "http://" + p.Addr().String() + path }

// get fetches path and returns the response with its body read.
func (p *published) get(t testing.TB, path string) (*http.Response, string) {
	t.Helper()
	answer, err := p.client.Get(p.url(path))
	if err != nil {
		t.Fatal(err)
	}
	return answer, bodyOf(t, answer)
}

func bodyOf(t testing.TB, answer *http.Response) string {
	t.Helper()
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// kids returns the key IDs that p serves now, over HTTP.
func (p *published) kids(t testing.TB) []string {
	t.Helper()
	answer, body := p.get(t, jwks.DefaultPath)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", answer.StatusCode, body)
	}
	loaded, err := keys.ParseSet([]byte(body), keys.Attributes{Source: "served"}, true)
	if err != nil {
		t.Fatal(err)
	}
	return idsOf(loaded.Keys)
}

func idsOf(list []*keys.Key) []string {
	var ids []string
	for _, k := range list {
		ids = append(ids, k.ID())
	}
	return ids
}

// jwkMember returns a member of k's JWK, as JSON.
func jwkMember(t testing.TB, k *keys.Key, name string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(jwkOf(t, k), &members); err != nil {
		t.Fatal(err)
	}
	return string(members[name])
}

// quiet discards its log.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// selfSigned makes a certificate for 127.0.0.1, and a pool that trusts it.
func selfSigned(t *testing.T, from, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    from,
		NotAfter:     until,
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, roots
}
