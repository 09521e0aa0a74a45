package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
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
	d.Console = d.Logging(o.serving.log(d, o.Policy.Dev))
	r := &reloader{d: d, name: "proxy", sets: input.NewSetCache(), policy: o.Policy, serving: o.serving.sharedFlags, again: o.again(d)}
	policy, err := r.start(ctx)
	if err != nil {
		return err
	}
	upstream, err := proxy.Dial(o.serving.upstream, r.certs.ToUpstream(), o.serving.limits())
	if err != nil {
		return command.AsUsage(err, "--upstream")
	}
	defer func() { _ = upstream.Close() }()
	var p *proxy.Proxy
	metrics := proxy.NewMetrics("proxy", append(r.families(), number("jwtctl_proxy_refusals_held", "Refusals currently being delayed.", func() float64 { return float64(p.Held()) }))...)
	if p, err = proxy.New(enforced(policy), o.proxyOptions(d, upstream, r.certs, metrics)); err != nil {
		return err
	}
	d.Stay()
	listener, err := listenOn(ctx, o.serving.listen)
	if err != nil {
		return ofFlag(err, "--listen")
	}
	browsers, err := o.listenForBrowsers(ctx, d, p, r.certs, policy.Plan.Set().Services())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	r.prepare = func(next *input.Policy) (func() error, error) {
		follow, err := browsers.prepare(next)
		return func() error {
			if err := p.Swap(enforced(next)); err != nil {
				return err
			}
			follow()
			return nil
		}, err
	}
	// Until the last call has ended, and no longer.
	background, err := r.background(ctx, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer background()
	return serveUntilDone(ctx, d, o.serving, p, listener, browsers, r.inputs())
}

// proxyOptions are those of a proxy in front of upstream.
func (o *Options) proxyOptions(d command.Deps, upstream *proxy.Upstream, certs *tlsfiles.Certificates, metrics *proxy.Metrics) proxy.Options {
	s := o.serving
	return proxy.Options{
		Upstream: upstream, TLS: certs.ToClients(), Observer: metrics, Log: d.Logger(), Now: d.System.Now,
		ForwardAuthorization: s.forwardAuthorization, CachedTokens: s.cachedTokens,
		ConnectionAge: s.age, ConnectionGrace: s.ageGrace,
		PassHealth: s.passHealth, PassReflection: s.passReflection,
		ReportOnly: s.reportOnly, Limits: s.limits(),
	}
}

// again returns what reads the settings as at the start.
func (o *Options) again(d command.Deps) func() (*settingsNow, error) {
	return func() (*settingsNow, error) {
		var now Options
		fresh := d
		var err error
		if fresh.Settings, err = d.Settings.Again(now.Register); err != nil {
			return nil, err
		}
		now.Policy.Keys.Passphrase.Remember(o.Policy.Keys.Passphrase)
		return &settingsNow{fresh, now.Policy, now.serving != o.serving || !now.web.equal(o.web)}, now.Check(fresh)
	}
}

// background serves metrics and follows the files until the function that it returns
// is called, which waits for both to end.
func (r *reloader) background(ctx context.Context, metrics *proxy.Metrics) (stop func(), err error) {
	var server *metricsServer
	if r.serving.metrics != "" {
		if server, err = listenForMetrics(ctx, r.d, r.serving.metrics, metrics); err != nil {
			return nil, ofFlag(err, "--metrics")
		}
	}
	until, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	if server != nil {
		running.Go(func() { server.serve(until) })
	}
	running.Go(func() { r.watch(until, r.d.System.Reload(until)) })
	return func() {
		cancel()
		running.Wait()
	}, nil
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

// log returns the log of o's format. With --dev each line says so (S56).
func (o *sharedFlags) log(d command.Deps, dev bool) *slog.Logger {
	log := d.Logger()
	if o.logFormat == "json" {
		log = d.JSONLogger()
	}
	if dev {
		log = log.With("insecure", true)
	}
	return log
}
