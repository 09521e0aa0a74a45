package gateway

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/metrics"
)

// The paths of the metrics server: metrics for Prometheus, and two probes. The process is
// alive if it responds, and ready until it is interrupted. Upstream and key sets do not
// count: a restart would not repair them.
const (
	MetricsPath = "/metrics"
	AlivePath   = "/healthz"
	ReadyPath   = "/readyz"
)

// metricsServer serves the metrics of a proxy over HTTP.
type metricsServer struct {
	listener net.Listener
	server   *http.Server
	log      *slog.Logger
}

// listenForMetrics listens on address. The proxy is reported as not ready once ctx is
// done.
func listenForMetrics(ctx context.Context, d command.Deps, address string, m *metrics.Metrics) (*metricsServer, error) {
	listener, err := listenOn(ctx, address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+MetricsPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", metrics.ContentType)
		_, _ = m.WriteTo(w)
	})
	answer := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text+"\n")
	}
	mux.HandleFunc("GET "+AlivePath, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET "+ReadyPath, func(w http.ResponseWriter, _ *http.Request) {
		if ctx.Err() != nil {
			answer(w, http.StatusServiceUnavailable, "stopping")
			return
		}
		answer(w, http.StatusOK, "ok")
	})
	d.Logger().Info("serving metrics", "url", "http://"+listener.Addr().String()+MetricsPath)
	const each = 5 * time.Second // limits how long a slow client can hold a connection
	return &metricsServer{listener: listener, log: d.Logger(), server: &http.Server{
		Handler: mux, ReadTimeout: each, WriteTimeout: each, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(d.Logger().Handler(), slog.LevelWarn),
	}}, nil
}

// serve serves until ctx is done.
func (s *metricsServer) serve(ctx context.Context) {
	end := context.AfterFunc(ctx, func() { _ = s.server.Close() })
	defer end()
	if err := s.server.Serve(s.listener); ctx.Err() == nil {
		s.log.Error("metrics server stopped", "error", err)
	}
}

// families returns the metrics that only the command knows.
func (r *reloader) families() []metrics.Family {
	prefix := "jwtctl_" + r.name + "_"
	one := func(name, help string, read func() float64) metrics.Family { return number(prefix+name, help, read) }
	flag := func(set bool) float64 {
		if set {
			return 1
		}
		return 0
	}
	sets := func() []jwks.Status { return byLabels(r.sets.Status()) }
	return []metrics.Family{
		one("policy_loaded_timestamp_seconds", "When the current policy was loaded, in Unix time.", func() float64 { return float64(r.loadedAt.Load()) }),
		one("reload_failing", "1 while the newest version of the policy is rejected.", func() float64 { return flag(r.failing.Load()) }),
		{
			Name: prefix + "policy_weakened_total", Help: "Changes that made the policy weaker on reload.", Counter: true,
			Read: func() []metrics.Sample { return []metrics.Sample{{Number: float64(r.weakened.Load())}} },
		},
		one("report_only", "1 with --report-only: no call is refused.", func() float64 { return flag(r.serving.reportOnly) }),
		one("insecure", "1 with --dev.", func() float64 { return flag(r.policy.Dev) }),
		{
			Name: prefix + "key_set_age_seconds", Help: "Time since the last successful fetch of a remote key set; absent before the first.",
			Labels: []string{"set", "issuer"}, Read: func() []metrics.Sample { return ages(sets(), r.d.System.Now()) },
		},
		{
			Name: prefix + "key_set_fetches_total", Help: "Completed fetches of a remote key set, by outcome.", Counter: true,
			Labels: []string{"set", "issuer", "result"}, Read: func() []metrics.Sample { return fetches(sets()) },
		},
	}
}

// number returns a family with one sample.
func number(name, help string, read func() float64) metrics.Family {
	return metrics.Family{Name: name, Help: help, Read: func() []metrics.Sample { return []metrics.Sample{{Number: read()}} }}
}

// byLabels merges sets with the same labels, such as those that differ only in their
// algorithms; the result is as old as the oldest.
func byLabels(all []jwks.Status) []jwks.Status {
	merged := map[[2]string]jwks.Status{}
	for _, s := range all {
		id := [2]string{s.Location, s.Issuer}
		m, known := merged[id]
		if !known {
			merged[id] = s
			continue
		}
		if m.FetchedAt.IsZero() || !s.FetchedAt.IsZero() && s.FetchedAt.Before(m.FetchedAt) {
			m.FetchedAt = s.FetchedAt
		}
		m.Succeeded += s.Succeeded
		m.Failed += s.Failed
		merged[id] = m
	}
	return slices.Collect(maps.Values(merged))
}

func ages(sets []jwks.Status, now time.Time) (samples []metrics.Sample) {
	for _, s := range sets {
		if !s.FetchedAt.IsZero() {
			samples = append(samples, metrics.Sample{Labels: []string{s.Location, s.Issuer}, Number: now.Sub(s.FetchedAt).Seconds()})
		}
	}
	return samples
}

func fetches(sets []jwks.Status) (samples []metrics.Sample) {
	for _, s := range sets {
		samples = append(samples,
			metrics.Sample{Labels: []string{s.Location, s.Issuer, "ok"}, Number: float64(s.Succeeded)},
			metrics.Sample{Labels: []string{s.Location, s.Issuer, "failed"}, Number: float64(s.Failed)})
	}
	return samples
}
