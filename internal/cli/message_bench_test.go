package cli

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/system"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

const benchProto = `syntax = "proto3";
package bench;
import "kalix/annotations.proto";
message Event {
  string token = 1 [(kalix.field).jwt = {token: true issuer: "bench"}];
  string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
}
`

// streamBench is a folder with a key, a policy and lines to sign and verify.
type streamBench struct {
	dir    string
	signed []byte
}

func newStreamBench(b *testing.B, alg string, lines int) *streamBench {
	b.Helper()
	s := &streamBench{dir: b.TempDir()}
	if err := os.WriteFile(s.path("bench.proto"), []byte(benchProto), 0o600); err != nil {
		b.Fatal(err)
	}
	s.run(b, nil, "keygen", "-q", "--alg", alg, "-o", s.path("k.pem"))
	s.signed = s.run(b, []byte(plainLines(lines)), "sign", "-q", "--proto", s.path("bench.proto"), "--type", "bench.Event", "--key", s.path("k.pem"), "--ndjson", "-")
	return s
}

func plainLines(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "{\"user\":\"user-%d\"}\n", i)
	}
	return text.String()
}

func (s *streamBench) path(name string) string { return filepath.Join(s.dir, name) }

// run runs a command in this process.
func (s *streamBench) run(b *testing.B, in []byte, args ...string) []byte {
	b.Helper()
	var out bytes.Buffer
	s.runTo(b, &out, in, args...)
	return out.Bytes()
}

func (s *streamBench) runTo(b *testing.B, out io.Writer, in []byte, args ...string) {
	b.Helper()
	var errs bytes.Buffer
	sys := system.OS()
	sys.In, sys.Out, sys.Err = bytes.NewReader(in), out, &errs
	if code := Main(args, sys); code != 0 {
		b.Fatalf("jwtctl %s: exit code %d: %s", strings.Join(args, " "), code, errs.String())
	}
}

// spent is wall and CPU time: on a busy machine CPU time is more meaningful.
type spent struct{ wall, cpu float64 }

func (s *spent) add(do func()) {
	begin, before := time.Now(), cpuSeconds()
	do()
	s.wall += time.Since(begin).Seconds()
	s.cpu += cpuSeconds() - before
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// onAllCores calls do n times on all cores.
func onAllCores(n int, do func()) {
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for range n / runtime.GOMAXPROCS(0) {
				do()
			}
		})
	}
	wg.Wait()
}

// bare returns functions that do one verification and one signature of alg without
// anything else; ECDSA signatures are r and s, as in a JWS (RFC 7518 section 3.4).
func bare(b *testing.B, alg string) (verify, sign func()) {
	b.Helper()
	digest := sha256.Sum256([]byte("header.payload"))
	check := func(ok bool, err error) {
		if !ok || err != nil {
			panic(fmt.Sprint("the bare primitive failed: ", err))
		}
	}
	if alg == "RS256" {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		check(err == nil, err)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		check(err == nil, err)
		return func() {
				err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature)
				check(err == nil, err)
			}, func() {
				_, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
				check(err == nil, err)
			}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err == nil, err)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	check(err == nil, err)
	return func() { check(ecdsa.Verify(&key.PublicKey, digest[:], r, s), nil) },
		func() {
			_, _, err := ecdsa.Sign(rand.Reader, key, digest[:])
			check(err == nil, err)
		}
}

// BenchmarkNDJSON measures verify and sign of lines with one token each, on all cores, as
// a share of the throughput of the bare primitive just before and after. It is the median
// of turns, since the load of the machine varies: use -benchtime 15x or more.
func BenchmarkNDJSON(b *testing.B) {
	// Enough lines to make the startup of the program negligible.
	const lines = 40_000
	for _, alg := range []string{"ES256", "RS256"} {
		s := newStreamBench(b, alg, lines)
		verify, sign := bare(b, alg)
		for name, c := range map[string]struct {
			in        []byte
			primitive func()
		}{"verify": {s.signed, verify}, "sign": {[]byte(plainLines(lines)), sign}} {
			if alg == "RS256" && name == "sign" {
				continue // 30 times as slow as the others
			}
			b.Run(name+"/"+alg, func(b *testing.B) {
				var wall, cpu, perSecond []float64
				for b.Loop() {
					var alone, whole spent
					alone.add(func() { onAllCores(lines/2, c.primitive) })
					whole.add(func() {
						s.runTo(b, io.Discard, c.in, name, "-q", "--proto", s.path("bench.proto"), "--type", "bench.Event", "--key", s.path("k.pem"), "--ndjson", "-")
					})
					alone.add(func() { onAllCores(lines/2, c.primitive) })
					wall = append(wall, alone.wall/whole.wall)
					cpu = append(cpu, alone.cpu/whole.cpu)
					perSecond = append(perSecond, lines/whole.wall)
				}
				b.ReportMetric(testkit.Median(wall), "of-the-primitive")
				b.ReportMetric(testkit.Median(cpu), "of-its-CPU")
				b.ReportMetric(testkit.Median(perSecond), "messages/s")
			})
		}
	}
}

// BenchmarkMemory reports the maximum memory of `verify --ndjson` for ten thousand and
// for a million lines.
func BenchmarkMemory(b *testing.B) {
	s := newStreamBench(b, "ES256", 10_000)
	program, err := filepath.Abs("../../bin/jwtctl")
	if err != nil {
		b.Fatal(err)
	}
	for _, times := range []int{1, 100} {
		b.Run(fmt.Sprint(times*10_000, " lines"), func(b *testing.B) {
			for b.Loop() {
				cmd := exec.CommandContext(b.Context(), program, "verify", "-q", "--proto", s.path("bench.proto"), "--type", "bench.Event", "--key", s.path("k.pem"), "--ndjson", "-")
				in, err := cmd.StdinPipe()
				if err != nil {
					b.Fatal(err)
				}
				cmd.Stdout = io.Discard
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				w := bufio.NewWriter(in)
				for range times {
					_, _ = w.Write(s.signed)
				}
				_ = w.Flush()
				_ = in.Close()
				if err := cmd.Wait(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024, "MiB-max-RSS")
			}
		})
	}
}
