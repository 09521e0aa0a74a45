package proxy_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"
)

// TestMetricsNameNoUnknownMethods: verdicts are counted by method and status, without method names made up by
// clients.
func TestMetricsNameNoUnknownMethods(t *testing.T) {
	t.Parallel()
	r := start(t, setup{level: slog.LevelDebug})
	r.call(context.Background(), r.conn, "Open", `{}`)
	r.call(context.Background(), r.conn, "Who", `{}`)
	r.call(bearing(r.Token(goodClaims)), r.conn, "Who", `{}`)
	_ = r.conn.Invoke(context.Background(), "/made.Up/Name", &grpc_health_v1.HealthCheckRequest{}, &grpc_health_v1.HealthCheckRequest{})
	r.open(context.Background(), "OpenBidi")
	r.waitCalls(3)
	text := metricsText(t, r.metrics)
	for _, want := range []string{
		`jwtctl_proxy_calls_total{method="t.S/Open",grpc_code="OK",reason=""} 1`,
		`jwtctl_proxy_calls_total{method="t.S/Who",grpc_code="OK",reason=""} 1`,
		`jwtctl_proxy_calls_total{method="t.S/Who",grpc_code="UNAUTHENTICATED",reason="token_missing"} 1`,
		`jwtctl_proxy_calls_total{method="unknown",grpc_code="UNIMPLEMENTED",reason="method_unknown"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "made.Up") {
		t.Error("a client's method name is in the metrics")
	}
	if log := r.waitLog(0, `"key_from":`); strings.Count(log, `"kid":`) != 1 {
		t.Errorf("want only the key of one call in the log:\n%s", log)
	}
	for _, line := range strings.Split(strings.TrimSpace(r.logged.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("logged: %s", line)
		}
	}
}
