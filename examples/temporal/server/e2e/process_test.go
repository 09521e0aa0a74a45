package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is a generous limit for what normally takes moments: the machine may be slow
// and loaded.
const patience = 2 * time.Minute

// stopPatience is how long a process may take to stop after SIGTERM before it is killed: the SDKs may wait for long polls
// of a minute.
const stopPatience = 2 * time.Minute

// anyExit as place.terminated kills what is started here instead, which is faster.
const anyExit = -2

// place is a working folder with an environment: programs find key.priv.pem and none of
// the developer's own settings.
type place struct {
	dir string
	env []string
	// terminated is the exit code after SIGTERM of what is started here.
	terminated int
}

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	return place{dir: dir, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}}
}

// with returns the place with more environment, NAME=VALUE each.
func (p place) with(env ...string) place {
	p.env = slices.Concat(p.env, env)
	return p
}

func (p place) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	if p.terminated != anyExit {
		// A JVM ignores SIGINT if its parent did, as in the background of a shell.
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	}
	cmd.WaitDelay = stopPatience
	return cmd
}

// result is the outcome of a finished program.
type result struct {
	stdout, stderr string
	exit           int
}

func (r result) String() string {
	return redact(fmt.Sprintf("exit %d, stdout %q, stderr:\n%s", r.exit, r.stdout, r.stderr))
}

// failure returns nil if the program ended with exit code 0.
func (r result) failure() error {
	if r.exit == 0 {
		return nil
	}
	return errors.New(r.String())
}

// run runs a program to its end.
func (p place) run(t *testing.T, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := p.command(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("%s: %v\n%s", program, err, redact(stderr.String()))
	}
	checkNoToken(t, program, stderr.String())
	return result{stdout: stdout.String(), stderr: stderr.String(), exit: cmd.ProcessState.ExitCode()}
}

// mustRun is run for a program that has to succeed; it returns stdout.
func (p place) mustRun(t *testing.T, program string, args ...string) string {
	t.Helper()
	r := p.run(t, program, args...)
	if err := r.failure(); err != nil {
		t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	return r.stdout
}

// process is a program that runs until the test ends.
type process struct {
	stdout, stderr *output
	done           chan struct{} // closed once it has ended
}

// start starts a program and terminates it when the test ends. It must then end with the
// exit code of the place.
func (p place) start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	// The deadline keeps go test's own timeout from leaving the process behind.
	ctx, cancel := context.WithDeadline(context.Background(), deadline(t))
	running := &process{stdout: &output{}, stderr: &output{}, done: make(chan struct{})}
	cmd := p.command(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = running.stdout, running.stderr
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the exit code is checked below
		close(running.done)
	}()
	t.Cleanup(func() {
		cancel()
		<-running.done
		if code := cmd.ProcessState.ExitCode(); code != p.terminated && p.terminated != anyExit {
			t.Errorf("%s: exit code %d after SIGTERM", program, code)
		}
		checkNoToken(t, program, running.stdout.String()+running.stderr.String())
		if t.Failed() {
			t.Logf("%s wrote:\n%s", program, redact(running.stderr.String()))
		}
	})
	return running
}

// waitFor waits until the process has written what matches.
func (p *process) waitFor(t *testing.T, from *output, pattern *regexp.Regexp) []string {
	t.Helper()
	var match []string
	eventually(t, "output matching "+pattern.String(), func() error {
		if match = pattern.FindStringSubmatch(from.String()); match != nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("the process has ended after writing %s", redact(from.String()))
		default:
			return fmt.Errorf("so far %q", redact(from.String()))
		}
	})
	return match
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

// eventually polls until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// deadline is when the test must be done, with time left to stop what runs.
func deadline(t *testing.T) time.Time {
	if d, ok := t.Deadline(); ok {
		return d.Add(-2 * stopPatience)
	}
	return time.Now().Add(time.Hour)
}

// containsAll names the first of the wanted strings that a text lacks.
func containsAll(text string, wanted ...string) error {
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			return fmt.Errorf("%q is missing in:\n%s", want, redact(text))
		}
	}
	return nil
}

// checkNoToken fails the test if a program's log or messages contain a token.
func checkNoToken(t *testing.T, program, text string) {
	t.Helper()
	if safe := redact(text); safe != text {
		t.Errorf("%s printed a token to its log:\n%s", program, safe)
	}
}

// redact cuts the payload and the signature off every token in a text, so that no failure message is a credential.
func redact(text string) string {
	return regexp.MustCompile(`(eyJ[\w-]{4})[\w-]*\.[\w-]*\.[\w-]*`).ReplaceAllString(text, "$1…")
}
