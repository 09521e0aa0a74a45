package proxy_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jwtctl/jwtctl/internal/proxy"
)

// TestMetrics counts verdicts by method and status, and names no method that a
// client made up.
func TestMetrics(t *testing.T) {
	t.Parallel()
	r := start(t, setup{level: slog.LevelDebug})
	r.call(context.Background(), r.conn, "Open", `{}`)
	r.call(context.Background(), r.conn, "Who", `{}`)
	r.call(bearing(r.Token(goodClaims)), r.conn, "Who", `{}`)
	_ = r.conn.Invoke(context.Background(), "/made.Up/Name", &grpc_health_v1.HealthCheckRequest{}, &grpc_health_v1.HealthCheckRequest{})
	r.open(context.Background(), "OpenBidi")
	r.waitCalls(3)
	m := proxy.NewMetrics("proxy",
		proxy.Family{Name: "age_seconds", Help: "Age.", Labels: []string{"set", "issuer"}, Read: func() []proxy.Sample {
			return []proxy.Sample{{[]string{"s", "x"}, 2}, {[]string{"s", `a"b`}, 1.5}}
		}},
		proxy.Family{Name: "loads_total", Help: "Loads.", Counter: true, Read: func() []proxy.Sample { return []proxy.Sample{{nil, 3}} }},
	)
	m.Begin()
	m.End(proxy.Call{Method: "x.Y/Z", Status: codes.Canceled, Took: 3 * time.Millisecond})
	m.End(proxy.Call{Method: "x.Y/Z", Took: time.Minute})
	var text strings.Builder
	for _, one := range []*proxy.Metrics{r.metrics, m} {
		if _, err := one.WriteTo(&text); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		`jwtctl_proxy_calls_total{method="t.S/Open",grpc_code="OK",reason=""} 1`,
		`jwtctl_proxy_calls_total{method="t.S/Who",grpc_code="OK",reason=""} 1`,
		`jwtctl_proxy_calls_total{method="t.S/Who",grpc_code="UNAUTHENTICATED",reason="token_missing"} 1`,
		`jwtctl_proxy_calls_total{method="unknown",grpc_code="UNIMPLEMENTED",reason="method_unknown"} 1`,
		`jwtctl_proxy_calls_total{method="x.Y/Z",grpc_code="CANCELLED",reason=""} 1`,
		`jwtctl_proxy_call_seconds_bucket{method="x.Y/Z",le="0.0025"} 0`,
		`jwtctl_proxy_call_seconds_bucket{method="x.Y/Z",le="0.005"} 1`,
		`jwtctl_proxy_call_seconds_bucket{method="x.Y/Z",le="10"} 1`,
		`jwtctl_proxy_call_seconds_bucket{method="x.Y/Z",le="+Inf"} 2`,
		`jwtctl_proxy_call_seconds_sum{method="x.Y/Z"} 60.003`,
		`jwtctl_proxy_call_seconds_count{method="x.Y/Z"} 2`,
		"jwtctl_proxy_calls_open 1\n",
		"# TYPE age_seconds gauge\nage_seconds{set=\"s\",issuer=\"a\\\"b\"} 1.5\nage_seconds{set=\"s\",issuer=\"x\"} 2\n",
		"# TYPE loads_total counter\nloads_total 3\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "made.Up") {
		t.Error("a client names metrics")
	}
	for _, line := range strings.Split(strings.TrimSpace(r.logged.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("logged: %s", line)
		}
	}
}
