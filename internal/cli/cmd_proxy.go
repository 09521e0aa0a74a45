package cli

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const proxyText = `Enforce the JWT annotations in front of a gRPC server: refuse calls whose bearer
token or messages do not pass, tell the server by metadata who calls, and sign
responses. Verdicts are those of jwtctl verify; all else passes unchanged.

Methods that no descriptor has are refused. Messages of methods without
annotations pass as bytes. authorization is not sent on where it was validated,
and _kalix-jwt-claim-* metadata of clients never is.

Keys, descriptors, certificates, CAs and jwtctl.yaml are read again when they
change, and at SIGHUP. A broken version, or one without any service, is refused,
and the policy in force stays; a weaker one is logged, change by change, and
refused with --refuse-weaker. Settings under proxy: in jwtctl.yaml are read at
startup only. The first line on stdout is printed when calls are answered; logs
go to stderr. SIGTERM lets calls under way end.

--report-only is for putting a policy in front of live traffic: everything is
decided, claims are sent and responses signed, and no call is refused.`

const proxyExample = `  jwtctl proxy --upstream 127.0.0.1:9000 --listen 127.0.0.1:8080 --proto "proto/**/*.proto"
  jwtctl proxy --upstream shop:9000 --upstream-tls --listen :8443 --tls-cert tls.crt --tls-key tls.key \
    --descriptor-set api.binpb --jwks https://example.com/jwks.json --metrics :9090`

// proxyOptions are what the flags say.
type proxyOptions struct {
	policy  messageFlags
	serving servingFlags
}

// servingFlags are those that count from start to end.
type servingFlags struct {
	listen, upstream, metrics  string
	tls                        tlsFlags
	allowPlaintext, devRemote  bool
	forwardAuthorization       bool
	passHealth, passReflection bool
	refuseWeaker, reportOnly   bool
	cachedTokens, maxStreams   int
	maxMessage, maxMetadata    int
	drain, every               time.Duration
	age, ageGrace              time.Duration
	logFormat, addrFile        string
}

