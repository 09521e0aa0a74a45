package gateway

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/spf13/pflag"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/web"
)

// webFlags say where to serve browsers, and from which origins.
type webFlags struct {
	address string
	origins []string
}

func (f *webFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.address, "web", "", "`ADDRESS` to listen on for gRPC-Web, Connect and REST (google.api.http), over HTTP/1.1 and HTTP/2")
	fs.StringArrayVar(&f.origins, "web-origin", nil, "allow pages of `ORIGIN` to call --web from a browser (CORS), such as https://app.example.com; * for all; repeatable (default: none)")
}

func (f *webFlags) equal(other webFlags) bool {
	return f.address == other.address && slices.Equal(f.origins, other.origins)
}

// parsed returns the origins in the spelling of browsers.
func (f *webFlags) parsed() ([]string, error) {
	var list []string
	for _, text := range f.origins {
		origin, err := web.ParseOrigin(text)
		if err != nil {
			return nil, command.AsUsage(err, "--web-origin")
		}
		list = append(list, origin)
	}
	return list, nil
}

func (f *webFlags) check(listen string) error {
	switch {
	case f.address == "" && len(f.origins) > 0:
		return fault.New(fault.UsageError, "--web-origin", "has no effect without --web")
	case f.address == "":
		return nil
	case f.address == listen && !choosesPort(listen):
		return fault.New(fault.UsageError, "--web", "is the same as --listen").WithHint("use a separate port for browsers")
	}
	_, err := f.parsed()
	return errors.Join(checkAddress("--web", f.address), err)
}

// choosesPort reports whether the system chooses the port of address.
func choosesPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port == "0"
}

// webServer serves them; nil if --web is not set.
type webServer struct {
	*web.Server
	listener net.Listener
}

// listenWeb listens for browsers in front of p; it returns nil unless --web is
// set.
func (o *Options) listenWeb(ctx context.Context, d command.Deps, p *proxy.Proxy, certs *tlsfiles.Certificates, services []protoreflect.ServiceDescriptor) (*webServer, error) {
	f := o.web
	if f.address == "" {
		return nil, nil
	}
	origins, err := f.parsed()
	if err != nil {
		return nil, err
	}
	limits := o.serving.limits()
	server, err := web.New(services, web.Options{
		Dial: p.DialInMemory(), TLS: certs.ToClients(), Origins: origins, Log: d.Logger(),
		MessageBytes: uint32(limits.MessageBytes), MetadataBytes: limits.MetadataBytes, Streams: int(limits.Streams),
	})
	if err != nil {
		return nil, err
	}
	listener, err := listenOn(ctx, f.address)
	if err != nil {
		return nil, withFlag(err, "--web")
	}
	return &webServer{server, listener}, nil
}

// prepare returns a function that updates the descriptors for browsers to those of p.
func (b *webServer) prepare(p *policies.Policy) (swap func(), err error) {
	if b == nil {
		return func() {}, nil
	}
	return b.Prepare(p.Set.Services())
}
