// Package e2e runs the example: the real Node server, jwtctl in front of it, and the real
// grpcurl. It runs README.md's commands verbatim.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is a generous limit for what normally takes moments: the machine may be slow
// and loaded.
const patience = time.Minute

// example is the folder in which the example's programs run.
const example = ".."

// programs are the paths of the programs that the tests run.
type programs struct{ jwtctl, grpcurl, node string }

// installed builds jwtctl, unless JWTCTL_BIN names one, and grpcurl.
var installed = sync.OnceValues(func() (programs, error) {
	p := programs{jwtctl: os.Getenv("JWTCTL_BIN")}
	tool := exec.Command("go", "tool", "-n", "grpcurl")
	tool.Dir = example
	out, err := tool.Output()
	if err != nil {
		return p, err
	}
	p.grpcurl = strings.TrimSpace(string(out))
	if p.node, err = exec.LookPath("node"); err != nil || p.jwtctl != "" {
		return p, err
	}
	if p.jwtctl, err = filepath.Abs("../../../bin/jwtctl-e2e"); err != nil {
		return p, err
	}
	build := exec.Command("go", "build", "-trimpath", "-o", p.jwtctl, "./cmd/jwtctl")
	build.Dir, build.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return p, fmt.Errorf("%w\n%s", err, out)
	}
	return p, nil
})

func install(t *testing.T) programs {
	t.Helper()
	p, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs a program in the example's folder, and returns its output and whether it exited
// with 0.
func run(t *testing.T, program string, args ...string) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = example
	out, err := cmd.CombinedOutput()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) || ctx.Err() != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out), err == nil
}

// process is a program that runs until the test ends or stop is called.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *output
	done chan error
	addr string // the address it prints
}

var listening = regexp.MustCompile(`Listening on (127\.0\.0\.1:\d+)`)

// start runs a program in the example's folder and waits for its address.
func start(t *testing.T, env []string, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), out: &output{}, done: make(chan error, 1)}
	p.cmd.Dir, p.cmd.Env = example, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("%s wrote:\n%.20000s", filepath.Base(program), p.out)
		}
	})
	eventually(t, "the address of "+filepath.Base(program), func() bool {
		select {
		case err := <-p.done:
			t.Fatalf("it ended early: %v", err)
		default:
		}
		found := listening.FindStringSubmatch(p.out.String())
		if found != nil {
			p.addr = found[1]
		}
		return found != nil
	})
	return p
}

// stop sends SIGTERM and expects exit code 0.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.done:
		if err != nil {
			p.t.Errorf("%s: %v", p.cmd, err)
		}
	case <-time.After(patience):
		p.t.Errorf("%s did not end", p.cmd)
	}
}

// startNode runs the example's server at the address at.
func startNode(t *testing.T, p programs, at ...string) *process {
	t.Helper()
	modules, err := filepath.Abs("../../../bin/proxy-example/node_modules")
	if err == nil {
		_, err = os.Stat(modules)
	}
	if err != nil {
		t.Fatalf("%v: install it with \"make tools\"", err)
	}
	return start(t, []string{"NODE_PATH=" + modules}, p.node, "server/server.js", append(at, "127.0.0.1:0")[0])
}

// startProxy runs jwtctl proxy with the example's jwtctl.yaml, a new key and these flags.
func startProxy(t *testing.T, p programs, upstream string, flags ...string) (proxy *process, key string) {
	t.Helper()
	key = newKey(t, p)
	flags = append([]string{"proxy", "--upstream", upstream, "--listen", "127.0.0.1:0", "--key", key, "--kid", "dev-1"}, flags...)
	return start(t, nil, p.jwtctl, flags...), key
}

func newKey(t *testing.T, p programs) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key.priv.pem")
	if out, ok := run(t, p.jwtctl, "keygen", "-q", "-o", key); !ok {
		t.Fatal(out)
	}
	return key
}

// token returns the bearer token of a Session, signed with key.
func token(t *testing.T, p programs, key, session string, flags ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "session.json")
	if err := os.WriteFile(file, []byte(session), 0o600); err != nil {
		t.Fatal(err)
	}
	out, ok := run(t, p.jwtctl, append([]string{"sign", "-q", "--type", "com.example.Session", "--key", key, "--kid", "dev-1", file}, flags...)...)
	found := regexp.MustCompile(`"token": *"([^"]+)"`).FindStringSubmatch(out)
	if !ok || found == nil {
		t.Fatal(out)
	}
	return found[1]
}

// output collects what a process writes while the test reads it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// freeAddress returns an address of loopback that nothing listens at, with a port below
// those that the system gives to programs that want any.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 15_000+rand.IntN(15_000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no free port found")
	return ""
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}