func (a *app) proxyCommand() *cobra.Command {
	var o proxyOptions
	cmd := &cobra.Command{
		Use:     "proxy --upstream ADDRESS",
		Short:   "Enforce annotations in front of a gRPC server",
		Long:    proxyText,
		Example: proxyExample,
		Args:    command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runProxy(cmd.Context(), o)
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *proxyOptions) register(fs *pflag.FlagSet) {
	o.policy.registerPolicy(fs)
	fs.Lookup("key").Usage = "key `FILE`: PEM, JWK or JWKS; env:NAME takes it from a variable; repeatable (default " + defaultKeyFile + ")"
	fs.BoolVar(&o.policy.refuseUnknown, "refuse-unknown-fields", false, "refuse messages that are validated or signed if they have a field that their type does not declare")
	o.serving.register(fs)
	settings.Keyed(fs, "proxy")
}

func (o *servingFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&o.listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 is a free one")
	fs.StringVar(&o.upstream, "upstream", "", "`ADDRESS` of the gRPC server, as host:port or a name of gRPC such as unix:///run/shop.sock")
	fs.StringVar(&o.metrics, "metrics", "", "`ADDRESS` to serve Prometheus metrics on, over HTTP under "+metricsPath+", and "+alivePath+" and "+readyPath+" for probes")
	o.tls.register(fs)
	fs.BoolVar(&o.allowPlaintext, "allow-plaintext", false, "speak without TLS to other machines too")
	fs.BoolVar(&o.devRemote, "dev-allow-remote", false, "let --dev serve, or stand before, other machines")
	fs.BoolVar(&o.forwardAuthorization, "forward-authorization", false, "send authorization upstream where it was validated, too")
	fs.BoolVar(&o.passHealth, "pass-health", false, "let calls of the upstream's grpc.health.v1 through unguarded, instead of answering them")
	fs.BoolVar(&o.passReflection, "pass-reflection", false, "let calls of the upstream's grpc.reflection through unguarded")
	fs.BoolVar(&o.refuseWeaker, "refuse-weaker", false, "refuse to reload a policy that lets more through than the one in force, as by jwtctl diff")
	fs.BoolVar(&o.reportOnly, "report-only", false, "refuse no call: log and count those that would be refused")
	fs.IntVar(&o.cachedTokens, "cache-tokens", 10000, "`N` bearer tokens to remember with their verdict; 0 for none")
	sizeVar(fs, &o.maxMessage, "max-message", proxy.MaxMessageBytes, 1, 1<<30, "largest message, as `SIZE` after decompression, in either direction")
	sizeVar(fs, &o.maxMetadata, "max-metadata", proxy.MaxMetadataBytes, 1<<10, 16<<20, "most metadata of a call, as `SIZE` in either direction")
	fs.IntVar(&o.maxStreams, "max-streams", proxy.MaxStreams, "`N` calls at once that a connection of a client may have")
	fs.DurationVar(&o.drain, "drain-timeout", 30*time.Second, "how long calls under way may take to end")
	fs.DurationVar(&o.age, "max-connection-age", 10*time.Minute, "age, give or take a tenth, at which clients are asked to connect anew, so that replicas share the load; 0 for never")
	fs.DurationVar(&o.ageGrace, "max-connection-age-grace", 0, "how long calls of such a connection may go on; 0 for as long as they take")
	fs.DurationVar(&o.every, "reload-interval", 2*time.Second, "how often to look for changed files")
	settings.ChoiceVar(fs, &o.logFormat, "log-format", "text", "of the log on stderr: text or json", "text", "json")
	fs.StringVar(&o.addrFile, "addr-file", "", "`FILE` to write the address listened on to, once it answers")
	settings.Paths(fs, "addr-file")
	settings.FlagOnly(fs, "allow-plaintext", "dev-allow-remote", "report-only")
}

// check refuses what can be seen to be wrong without reading a file.
func (o *proxyOptions) check(a *app) error {
	s := &o.serving
	switch {
	case s.upstream == "":
		return fault.New(fault.UsageError, "--upstream", "is needed").WithHint("--upstream 127.0.0.1:9000 names the gRPC server to stand before")
	case s.cachedTokens < 0:
		return fault.New(fault.UsageError, "--cache-tokens", "%d is less than 0", s.cachedTokens)
	case s.maxStreams < 1 || s.maxStreams > math.MaxInt32:
		return fault.New(fault.UsageError, "--max-streams", "must be from 1 to %d", math.MaxInt32)
	case s.drain < 0:
		return fault.New(fault.UsageError, "--drain-timeout", "%s is less than 0", s.drain)
	case s.age < 0:
		return fault.New(fault.UsageError, "--max-connection-age", "%s is less than 0", s.age)
	case s.ageGrace < 0:
		return fault.New(fault.UsageError, "--max-connection-age-grace", "%s is less than 0", s.ageGrace)
	case s.every <= 0:
		return fault.New(fault.UsageError, "--reload-interval", "%s is no interval", s.every)
	case s.listen == s.upstream:
		return fault.New(fault.UsageError, "--upstream", "%s is what --listen says, too: the proxy would stand before itself", quote.Printable(s.upstream))
	case s.metrics != "":
		if err := checkAddress("--metrics", s.metrics); err != nil {
			return err
		}
	}
	return errors.Join(s.tls.check(), s.checkReach(o.policy.dev), o.policy.checkRereadable(a))
}

// checkReach refuses what must not leave this machine: plaintext (S68) and the
// development key (S56).
func (o *servingFlags) checkReach(dev bool) error {
	for _, side := range []struct {
		flag, address, secure string
		local, encrypted      bool
	}{
		{"--listen", o.listen, "--tls-cert and --tls-key", isLocal(o.listen), o.tls.cert != ""},
		{"--upstream", o.upstream, "--upstream-tls", isLocalTarget(o.upstream), o.tls.upstream},
	} {
		if err := checkAddress(side.flag, side.address); err != nil {
			return err
		}
		switch {
		case side.local:
		case dev && !o.devRemote:
			return fault.New(fault.UsageError, side.flag, "%s is not on this machine alone, and --dev believes tokens that anybody can make", quote.Printable(side.address)).
				WithHint("--dev-allow-remote takes the risk")
		case !side.encrypted && !o.allowPlaintext:
			return fault.New(fault.UsageError, side.flag, "%s is not on this machine alone, and tokens would go there in plaintext", quote.Printable(side.address)).
				WithHint("%s, or --allow-plaintext where the network is safe", side.secure)
		}
	}
	return nil
}

// isLocal says whether address, "host:port", is this machine alone by its
// spelling.
func isLocal(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip, notIP := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || notIP == nil && ip.Unmap().IsLoopback())
}

