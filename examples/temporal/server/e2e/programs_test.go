package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// moduleRoot is jwtctl's own module, seen from this package.
const moduleRoot = "../../../.."

const (
	cliModule  = "github.com/temporalio/cli"
	cliVersion = "v1.5.1"
)

// programs are the paths of the programs under test.
type programs struct {
	jwtctl, worker, starter, fileWorker string
}

func buildPrograms(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	bin := programs{
		jwtctl:     os.Getenv("JWTCTL_BIN"),
		worker:     executable(dir, "worker"),
		starter:    executable(dir, "starter"),
		fileWorker: executable(dir, "go"),
	}
	goTool(t, "../..", "build", "-o", dir+string(filepath.Separator), "./worker", "./starter", "./workers/go")
	if bin.jwtctl == "" {
		bin.jwtctl = executable(dir, "jwtctl")
		goTool(t, moduleRoot, "build", "-o", bin.jwtctl, "./cmd/jwtctl")
	}
	return bin
}

// noServer stands in for the command of the CLI that is a server: three quarters
// of what the CLI compiles, and minutes.
const noServer = `package temporalcli

import "errors"

func (*TemporalServerStartDevCommand) run(*CommandContext, []string) error {
	return errors.New("built without the development server")
}
`

// installCLI returns the temporal CLI without its development server, built once
// a machine.
func installCLI(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(cacheDir(t), "temporal-client-"+cliVersion)
	cli := executable(dir, "temporal")
	if _, err := os.Stat(cli); err == nil {
		return cli
	}
	t.Logf("building %s@%s into %s, which takes a minute", cliModule, cliVersion, dir)
	var module struct{ Dir string }
	if err := json.Unmarshal(goTool(t, "..", "mod", "download", "-json", cliModule+"@"+cliVersion), &module); err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "cli")
	if err := os.CopyFS(source, os.DirFS(module.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(source, "temporalcli", "commands.server.go"), []byte(noServer), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	built := executable(dir, ".temporal")
	goTool(t, source, "build", "-o", built, "./cmd/temporal")
	if err := os.Rename(built, cli); err != nil { // all there, or not at all
		t.Fatal(err)
	}
	return cli
}

func cacheDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("JWTCTL_E2E_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil { // no HOME, as in some containers
			user = os.TempDir()
		}
		dir = filepath.Join(user, "jwtctl-e2e")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
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
