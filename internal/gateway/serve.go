package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Run enforces a policy in front of a gRPC server until ctx is done and the calls
// under way have ended.
func Run(ctx context.Context, d command.Deps, o Options) (err error) {
	if err := o.Check(d); err != nil {
		return err
	}
	if o.Policy.Dev {
		d.Danger("--dev makes and accepts unsigned tokens, which anyone can forge")
	}
	if o.serving.reportOnly {
		d.Danger("--report-only refuses nothing: calls that the policy does not allow reach the server")
	}
	if _, set := d.System.Getenv("GOGC"); !set {
		defer proxy.KeepGarbage(spareGarbage(d.System.MemoryLimit()))()
	}
	d.Console = d.Logging(logOf(d, o))
	r := &reloader{d: d, sets: input.NewSetCache(), options: o}
	policy, err := r.start(ctx)
	if err != nil {
		return err
	}
	upstream, err := proxy.Dial(o.serving.upstream, r.certs.toUpstream(), o.serving.limits())
	if err != nil {
		return command.AsUsage(err, "--upstream")
	}
	defer func() { _ = upstream.Close() }()
	metrics := proxy.NewMetrics(r.families()...)
	r.proxy, err = proxy.New(policy, proxy.Options{
		Upstream: upstream, TLS: r.certs.toClients(), Observer: metrics, Log: d.Logger(), Now: d.System.Now,
		ForwardAuthorization: o.serving.forwardAuthorization, CachedTokens: o.serving.cachedTokens,
		ConnectionAge: o.serving.age, ConnectionGrace: o.serving.ageGrace,
		PassHealth: o.serving.passHealth, PassReflection: o.serving.passReflection,
		ReportOnly: o.serving.reportOnly, Limits: o.serving.limits(),
	})
	if err != nil {
		return err
	}
	d.Stay()
	listener, err := listenOn(ctx, o.serving.listen)
	if err != nil {
		return ofFlag(err, "--listen")
	}
	browsers, err := r.listenForBrowsers(ctx, policy.Plan.Set().Services())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	// Until the last call has ended, and no longer.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	if o.serving.metrics != "" {
		server, err := listenForMetrics(ctx, d, o.serving.metrics, metrics)
		if err != nil {
			return errors.Join(ofFlag(err, "--metrics"), listener.Close())
		}
		running.Go(func() { server.serve(background) })
	}
	inputs := r.inputs()
	running.Go(func() { r.watch(background, d.System.Reload(background)) })
	return serveUntilDone(ctx, d, o.serving, r.proxy, listener, browsers, inputs)
}

// serveUntilDone serves by listener, and browsers unless nil, until ctx is done and
// the calls have ended.
func serveUntilDone(ctx context.Context, d command.Deps, o servingFlags, p *proxy.Proxy, listener net.Listener, b *browsers, inputs []string) error {
	ended, serving := make(chan error, 2), 1
	go func() { ended <- p.Serve(listener) }()
	if b != nil {
		serving++
		go func() { ended <- b.Serve(b.listener) }()
	}
	failed := render(d, o, listener.Addr().String(), b.address(), inputs)
	if failed == nil {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		d.Logger().Info("stopping: waiting for open calls", "within", o.drain)
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.drain)
	defer cancel()
	err := errors.Join(failed, b.stop(grace), p.Shutdown(grace))
	for range serving {
		err = errors.Join(err, <-ended)
	}
	if err == nil {
		d.Logger().Info("stopped")
	}
	return err
}

// render says where the proxy is.
func render(d command.Deps, o servingFlags, address, web string, inputs []string) error {
	where := address
	if web != "" {
		where += " (gRPC) and " + web + " (web)"
	}
	_ = d.Print("Started proxy. Listening on %s, upstream %s. Ctrl+C to exit.\n", where, quote.Printable(o.upstream))
	if o.addrFile == "" {
		return nil
	}
	return d.WriteResult(o.addrFile, []byte(address+"\n"), files.Shared, inputs)
}

// logOf returns the log of o's format. With --dev each line says so (S56).
func logOf(d command.Deps, o Options) *slog.Logger {
	log := d.Logger()
	if o.serving.logFormat == "json" {
		log = d.JSONLogger()
	}
	if o.Policy.Dev {
		log = log.With("insecure", true)
	}
	return log
}
