package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/metrics"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// AuthzOptions are the flags of an authorization server.
type AuthzOptions struct {
	// Policy is read again at run time.
	Policy  policies.Flags
	serving authzFlags
}

// authzFlags are the flags that do not change at run time.
type authzFlags struct {
	sharedFlags
	http, pathHeader string
	bearerOnly       bool
	maxMessage       int
	print            string
}

// Register adds the flags.
func (o *AuthzOptions) Register(fs *pflag.FlagSet) {
	o.Policy.Register(fs)
	fs.Lookup("key").Usage = keyUsage
	s := &o.serving
	s.register(fs)
	fs.Lookup("listen").Usage = "`ADDRESS` to listen on for Envoy, over gRPC: host:port (port 0 for a free one) or unix:PATH"
	fs.Lookup("max-metadata").Usage = "maximum `SIZE` of a call's headers"
	fs.Lookup("pass-health").Usage = "let calls to the service's grpc.health.v1 pass unprotected"
	fs.Lookup("pass-reflection").Usage = "let calls to the service's grpc.reflection pass unprotected"
	fs.Lookup("forward-authorization").Usage = "keep the authorization header even where it was validated"
	fs.Lookup("dev-allow-remote").Usage = "allow --dev to serve other machines"
	fs.StringVar(&s.http, "http", "", "`ADDRESS` to listen on for forward-auth, over HTTP: for nginx, Caddy, Traefik, HAProxy and others")
	fs.StringVar(&s.pathHeader, "path-header", "", "with --http, `NAME` of the header with the path of the call (default: X-Original-URI or X-Forwarded-Uri)")
	fs.BoolVar(&s.bearerOnly, "bearer-only", false, "if the proxy in front does not send messages, check only the bearer token of methods that validate or sign them")
	settings.SizeVar(fs, &s.maxMessage, "max-message", authz.MaxMessageBytes, 1, 1<<30, "maximum `SIZE` of a message after decompression, in either direction")
	settings.ChoiceVar(fs, &s.print, "print", "", "print the configuration of `PROXY` for this policy and exit: "+strings.Join(authz.Proxies(), ", "), authz.Proxies()...)
	settings.FlagOnly(fs, "print")
	settings.Keyed(fs, "authz")
}

// Check refuses flags that are invalid whatever the files contain.
func (o *AuthzOptions) Check(d command.Deps) error {
	s := &o.serving
	sides := []side{s.side("--listen", s.listen)}
	switch {
	case s.http != "":
		sides = append(sides, s.side("--http", s.http))
	case s.pathHeader != "":
		return fault.New(fault.UsageError, "--path-header", "has no effect without --http")
	}
	if s.pathHeader != "" && !enforce.ValidKey(s.pathHeader) {
		return fault.New(fault.UsageError, "--path-header", "is not a valid header name")
	}
	return errors.Join(s.check(), s.checkReach(o.Policy.Dev, sides...), checkRereadable(d, o.Policy))
}

// RunAuthz decides for other proxies until ctx is done.
func RunAuthz(ctx context.Context, d command.Deps, o AuthzOptions) error {
	if err := o.Check(d); err != nil {
		return err
	}
	if o.serving.print != "" {
		return o.printSnippet(ctx, d)
	}
	if o.Policy.Dev {
		d.AlwaysWarn("--dev makes and accepts unsigned tokens, which anyone can forge")
	}
	if o.serving.reportOnly {
		d.AlwaysWarn("--report-only refuses nothing: calls that violate the policy reach the server")
	}
	d.Console = d.Logging(o.serving.log(d, o.Policy.Dev))
	r := &reloader{d: d, name: "authz", sets: input.NewSetCache(), policy: o.Policy, serving: o.serving.sharedFlags, reread: o.rereader(d)}
	first, err := r.start(ctx)
	if err != nil {
		return err
	}
	counts := metrics.New(r.name, r.families()...)
	authority, err := authz.New(enforced(first), o.authority(d, counts))
	if err != nil {
		return err
	}
	enforced(first).WarnUnsigned(ctx, d.Logger())
	r.prepare = func(next *policies.Policy) (func() error, error) {
		return func() error {
			enforced(next).WarnUnsigned(ctx, d.Logger())
			return authority.Swap(enforced(next))
		}, nil
	}
	d.Stay()
	servers, err := o.listen(ctx, d, authority, r.certs)
	if err != nil {
		return err
	}
	background, err := r.background(ctx, counts)
	if err != nil {
		return errors.Join(err, servers.close())
	}
	defer background()
	return servers.run(ctx, d, o.serving, r.inputs())
}

// The default addresses in a snippet.
const (
	snippetListen  = "127.0.0.1:8080"
	snippetAuthz   = "127.0.0.1:9001"
	snippetForward = "127.0.0.1:9002"
	snippetService = "127.0.0.1:9000"
)

