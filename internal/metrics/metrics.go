// Package metrics counts the calls of a server that enforces a policy, and writes the
// numbers for Prometheus.
package metrics

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Call is how a call ended.
type Call struct {
	// Method is "pkg.Service/Method", or "" if the policy does not have it, so that
	// clients cannot create metrics of any name.
	Method string
	Status fault.GRPC
	// Reason is why the call was refused, or "".
	Reason   fault.Code
	Duration time.Duration
}

// Observer is called for the calls that a server decides, concurrently; not for calls
// that it answers itself, such as health checks.
type Observer interface {
	Begin()
	End(Call)
	// WouldRefuse is called for a call that goes on although the policy refuses it, at
	// most once per call, and before its End. method is as in Call.
	WouldRefuse(method string, reason fault.Code)
}

// Discard is an Observer that does nothing.
type Discard struct{}

// Begin does nothing, as do all of Discard's methods.
func (Discard) Begin() {}

// End does nothing.
func (Discard) End(Call) {}

// WouldRefuse does nothing.
func (Discard) WouldRefuse(string, fault.Code) {}

// buckets are the upper bounds of the latency histogram, in seconds.
var buckets = [...]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// ContentType is the content type of Metrics' output.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Metrics counts calls, and writes the numbers in Prometheus' text format. It is an
// Observer. The format is simple enough not to link a library for it into every start of
// jwtctl.
type Metrics struct {
	prefix      string // of every name
	mu          sync.Mutex
	inFlight    int
	calls       map[verdict]uint64
	wouldRefuse map[verdict]uint64 // without a status
	durations   map[string]*histogram
	extra       []Family
}

type verdict struct {
	method string
	status fault.GRPC
	reason fault.Code
}

type histogram struct {
	counts [len(buckets)]uint64 // not cumulative
	count  uint64
	sum    float64
}

// Family is a metric whose numbers come from elsewhere, such as the age of key sets.
type Family struct {
	Name, Help string // a Prometheus name, and what it is
	Counter    bool   // otherwise a gauge
	Labels     []string
	// Read returns the numbers, with distinct label values.
	Read func() []Sample
}

// Sample is a number with the values of its family's labels.
type Sample struct {
	Labels []string
	Number float64
}

// New returns Metrics that also include more. server, "proxy" or "authz", is part of
// every name.
func New(server string, more ...Family) *Metrics {
	return &Metrics{prefix: "jwtctl_" + server + "_", calls: map[verdict]uint64{}, wouldRefuse: map[verdict]uint64{}, durations: map[string]*histogram{}, extra: more}
}

// Begin counts the start of a call.
func (m *Metrics) Begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight++
}

// End counts the end of a call.
func (m *Metrics) End(c Call) {
	method := cmp.Or(c.Method, "unknown")
	seconds := c.Duration.Seconds()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inFlight--
	m.calls[verdict{method, c.Status, c.Reason}]++
	h := m.durations[method]
	if h == nil {
		h = &histogram{}
		m.durations[method] = h
	}
	h.count++
	h.sum += seconds
	if i, _ := slices.BinarySearch(buckets[:], seconds); i < len(buckets) {
		h.counts[i]++
	}
}

// WouldRefuse counts a refusal that did not end the call.
func (m *Metrics) WouldRefuse(method string, reason fault.Code) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wouldRefuse[verdict{method: cmp.Or(method, "unknown"), reason: reason}]++
}

// WriteTo writes all metrics in a fixed order.
func (m *Metrics) WriteTo(w io.Writer) (int64, error) {
	var out bytes.Buffer
	head := func(name, kind, help string) {
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n", name, strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(help), name, kind)
	}
	m.mu.Lock()
	head(m.prefix+"calls_total", "counter", "Completed calls, by gRPC status, and by reason where the policy refused them.")
	for _, v := range slices.SortedFunc(maps.Keys(m.calls), verdict.compare) {
		fmt.Fprintf(&out, "%scalls_total{method=%s,grpc_code=%s,reason=%s} %d\n", m.prefix, label(v.method), label(v.status.String()), label(string(v.reason)), m.calls[v])
	}
	head(m.prefix+"would_refuse_total", "counter", "Calls that passed only because refusals are reported and not enforced, by reason.")
	for _, v := range slices.SortedFunc(maps.Keys(m.wouldRefuse), verdict.compare) {
		fmt.Fprintf(&out, "%swould_refuse_total{method=%s,reason=%s} %d\n", m.prefix, label(v.method), label(string(v.reason)), m.wouldRefuse[v])
	}
	head(m.prefix+"call_seconds", "histogram", "Duration of calls, from the first byte to the status.")
	for _, method := range slices.Sorted(maps.Keys(m.durations)) {
		m.durations[method].write(&out, m.prefix+"call_seconds", label(method))
	}
	head(m.prefix+"calls_open", "gauge", "Open calls.")
	fmt.Fprintf(&out, "%scalls_open %d\n", m.prefix, m.inFlight)
	m.mu.Unlock()
	for _, f := range m.extra {
		kind := "gauge"
		if f.Counter {
			kind = "counter"
		}
		head(f.Name, kind, f.Help)
		for _, one := range slices.SortedFunc(slices.Values(f.Read()), func(a, b Sample) int { return slices.Compare(a.Labels, b.Labels) }) {
			fmt.Fprintf(&out, "%s%s %s\n", f.Name, f.labels(one), number(one.Number))
		}
	}
	return out.WriteTo(w)
}

func (f *Family) labels(s Sample) string {
	if len(f.Labels) == 0 {
		return ""
	}
	var pairs []string
	for i, name := range f.Labels {
		pairs = append(pairs, name+"="+label(s.Labels[i]))
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func (h *histogram) write(out *bytes.Buffer, name, method string) {
	total := uint64(0)
	for i, bound := range buckets {
		total += h.counts[i]
		fmt.Fprintf(out, "%s_bucket{method=%s,le=\"%s\"} %d\n", name, method, number(bound), total)
	}
	fmt.Fprintf(out, "%s_bucket{method=%s,le=\"+Inf\"} %d\n%s_sum{method=%s} %s\n%s_count{method=%s} %d\n", name, method, h.count, name, method, number(h.sum), name, method, h.count)
}

func (v verdict) compare(w verdict) int {
	return cmp.Or(cmp.Compare(v.method, w.method), cmp.Compare(v.status, w.status), cmp.Compare(v.reason, w.reason))
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// label returns text as the value of a label.
func label(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(text) + `"`
}
