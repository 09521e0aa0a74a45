package cli

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jwtctl/jwtctl/internal/proxy"
)

// metricsPath is where Prometheus looks for metrics.
const metricsPath = "/metrics"

// metricsServer serves the metrics of a proxy over HTTP.
type metricsServer struct {
	listener net.Listener
	server   *http.Server
	log      *slog.Logger
}

// listenForMetrics listens on address.
func (a *app) listenForMetrics(ctx context.Context, address string, m *proxy.Metrics) (*metricsServer, error) {
	listener, err := listenOn(ctx, address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+metricsPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", proxy.MetricsType)
		_, _ = m.WriteTo(w)
	})
	a.live.log.Info("metrics are served", "url", "http://"+listener.Addr().String()+metricsPath)
	const each = 5 * time.Second // nobody holds a connection longer by dripping
	return &metricsServer{listener: listener, log: a.live.log, server: &http.Server{
		Handler: mux, ReadTimeout: each, WriteTimeout: each, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(a.live.log.Handler(), slog.LevelWarn),
	}}, nil
}

// serve answers until ctx is done.
func (s *metricsServer) serve(ctx context.Context) {
	end := context.AfterFunc(ctx, func() { _ = s.server.Close() })
	defer end()
	if err := s.server.Serve(s.listener); ctx.Err() == nil {
		s.log.Error("metrics are served no longer", "error", err)
	}
}

// gauges tell what only the command knows.
func (r *reloader) gauges() []proxy.Gauge {
	one := func(name, help string, read func() float64) proxy.Gauge {
		return proxy.Gauge{Name: name, Help: help, Read: func() map[string]float64 { return map[string]float64{"": read()} }}
	}
	flag := func(set bool) float64 {
		if set {
			return 1
		}
		return 0
	}
	return []proxy.Gauge{
		one("jwtctl_proxy_policy_loaded_timestamp_seconds", "When the policy in force was read, in Unix time.", func() float64 { return float64(r.at.Load()) }),
		one("jwtctl_proxy_reload_failing", "1 while the newest version of the policy is refused.", func() float64 { return flag(r.failing.Load()) }),
		one("jwtctl_proxy_insecure", "1 with --dev.", func() float64 { return flag(r.options.policy.dev) }),
	}
}
