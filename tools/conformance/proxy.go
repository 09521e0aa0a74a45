package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// setup is how a proxy is put in between.
type setup struct {
	// JWTCTL is the program, Policy its flags that name policy and keys.
	JWTCTL string
	Policy []string
	// Protos is the root of the suite's .proto files.
	Protos string
	// Token, unless empty, is the bearer token that calls are given.
	Token string
	// Message, unless empty, is the token that request messages are given.
	Message string
	// PlainUpstream has TLS end at the proxy, for servers that have none.
	PlainUpstream bool
	// Web has clients call the address of --web.
	Web bool
	// Work is a folder for logs, keys and certificates.
	Work string
}

func (s setup) write(path string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func readSetup(path string) (s setup, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// tlsFiles are the PEM texts of both sides of a proxy; empty ones are left out.
type tlsFiles struct {
	cert, key, clientCA                   []byte // for clients
	upstreamCA, upstreamCert, upstreamKey []byte
}

// proxy is a running jwtctl proxy.
type proxy struct {
	cmd  *exec.Cmd
	host string
	port uint32
}

var ready = regexp.MustCompile(`^Started proxy\. Listening on (\S+?)(?: \(gRPC\) and (\S+) \(web\))?, upstream `)

// startProxy starts a proxy in front of upstream and returns once it answers.
func (s setup) startProxy(ctx context.Context, upstream string, t tlsFiles) (*proxy, error) {
	dir, err := os.MkdirTemp(s.Work, "proxy")
	if err != nil {
		return nil, err
	}
	args := append([]string{"proxy", "--listen", "127.0.0.1:0", "--upstream", upstream}, s.Policy...)
	for _, f := range []struct {
		flag string
		text []byte
	}{
		{"--tls-cert", t.cert}, {"--tls-key", t.key}, {"--tls-client-ca", t.clientCA},
		{"--upstream-ca", t.upstreamCA}, {"--upstream-cert", t.upstreamCert}, {"--upstream-key", t.upstreamKey},
	} {
		if len(f.text) == 0 {
			continue
		}
		path := filepath.Join(dir, strings.Trim(f.flag, "-")+".pem")
		if err := os.WriteFile(path, f.text, 0o600); err != nil {
			return nil, err
		}
		args = append(args, f.flag, path)
	}
	if len(t.upstreamCA) > 0 {
		args = append(args, "--upstream-tls")
	}
	if s.Web {
		args = append(args, "--web", "127.0.0.1:0")
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(ctx, s.JWTCTL, args...)
	cmd.Dir, cmd.Stderr = dir, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	p := &proxy{cmd: cmd}
	if p.host, p.port, err = s.address(line); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w; its log is %s", err, log.Name())
	}
	return p, nil
}

// address returns where clients call, from the line that a proxy prints.
func (s setup) address(line string) (string, uint32, error) {
	found := ready.FindStringSubmatch(line)
	if found == nil {
		return "", 0, fmt.Errorf("the proxy did not start: %q", line)
	}
	address := found[1]
	if s.Web {
		address = found[2]
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	return host, uint32(port), err
}

// stop ends the proxy, without waiting for calls that are under way.
func (p *proxy) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// newCertificate returns a certificate that signs itself, for this machine, and
// its key, as PEM.
func newCertificate() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// ended is how a program ended that ctx may have stopped.
func ended(ctx context.Context, err error) error {
	if exit := new(exec.ExitError); ctx.Err() != nil && errors.As(err, &exit) {
		return nil
	}
	return err
}
