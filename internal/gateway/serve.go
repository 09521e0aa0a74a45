package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/metrics"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Run enforces a policy in front of a gRPC server until ctx is done and the current calls
// have ended.
func Run(ctx context.Context, d command.Deps, o Options) (err error) {
	if err := o.Check(d); err != nil {
		return err
	}
	o.warn(d)
	if _, set := d.System.Getenv("GOGC"); !set {
		defer proxy.KeepGarbage(spareGarbage(d.System.MemoryLimit()))()
	}
	d.Console = d.Logging(o.serving.log(d, o.Policy.Dev))
	r := &reloader{d: d, name: "proxy", sets: input.NewSetCache(), policy: o.Policy, serving: o.serving.sharedFlags, reread: o.rereader(d)}
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
	counts := metrics.New(r.name, append(r.families(), number("jwtctl_proxy_refusals_held", "Refusals currently being delayed.", func() float64 { return float64(p.DelayedRefusals()) }))...)
	if p, err = proxy.New(enforced(policy), o.proxyOptions(d, upstream, r.certs, counts)); err != nil {
		return err
	}
	enforced(policy).WarnUnsigned(ctx, d.Logger())
	d.Stay()
	listener, err := listenOn(ctx, o.serving.listen)
	if err != nil {
		return withFlag(err, "--listen")
	}
	browsers, err := o.listenWeb(ctx, d, p, r.certs, policy.Plan.Set().Services())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	r.prepare = swap(ctx, d, p, browsers)
	// Runs until the last call has ended.
	background, err := r.background(ctx, counts)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer background()
	services := []service{{func() error { return p.Serve(listener) }, p.Shutdown}}
	where := listener.Addr().String()
	if browsers != nil { // they end first, since their calls go through the proxy
		services = []service{{func() error { return browsers.Serve(browsers.listener) }, browsers.Shutdown}, services[0]}
		where += " (gRPC) and " + browsers.listener.Addr().String() + " (web)"
	}
	line := fmt.Sprintf("Started proxy. Listening on %s, upstream %s. Ctrl+C to exit.\n", where, quote.Printable(o.serving.upstream))
	return o.serving.untilDone(ctx, d, func() error { return o.serving.announce(d, line, listener.Addr().String(), r.inputs()) }, services...)
}

// warn says which options leave the server open.
func (o *Options) warn(d command.Deps) {
	if o.Policy.Dev {
		d.AlwaysWarn("--dev makes and accepts unsigned tokens, which anyone can forge")
	}
	if o.serving.reportOnly {
		d.AlwaysWarn("--report-only refuses nothing: calls that violate the policy reach the server")
	}
}

// swap returns what prepares p and browsers, nil for none, for a policy, and returns
// what makes them enforce it.
func swap(ctx context.Context, d command.Deps, p *proxy.Proxy, browsers *webServer) func(*policies.Policy) (func() error, error) {
	return func(next *policies.Policy) (func() error, error) {
		follow, err := browsers.prepare(next)
		return func() error {
			if err := p.Swap(enforced(next)); err != nil {
				return err
			}
			follow()
			enforced(next).WarnUnsigned(ctx, d.Logger())
			return nil
		}, err
	}
}

// proxyOptions returns the options of a proxy in front of upstream.
func (o *Options) proxyOptions(d command.Deps, upstream *proxy.Upstream, certs *tlsfiles.Certificates, counts *metrics.Metrics) proxy.Options {
	s := o.serving
	return proxy.Options{
		Upstream: upstream, TLS: certs.ToClients(), Observer: counts, Log: d.Logger(), Now: d.System.Now,
		ForwardAuthorization: s.forwardAuthorization, CachedTokens: s.cachedTokens,
		ConnectionAge: s.age, ConnectionGrace: s.ageGrace,
		PassHealth: s.passHealth, PassReflection: s.passReflection,
		ReportOnly: s.reportOnly, Limits: s.limits(),
	}
}

// rereader returns a function that reads the settings again, as at the start.
func (o *Options) rereader(d command.Deps) func() (*currentSettings, error) {
	return func() (*currentSettings, error) {
		var now Options
		fresh := d
		var err error
		if fresh.Settings, err = d.Settings.Reload(now.Register); err != nil {
			return nil, err
		}
		now.Policy.Keys.Passphrase.ReuseFrom(o.Policy.Keys.Passphrase)
		return &currentSettings{fresh, now.Policy, now.serving != o.serving || !now.web.equal(o.web)}, now.Check(fresh)
	}
}

// background serves metrics and watches the files until stop is called, which waits for
// both to end.
func (r *reloader) background(ctx context.Context, counts *metrics.Metrics) (stop func(), err error) {
	var server *metricsServer
	if r.serving.metrics != "" {
		if server, err = listenForMetrics(ctx, r.d, r.serving.metrics, counts); err != nil {
			return nil, withFlag(err, "--metrics")
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

// service is one of the servers of a gateway. serve returns after stop has ended it, or
// if it fails.
type service struct {
	serve func() error
	stop  func(context.Context) error
}

// untilDone runs services until ctx is done and their current work has ended, in order,
// or until one fails. It calls ready after all have started.
func (o *sharedFlags) untilDone(ctx context.Context, d command.Deps, ready func() error, services ...service) error {
	ended := make(chan error, len(services))
	for _, s := range services {
		go func() { ended <- s.serve() }()
	}
	err := ready()
	if err == nil {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		d.Logger().Info("stopping, waiting for open calls", "within", o.drain)
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.drain)
	defer cancel()
	for _, s := range services {
		err = errors.Join(err, s.stop(grace))
	}
	for range services {
		err = errors.Join(err, <-ended)
	}
	if err == nil {
		d.Logger().Info("stopped")
	}
	return err
}

// announce prints the ready line, and writes address to the file given by the flags.
func (o *sharedFlags) announce(d command.Deps, line, address string, inputs []string) error {
	_ = d.Print("%s", line)
	if o.addrFile == "" {
		return nil
	}
	return d.WriteResult(o.addrFile, []byte(address+"\n"), files.Shared, inputs)
}

// log returns the log in o's format. With --dev each line says so (S56).
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
