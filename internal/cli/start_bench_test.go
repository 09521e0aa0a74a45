//go:build unix

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// BenchmarkColdStart compares whole processes in turns: `jwtctl token` and `jose jws
// sig`, with the same kind of key. It reports the median times and their ratio (1 means
// equally fast), the median of minor page faults, and the time and memory of package
// inits, from GODEBUG=inittrace=1. It copies the program after building it: how a file
// was written affects how the kernel maps it.
func BenchmarkColdStart(b *testing.B) {
	dir := b.TempDir()
	jwtctl := filepath.Join(dir, "jwtctl")
	build := exec.Command("go", "build", "-trimpath", "-tags=grpcnotrace", "-ldflags=-s -w", "-o", jwtctl+".built", "../../cmd/jwtctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // like make build
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(jwtctl + ".built")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(jwtctl, program, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "claims.json"), []byte(`{"sub":"jwtctl","permissions":["temporal-system:admin"],"exp":4102444800}`), 0o600); err != nil {
		b.Fatal(err)
	}
	start(b, dir, jwtctl, "keygen", "-q", "--format", "jwk", "-o", "key.jwk")
	var ours, theirs starts
	for b.Loop() {
		ours.add(start(b, dir, jwtctl, "token", "--system", "--key", "key.jwk"))
		theirs.add(start(b, dir, "jose", "jws", "sig", "-I", "claims.json", "-k", "key.jwk", "-c", "-o", "-"))
	}
	b.ReportMetric(float64(len(program))/1e6, "MB")
	b.ReportMetric(testkit.Median(ours.took), "jwtctl-µs")
	b.ReportMetric(testkit.Median(theirs.took), "jose-µs")
	b.ReportMetric(testkit.Median(ours.took)/testkit.Median(theirs.took), "ratio")
	b.ReportMetric(testkit.Median(ours.faults), "jwtctl-faults")
	b.ReportMetric(testkit.Median(theirs.faults), "jose-faults")
	b.Setenv("GODEBUG", "inittrace=1")
	traced := start(b, dir, jwtctl, "version")
	millis, kilobytes := inits(b, traced.stderr)
	b.ReportMetric(millis, "inits-ms")
	b.ReportMetric(kilobytes, "inits-kB")
	for what, packages := range map[string][]string{ // used by one command, but paid for by each start
		"web":  {"connectrpc.com/", "google.golang.org/genproto/googleapis/api", "github.com/rs/cors"},
		"zstd": {"github.com/klauspost/compress"},
		"ssh":  {"golang.org/x/crypto/ssh"},
	} {
		millis, kilobytes := inits(b, linesOf(traced.stderr, packages))
		b.ReportMetric(millis, what+"-inits-ms")
		b.ReportMetric(kilobytes, what+"-inits-kB")
	}
}

// linesOf returns the lines of trace about packages with these path prefixes.
func linesOf(trace string, prefixes []string) string {
	var kept strings.Builder
	for line := range strings.Lines(trace) {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, "init "+p) }) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// process is a finished process.
type process struct {
	took   time.Duration
	faults int64
	stderr string
}

// starts are the runs of one program.
type starts struct{ took, faults []float64 }

func (s *starts) add(r process) {
	s.took = append(s.took, float64(r.took.Microseconds()))
	s.faults = append(s.faults, float64(r.faults))
}

// start runs a program in dir until it ends.
func start(b *testing.B, dir, name string, args ...string) process {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	took := time.Since(began)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return process{took, usage.Minflt, stderr.String()}
}

// inits sums up the lines of GODEBUG=inittrace=1:
//
//	init PACKAGE @1.2 ms, 0.003 ms clock, 568 bytes, 4 allocs
func inits(b *testing.B, trace string) (millis, kilobytes float64) {
	for line := range strings.Lines(trace) {
		f := strings.Fields(line)
		if len(f) < 9 || f[0] != "init" {
			continue
		}
		ms, err := strconv.ParseFloat(f[4], 64)
		if err != nil {
			b.Fatal(err)
		}
		bytes, err := strconv.ParseFloat(f[7], 64)
		if err != nil {
			b.Fatal(err)
		}
		millis, kilobytes = millis+ms, kilobytes+bytes/1e3
	}
	if millis == 0 {
		b.Fatalf("no inits in %q", trace)
	}
	return millis, kilobytes
}