// isLocalTarget is isLocal for a name as grpc-go takes it.
func isLocalTarget(target string) bool {
	return strings.HasPrefix(target, "unix:/") || isLocal(strings.TrimPrefix(strings.TrimPrefix(target, "dns:///"), "passthrough:///"))
}

func (a *app) runProxy(ctx context.Context, o proxyOptions) (err error) {
	if err := o.check(a); err != nil {
		return err
	}
	if o.policy.dev {
		a.Danger("--dev makes and accepts unsigned tokens: anybody can make one")
	}
	if o.serving.reportOnly {
		a.Danger("--report-only refuses nothing: calls that the policy does not allow reach the server")
	}
	if _, set := a.System.Getenv("GOGC"); !set {
		defer proxy.KeepGarbage(spareGarbage(a.System.MemoryLimit()))()
	}
	a.Console, a.live = a.Logging(a.proxyLog(o)), newLive()
	r := &reloader{app: a, options: o}
	policy, err := r.start(ctx)
	if err != nil {
		return err
	}
	upstream, err := proxy.Dial(o.serving.upstream, r.certs.toUpstream(), o.serving.limits())
	if err != nil {
		return asUsage(err, "--upstream")
	}
	defer func() { _ = upstream.Close() }()
	metrics := proxy.NewMetrics(r.families()...)
	r.proxy, err = proxy.New(policy, proxy.Options{
		Upstream: upstream, TLS: r.certs.toClients(), Observer: metrics, Log: a.Logger(), Now: a.System.Now,
		ForwardAuthorization: o.serving.forwardAuthorization, CachedTokens: o.serving.cachedTokens,
		ConnectionAge: o.serving.age, ConnectionGrace: o.serving.ageGrace,
		PassHealth: o.serving.passHealth, PassReflection: o.serving.passReflection,
		ReportOnly: o.serving.reportOnly, Limits: o.serving.limits(),
	})
	if err != nil {
		return err
	}
	a.Stay()
	listener, err := listenOn(ctx, o.serving.listen)
	if err != nil {
		return ofFlag(err, "--listen")
	}
	// Until the last call has ended, and no longer.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	if o.serving.metrics != "" {
		server, err := a.listenForMetrics(ctx, o.serving.metrics, metrics)
		if err != nil {
			return errors.Join(ofFlag(err, "--metrics"), listener.Close())
		}
		running.Go(func() { server.serve(background) })
	}
	inputs := r.inputs()
	running.Go(func() { r.watch(background, a.System.Reload(background)) })
	return a.serveProxy(ctx, o.serving, r.proxy, listener, inputs)
}

// serveProxy serves by listener until ctx is done and the calls have ended.
func (a *app) serveProxy(ctx context.Context, o servingFlags, p *proxy.Proxy, listener net.Listener, inputs []string) error {
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(listener) }()
	failed := a.renderProxy(o, listener.Addr().String(), inputs)
	if failed == nil {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		a.Logger().Info("stopping: calls under way may end", "within", o.drain)
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.drain)
	defer cancel()
	err := errors.Join(failed, p.Shutdown(grace), <-ended)
	if err == nil {
		a.Logger().Info("stopped")
	}
	return err
}

// renderProxy says where the proxy is.
func (a *app) renderProxy(o servingFlags, address string, inputs []string) error {
	_ = a.Print("Started proxy. Listening on %s, upstream %s. Ctrl+C to exit.\n", address, quote.Printable(o.upstream))
	if o.addrFile == "" {
		return nil
	}
	return a.WriteResult(o.addrFile, []byte(address+"\n"), files.Shared, inputs)
}

// proxyLog returns the log of o's format. With --dev each line says so (S56).
func (a *app) proxyLog(o proxyOptions) *slog.Logger {
	log := a.Logger()
	if o.serving.logFormat == "json" {
		log = a.JSONLogger()
	}
	if o.policy.dev {
		log = log.With("insecure", true)
	}
	return log
}

// listenOn listens on address; listen_failed where it cannot be had.
func listenOn(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) { // whose text repeats the address
			err = op.Err
		}
		return nil, fault.New(fault.ListenFailed, quote.Printable(address), "%w", err)
	}
	return l, nil
}
