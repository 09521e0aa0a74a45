package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// suite is one set of cases with the programs that it is for.
type suite struct {
	name  string
	quick bool // of the part that make test runs
	run   func(context.Context, *bench) (*result, error)
}

// suites are all of them, in the order of the table.
//
// What connectconformance calls mode server holds a server to its own client;
// mode client holds a client to its own server, which breaks rules on purpose.
func suites() []suite {
	return []suite{
		connectSuite{name: "connect server", quick: true, mode: "server", program: "referenceserver", config: common}.suite(),
		connectSuite{name: "connect client", quick: true, mode: "client", program: "referenceclient", config: common}.suite(),
		connectSuite{name: "connect server, all encodings", mode: "server", program: "referenceserver", config: encodings}.suite(),
		connectSuite{name: "connect client, all encodings", mode: "client", program: "referenceclient", config: encodings}.suite(),
		connectSuite{name: "grpc-go server", quick: true, mode: "server", program: "grpcserver", config: grpcGo}.suite(),
		connectSuite{name: "grpc-go client", quick: true, mode: "client", program: "grpcclient", config: grpcGo}.suite(),
		connectSuite{name: "web: connect", mode: "server", program: "referenceserver", config: webConnect, web: true}.suite(),
		connectSuite{name: "web: grpc-web", quick: true, mode: "server", program: "referenceserver", config: webGRPC, web: true}.suite(),
		connectSuite{name: "connect client, guarded", mode: "client", program: "referenceclient", config: guarded, guarded: true}.suite(),
		connectSuite{name: "grpc-go client, guarded", quick: true, mode: "client", program: "grpcclient", config: grpcGo, guarded: true}.suite(),
		connectSuite{name: "in process: grpc-go server", quick: true, mode: "server", program: "grpcserver", config: grpcGo, inProcess: true}.suite(),
		connectSuite{name: "in process: grpc-go client, guarded", quick: true, mode: "client", program: "grpcclient", config: grpcGo, guarded: true, inProcess: true}.suite(),
		interopSuite{name: "grpc-go interop"}.suite(),
		interopSuite{name: "grpc-go interop, guarded", guarded: true}.suite(),
		interopSuite{name: "in process: grpc-go interop", inProcess: true}.suite(),
		interopSuite{name: "in process: interop, guarded", guarded: true, inProcess: true}.suite(),
		interopSuite{name: "in process: interop's own handlers", inProcess: true, ownHandlers: true}.suite(),
		interopSuite{name: "in process: own handlers, guarded", guarded: true, inProcess: true, ownHandlers: true}.suite(),
	}
}

// common is what both peers and we have; encodings adds those that pass as bytes.
var (
	common    = config{codecs: "PROTO JSON", compressions: "IDENTITY GZIP", tls: true}
	encodings = config{codecs: "PROTO", compressions: "BR ZSTD DEFLATE SNAPPY", tls: true}
	guarded   = config{codecs: "PROTO", compressions: "IDENTITY GZIP", tls: true} // JSON cannot be looked at
	// Of what browsers speak; what the server behind is spoken to in is gRPC.
	webConnect = config{protocols: "CONNECT", versions: "1 2", codecs: "PROTO JSON", compressions: "IDENTITY GZIP", tls: true}
	webGRPC    = config{protocols: "GRPC_WEB", versions: "1 2", codecs: "PROTO JSON", compressions: "IDENTITY GZIP", tls: true}
	grpcGo     = config{codecs: "PROTO", compressions: "IDENTITY GZIP"} // its programs have no TLS
)

// config is what of the suite is run: gRPC over HTTP/2 unless it says otherwise.
type config struct {
	protocols, versions  string
	codecs, compressions string
	tls                  bool
}

// write writes c as connectconformance reads it.
func (c config) write(path string) error {
	list := func(prefix, names string) string {
		return "[" + prefix + strings.Join(strings.Fields(names), ", "+prefix) + "]"
	}
	return os.WriteFile(path, fmt.Appendf(nil, `features:
  versions: %s
  protocols: %s
  codecs: %s
  compressions: %s
  supportsTls: %t
  supportsTlsClientCerts: %t
`, list("HTTP_VERSION_", cmp.Or(c.versions, "2")), list("PROTOCOL_", cmp.Or(c.protocols, "GRPC")), list("CODEC_", c.codecs), list("COMPRESSION_", c.compressions), c.tls, c.tls), 0o600)
}

// bench is what all suites share.
type bench struct {
	options
	self   string // this program
	here   string // folder of this module
	protos string // root of the .proto files of connectconformance
	key    string // private key file of the issuer of all tokens
}

func newBench(ctx context.Context, o options) (*bench, error) {
	b := &bench{options: o, key: filepath.Join(o.work, "issuer.pem")}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if _, err = os.Stat(b.key); err != nil {
		if _, err = output(ctx, o.jwtctl, "keygen", "-q", "-o", b.key); err != nil {
			return nil, err
		}
	}
	if b.here, err = os.Getwd(); err != nil {
		return nil, err
	}
	dir, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "connectrpc.com/conformance")
	b.protos = filepath.Join(strings.TrimSpace(dir), "proto")
	return b, err
}

// guards is the path of one of our own policies.
func (b *bench) guards(name string) string { return filepath.Join(b.here, "policy", name) }

// token returns a token that both policies accept, as bearer and in messages.
func (b *bench) token(ctx context.Context) (string, error) {
	text, err := output(ctx, b.jwtctl, "token", "--plain", "--key", b.key, "--iss", "conformance", "--sub", "suite", "--ttl", "1h")
	return strings.TrimSpace(text), err
}

func (b *bench) program(name string) string { return filepath.Join(b.programs, name) }

// setup returns a proxy's setup for the policy given by the flags, and a folder for it.
func (b *bench) setup(name string, policy ...string) (setup, error) {
	dir, err := os.MkdirTemp(b.work, strings.NewReplacer(" ", "-", ",", "").Replace(name))
	return setup{JWTCTL: b.jwtctl, Policy: append(policy, "--key", b.key), Protos: b.protos, Work: dir}, err
}
