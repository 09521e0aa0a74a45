package gateway

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/metrics"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/system"
)

// TestProxyKeySetLabels: sets with the same labels are merged, in any order.
func TestProxyKeySetLabels(t *testing.T) {
	t.Parallel()
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	never, old, young := jwks.Status{Location: "s", Failed: 1}, jwks.Status{Location: "s", FetchedAt: at(1), Succeeded: 2}, jwks.Status{Location: "s", FetchedAt: at(2), Succeeded: 3, Failed: 4}
	other := jwks.Status{Location: "s", Issuer: "me"}
	want := jwks.Status{Location: "s", FetchedAt: at(1), Succeeded: 5, Failed: 5}
	for _, all := range [][]jwks.Status{{never, old, young, other}, {other, young, old, never}, {old, never, other, young}} {
		got := byLabels(all)
		if len(got) != 2 || !slices.Contains(got, want) || !slices.Contains(got, other) {
			t.Errorf("got %+v", got)
		}
	}
}

// TestProxyGuideHasEachMetric: docs/proxy.md has a row for each metric.
func TestProxyGuideHasEachMetric(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	r := &reloader{name: "proxy", sets: input.NewSetCache(), d: command.Deps{System: system.System{Now: time.Now}}}
	if _, err := metrics.New("proxy", r.families()...).WriteTo(&shown); err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(shown.String(), -1)
	if len(found) < 8 {
		t.Errorf("only %d metrics are exported", len(found))
	}
	for _, m := range found {
		if !strings.Contains(string(text), "| `"+m[1]+"` | "+m[2]+" |") {
			t.Errorf("the guide lacks a row for the %s %s", m[2], m[1])
		}
	}
}

// TestSpareGarbage: the result is at most a quarter of the container's memory.
func TestSpareGarbage(t *testing.T) {
	t.Parallel()
	for limit, want := range map[uint64]uint64{0: proxy.SpareGarbage, 128 << 20: 32 << 20, 256 << 20: 64 << 20, 4 << 30: proxy.SpareGarbage} {
		if got := spareGarbage(limit); got != want {
			t.Errorf("limit %d: got %d bytes of garbage allowed, want %d", limit, got, want)
		}
	}
}
