package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/metrics"
)

// TestMetricsInPrometheusText: calls, their times and other numbers, with labels escaped
// and in a stable order.
func TestMetricsInPrometheusText(t *testing.T) {
	t.Parallel()
	m := metrics.New("proxy",
		metrics.Family{Name: "age_seconds", Help: "Age.", Labels: []string{"set", "issuer"}, Read: func() []metrics.Sample {
			return []metrics.Sample{{[]string{"s", "x"}, 2}, {[]string{"s", `a"b`}, 1.5}}
		}},
		metrics.Family{Name: "loads_total", Help: "Loads.", Counter: true, Read: func() []metrics.Sample { return []metrics.Sample{{nil, 3}} }},
	)
	m.Begin()
	m.Begin()
	m.Begin()
	m.End(metrics.Call{Method: "x.Y/Z", Status: 1, Duration: 3 * time.Millisecond})
	m.End(metrics.Call{Method: "x.Y/Z", Duration: time.Minute})
	m.WouldRefuse("", fault.TokenMissing)
	var text strings.Builder
	if _, err := m.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`jwtctl_proxy_calls_total{method="x.Y/Z",grpc_code="CANCELLED",reason=""} 1`,
		`jwtctl_proxy_would_refuse_total{method="unknown",reason="token_missing"} 1`,
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
			t.Errorf("want %s in\n%s", want, text.String())
		}
	}
}
