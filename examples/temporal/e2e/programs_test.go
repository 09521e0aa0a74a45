package e2e

import (
	"context"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// moduleRoot is jwtctl's own module, seen from this package.
const moduleRoot = "../../.."

const (
	cliPackage = "github.com/temporalio/cli/cmd/temporal"
	cliVersion = "v1.5.1"
)

// programs are the paths of the programs under test.
type programs struct {
	jwtctl, worker, starter string
}

func buildPrograms(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	bin := programs{
		jwtctl:  os.Getenv("JWTCTL_BIN"),
		worker:  executable(dir, "worker"),
		starter: executable(dir, "starter"),
	}
	goTool(t, "..", nil, "build", "-o", dir+string(filepath.Separator), "./worker", "./starter")
	if bin.jwtctl == "" {
		bin.jwtctl = executable(dir, "jwtctl")
		goTool(t, moduleRoot, nil, "build", "-o", bin.jwtctl, "./cmd/jwtctl")
	}
	return bin
}

// installCLI returns the temporal CLI, built once a machine: it takes minutes.
func installCLI(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(cacheDir(t), "temporal-"+cliVersion)
	cli := executable(dir, "temporal")
	if info, err := buildinfo.ReadFile(cli); err == nil && info.Main.Version == cliVersion {
		return cli
	}
	t.Logf("building %s@%s into %s, which takes minutes", cliPackage, cliVersion, dir)
	goTool(t, dir, []string{"GOBIN=" + dir}, "install", cliPackage+"@"+cliVersion)
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

func goTool(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline(t))
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
}

func executable(dir, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(dir, name)
}
