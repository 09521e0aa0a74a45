package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// serveBehindProxy is a server to connectconformance: it starts the one of
// command, a proxy in front of it, and answers with the proxy's address.
func serveBehindProxy(ctx context.Context, s setup, command []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	types, err := readCompat(ctx, s.Protos)
	if err != nil {
		return err
	}
	request := types.message("ServerCompatRequest")
	if err := request.read(os.Stdin); err != nil {
		return err
	}
	var files tlsFiles
	useTLS := request.bool("use_tls")
	if useTLS {
		creds := request.sub("server_creds")
		files = tlsFiles{cert: creds.bytes("cert"), key: creds.bytes("key"), clientCA: request.bytes("client_tls_cert")}
	}
	// The proxy has none of the client's certificates to show to the server.
	request.clear("client_tls_cert")
	if s.PlainUpstream {
		request.clear("use_tls")
		request.clear("server_creds")
	}
	if s.Web { // what the proxy speaks to its server is gRPC whatever the client speaks
		speakGRPC(request)
	}

	server, in, out, err := start(ctx, command)
	if err != nil {
		return err
	}
	defer func() { cancel(); _ = server.Wait() }()
	if err := errors.Join(request.write(in), in.Close()); err != nil {
		return err
	}
	response := types.message("ServerCompatResponse")
	if err := response.read(out); err != nil {
		return fmt.Errorf("%s gave no address: %w", command[0], err)
	}
	files.upstreamCA = response.bytes("pem_cert")
	p, err := s.startProxy(ctx, upstreamOf(response), files)
	if err != nil {
		return err
	}
	defer p.stop()
	response.set("host", p.host)
	response.set("port", p.port)
	response.set("pem_cert", files.cert)
	if err := response.write(os.Stdout); err != nil {
		return err
	}
	return ended(ctx, server.Wait())
}

// speakGRPC has the server of request speak gRPC, whatever the client speaks.
func speakGRPC(request message) {
	for _, f := range []struct{ field, value string }{{"protocol", "PROTOCOL_GRPC"}, {"http_version", "HTTP_VERSION_2"}} {
		d := request.field(f.field)
		request.Set(d, valueOfEnum(d, f.value))
	}
}

func upstreamOf(m message) string {
	host := m.text("host")
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.FormatUint(uint64(m.number("port")), 10))
}

// start starts a program with pipes for its stdin and stdout; ctx ends it.
func start(ctx context.Context, command []string) (*exec.Cmd, io.WriteCloser, io.Reader, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	return cmd, in, out, cmd.Start()
}

// callThroughProxy is a client to connectconformance: it hands each case on to
// the one of command, with the address of a proxy in place of the server's.
func callThroughProxy(ctx context.Context, s setup, command []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	types, err := readCompat(ctx, s.Protos)
	if err != nil {
		return err
	}
	client, in, out, err := start(ctx, command)
	if err != nil {
		return err
	}
	d := &diversion{setup: s, types: types, proxies: map[string]*proxy{}}
	defer d.stop()
	if d.cert, d.key, err = newCertificate(); err != nil {
		return err
	}
	answered := make(chan error, 1)
	go func() { answered <- d.answers(os.Stdout, out) }()
	if err := errors.Join(d.requests(ctx, in, os.Stdin), in.Close()); err != nil {
		cancel()
		return errors.Join(err, client.Wait())
	}
	return errors.Join(<-answered, ended(ctx, client.Wait()))
}

// diversion sends the cases of a client through proxies.
type diversion struct {
	setup
	types     compat
	cert, key []byte            // of the proxies
	proxies   map[string]*proxy // by what of the server they depend on
}

func (d *diversion) stop() {
	for _, p := range d.proxies {
		p.stop()
	}
}

// requests hands cases on, one after the other.
func (d *diversion) requests(ctx context.Context, to io.Writer, from io.Reader) error {
	for {
		m := d.types.message("ClientCompatRequest")
		switch err := m.read(from); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := d.divert(ctx, m); err != nil {
			return err
		}
		if err := m.write(to); err != nil {
			return err
		}
	}
}

// divert puts a proxy's address into the case m, and the tokens that its policy
// needs.
func (d *diversion) divert(ctx context.Context, m message) error {
	files := tlsFiles{upstreamCA: m.bytes("server_tls_cert")}
	if len(files.upstreamCA) > 0 {
		files.cert, files.key = d.cert, d.key
		if m.Has(m.field("client_tls_creds")) {
			creds := m.sub("client_tls_creds")
			files.upstreamCert, files.upstreamKey, files.clientCA = creds.bytes("cert"), creds.bytes("key"), creds.bytes("cert")
		}
		m.set("server_tls_cert", d.cert)
	}
	id := fmt.Sprintf("%s %s %s", upstreamOf(m), files.upstreamCA, files.upstreamCert)
	p := d.proxies[id]
	if p == nil {
		var err error
		if p, err = d.startProxy(ctx, upstreamOf(m), files); err != nil {
			return err
		}
		d.proxies[id] = p
	}
	m.set("host", p.host)
	m.set("port", p.port)
	d.addTokens(m)
	return nil
}
