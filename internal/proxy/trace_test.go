package proxy_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
)

// TestS67_TracesReachUpstreamAndLog: trace metadata arrives at the upstream as sent, and the log names the
// trace of a call with a valid traceparent.
func TestS67_TracesReachUpstreamAndLog(t *testing.T) {
	t.Parallel()
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for name, c := range map[string]struct {
		parents []string
		trace   string // in the log
	}{
		"valid":   {[]string{"00-" + trace + "-" + span + "-01"}, trace},
		"invalid": {[]string{"00-not a trace at all-01"}, ""},
		"two":     {[]string{"00-" + trace + "-" + span + "-01", "00-" + trace + "-" + span + "-00"}, ""},
		"none":    {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, setup{level: slog.LevelDebug})
			sent := metadata.MD{
				"traceparent": c.parents, "tracestate": {"rojo=00f067aa0ba902b7", "congo=t61rcWkgMzE,x=y"}, "baggage": {"user=al%20ice;p=1, k=v"},
				"b3": {trace + "-" + span + "-1"}, "grpc-trace-bin": {"\x00\x01\xff"},
			}
			if got := r.call(metadata.NewOutgoingContext(context.Background(), sent), r.conn, "Open", `{}`); got.err != nil {
				t.Fatal(got.err)
			}
			got := r.upstream.metadata()
			for key, want := range sent {
				if !slices.Equal(got[key], want) {
					t.Errorf("%s: the upstream got %q, want %q", key, got[key], want)
				}
			}
			r.call(metadata.NewOutgoingContext(context.Background(), sent), r.conn, "Who", `{}`) // refused
			lines := strings.Split(strings.TrimSpace(r.logged.String()), "\n")
			if len(lines) != 2 {
				t.Fatalf("logged:\n%s", r.logged.String())
			}
			for _, line := range lines {
				var record struct {
					Trace string `json:"trace_id"`
					Span  string `json:"span_id"`
				}
				if err := json.Unmarshal([]byte(line), &record); err != nil {
					t.Fatal(err)
				}
				if record.Trace != c.trace || (record.Span == span) != (c.trace != "") {
					t.Errorf("logged: %s", line)
				}
				if strings.Contains(line, "not a trace") || strings.Contains(line, "rojo") || strings.Contains(line, "ice") {
					t.Errorf("the client's value is logged: %s", line)
				}
			}
		})
	}
}