// printSnippet prints the configuration of the proxy given with --print. It does not need
// keys.
func (o *AuthzOptions) printSnippet(ctx context.Context, d command.Deps) error {
	set, err := o.Policy.Protos.Load(ctx, d)
	if err != nil {
		return err
	}
	p, err := plan.Compile(policy.Read(set), d.System.Getenv)
	if err != nil {
		return err
	}
	at := authz.Addresses{Listen: snippetListen, Authz: snippetAuthz, Forward: cmp.Or(o.serving.http, snippetForward), Service: snippetService, BearerOnly: o.serving.bearerOnly}
	if !choosesPort(o.serving.listen) {
		at.Authz = o.serving.listen
	}
	text, err := authz.Snippet(o.serving.print, p, at)
	if err != nil {
		return command.AsUsage(err, "--print")
	}
	return d.Print("%s", text)
}

func (o *AuthzOptions) authority(d command.Deps, counts *metrics.Metrics) authz.Options {
	s := o.serving
	return authz.Options{
		BearerOnly: s.bearerOnly, ForwardAuthorization: s.forwardAuthorization, ReportOnly: s.reportOnly,
		Open: enforce.Unguarded(s.passHealth, s.passReflection), CachedTokens: s.cachedTokens,
		MetadataBytes: s.maxMetadata, MessageBytes: s.maxMessage,
		Log: d.Logger(), Now: d.System.Now, Observer: counts,
	}
}

// rereader returns a function that reads the settings again, as at the start.
func (o *AuthzOptions) rereader(d command.Deps) func() (*currentSettings, error) {
	return func() (*currentSettings, error) {
		var now AuthzOptions
		fresh := d
		var err error
		if fresh.Settings, err = d.Settings.Reload(now.Register); err != nil {
			return nil, err
		}
		now.Policy.Keys.Passphrase.ReuseFrom(o.Policy.Keys.Passphrase)
		return &currentSettings{fresh, now.Policy, now.serving != o.serving}, now.Check(fresh)
	}
}

// authzServers are the gRPC server and, if not nil, the HTTP server.
type authzServers struct {
	grpc           *authz.Server
	http           *http.Server
	grpcAt, httpAt net.Listener
}

// listen opens the listeners.
func (o *AuthzOptions) listen(ctx context.Context, d command.Deps, a *authz.Authority, certs *tlsfiles.Certificates) (*authzServers, error) {
	s := &authzServers{grpc: authz.NewServer(a, certs.ToClients())}
	var err error
	if s.grpcAt, err = listenOn(ctx, o.serving.listen); err != nil {
		return nil, withFlag(err, "--listen")
	}
	if o.serving.http == "" {
		return s, nil
	}
	if s.httpAt, err = listenOn(ctx, o.serving.http); err != nil {
		return nil, errors.Join(withFlag(err, "--http"), s.close())
	}
	if config := certs.ToClients(); config != nil {
		s.httpAt = tls.NewListener(s.httpAt, overHTTP(config))
	}
	const each = 10 * time.Second // limits how long a slow client can hold a connection
	s.http = &http.Server{
		Handler: a.Forward(o.serving.pathHeader), ReadTimeout: each, WriteTimeout: each, IdleTimeout: time.Minute,
		MaxHeaderBytes: 2 * o.serving.maxMetadata, ErrorLog: slog.NewLogLogger(d.Logger().Handler(), slog.LevelWarn),
	}
	return s, nil
}

// overHTTP returns config for HTTP/1.1.
func overHTTP(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"}
	current := config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		now, err := current(hello)
		if now != nil {
			now = now.Clone()
			now.NextProtos = []string{"http/1.1"}
		}
		return now, err
	}
	return config
}

func (s *authzServers) close() error {
	err := s.grpcAt.Close()
	if s.httpAt != nil {
		err = errors.Join(err, s.httpAt.Close())
	}
	return err
}

// run serves until ctx is done and the decisions in progress are made.
func (s *authzServers) run(ctx context.Context, d command.Deps, o authzFlags, inputs []string) error {
	services := []service{{func() error { return s.grpc.Serve(s.grpcAt) }, s.grpc.Shutdown}}
	address := s.grpcAt.Addr().String()
	where := address
	if s.http != nil {
		services = append(services, service{s.forward, s.http.Shutdown})
		where += " (gRPC) and " + s.httpAt.Addr().String() + " (HTTP)"
	}
	line := fmt.Sprintf("Started authorization server. Listening on %s. Ctrl+C to exit.\n", where)
	return o.untilDone(ctx, d, func() error { return o.announce(d, line, address, inputs) }, services...)
}

// forward serves HTTP.
func (s *authzServers) forward() error {
	if err := s.http.Serve(s.httpAt); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
