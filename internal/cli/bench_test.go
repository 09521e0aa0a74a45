package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkColdStart times whole processes: `jwtctl token` against `jose jws
// sig`, turn by turn, with the same kind of key. The ratio is what counts; at
// 1 jwtctl is as fast. GODEBUG=inittrace=1 bin/jwtctl version lists what the
// start itself costs.
func BenchmarkColdStart(b *testing.B) {
	dir := b.TempDir()
	jwtctl := filepath.Join(dir, "jwtctl")
	run := func(name string, args ...string) []byte {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		return out
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", jwtctl, "../../cmd/jwtctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(jwtctl)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB")
	run(jwtctl, "keygen", "-q", "--format", "jwk", "-o", "key.jwk")
	if err := os.WriteFile(filepath.Join(dir, "claims.json"), []byte(`{"sub":"jwtctl","permissions":["temporal-system:admin"],"exp":4102444800}`), 0o600); err != nil {
		b.Fatal(err)
	}
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		run(jwtctl, "token", "--system", "--key", "key.jwk")
		between := time.Now()
		run("jose", "jws", "sig", "-I", "claims.json", "-k", "key.jwk", "-c", "-o", "-")
		ours += between.Sub(start)
		theirs += time.Since(between)
	}
	n := float64(b.N)
	b.ReportMetric(float64(ours.Microseconds())/n, "jwtctl-µs")
	b.ReportMetric(float64(theirs.Microseconds())/n, "jose-µs")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}
