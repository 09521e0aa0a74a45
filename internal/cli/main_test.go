package cli

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/system"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// fake is a system.System whose state tests can inspect.
type fake struct {
	system.System
	out, err testkit.Buffer
	env      map[string]string
	ctx      context.Context
}

func newFake(t *testing.T) *fake {
	f := &fake{env: map[string]string{}, ctx: t.Context()}
	f.System = system.System{
		In: strings.NewReader(""), Out: &f.out, Err: &f.err,
		Getenv:      func(name string) (string, bool) { v, ok := f.env[name]; return v, ok },
		Now:         func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) },
		MemoryLimit: func() uint64 { return 0 },
		Interrupt: func(context.Context) (context.Context, context.CancelFunc) {
			return context.WithCancel(f.ctx)
		},
		Reload: func(context.Context) <-chan struct{} { return nil },
	}
	return f
}

// run runs jwtctl with these arguments, expects the exit code, and returns f's stdout.
func (f *fake) run(t *testing.T, code int, args ...string) string {
	t.Helper()
	if got := Main(args, f.System); got != code {
		t.Errorf("jwtctl %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, f.err.String())
	}
	return f.out.String()
}

// TestKeygenRefusesToShowPrivateKeys_S6 refuses to show a private key to a terminal, unless forced.
func TestKeygenRefusesToShowPrivateKeys_S6(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tty    bool
		args   []string
		code   int
		stdout string
	}{
		"terminal":         {tty: true, args: []string{"keygen", "-o", "-"}, code: 2},
		"terminal, forced": {tty: true, args: []string{"keygen", "-o", "-", "--force"}, stdout: "BEGIN PRIVATE KEY"},
		"pipe":             {args: []string{"keygen", "-o", "-"}, stdout: "BEGIN PRIVATE KEY"},
		"secret":           {tty: true, args: []string{"keygen", "-o", "-", "--alg", "HS256"}, code: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.OutTTY = test.tty
			f.run(t, test.code, test.args...)
			if got := f.out.String(); !strings.Contains(got, test.stdout) || test.code != 0 && got != "" {
				t.Errorf("stdout: got %q, want %q in it", got, test.stdout)
			}
		})
	}
}

// TestColorsOnlyOnTerminals_S71: output is colored only on a terminal, unless something
// forbids it.
func TestColorsOnlyOnTerminals_S71(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tty     bool
		env     map[string]string
		args    []string
		painted bool
	}{
		"terminal":             {tty: true, painted: true},
		"pipe":                 {},
		"NO_COLOR":             {tty: true, env: map[string]string{"NO_COLOR": "1"}},
		"empty NO_COLOR":       {tty: true, env: map[string]string{"NO_COLOR": ""}, painted: true},
		"TERM=dumb":            {tty: true, env: map[string]string{"TERM": "dumb"}},
		"never":                {tty: true, args: []string{"--color", "never"}},
		"always, into a pipe":  {args: []string{"--color", "always"}, painted: true},
		"always over NO_COLOR": {env: map[string]string{"NO_COLOR": "1"}, args: []string{"--color", "always"}, painted: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.ErrTTY = test.tty
			for k, v := range test.env {
				f.env[k] = v
			}
			f.In = readerThatFails{t}
			f.run(t, 3, append(test.args, "jwks", "--key", "nope.pem")...)
			if got := strings.Contains(f.err.String(), "\x1b["); got != test.painted {
				t.Errorf("painted: got %v, want %v\n%q", got, test.painted, f.err.String())
			}
			if strings.Contains(f.err.String(), "\x1b]") {
				t.Error("the terminal was queried")
			}
		})
	}
}

// readerThatFails fails the test if stdin is read for styling.
type readerThatFails struct{ t *testing.T }

func (r readerThatFails) Read([]byte) (int, error) {
	r.t.Error("stdin was read")
	return 0, io.EOF
}

// TestInterrupted: a command that waits for input ends with code 3.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.ctx = ctx
	in, w := io.Pipe()
	f.In = in
	defer func() { _ = w.Close() }()
	go func() {
		_, _ = w.Write([]byte("eyJ")) // it is reading and waits for more
		cancel()
	}()
	f.run(t, 3, "inspect", "-")
	if got := f.err.String(); !strings.HasPrefix(got, "jwtctl: interrupted\n") {
		t.Errorf("stderr: got %s, want prefix %q", got, "jwtctl: interrupted\n")
	}
}

// TestPanicExits3WithoutItsText: a panic exits with code 3 and prints the stack, but not
// the panic's value.
func TestPanicExits3WithoutItsText(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := newDeps(f.System)
	root := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { panic("the canary") }}
	root.SetArgs(nil)
	err := execute(root, f.System, new(atomic.Bool))
	d.Report(err)
	if got := f.err.String(); strings.Contains(got, "canary") || !strings.Contains(got, "TestPanicExits3WithoutItsText") {
		t.Errorf("stderr: %s", got)
	}
}

// TestCommandsBuildAlone: a command built alone is the named one, and the same as among
// the others.
func TestCommandsBuildAlone(t *testing.T) {
	t.Parallel()
	sys := newFake(t).System
	all := Root(sys)
	for _, c := range commands() {
		alone := newRoot(newDeps(sys), []string{c.name, "--help"})
		if n := len(alone.Commands()); n != 1 || alone.Commands()[0].Name() != c.name {
			t.Fatalf("%q builds %d commands, the first of them %q", c.name, n, alone.Commands()[0].Name())
		}
		among, _, err := all.Find([]string{c.name})
		if err != nil || alone.Commands()[0].UsageString() != among.UsageString() {
			t.Errorf("%s: different when built alone: %v", c.name, err)
		}
	}
}

// TestUsageWidth: on a terminal the texts of flags are wrapped; documents and pipes have
// each on one line.
func TestUsageWidth(t *testing.T) {
	t.Parallel()
	for columns, want := range map[int]bool{0: false, 40: false, 80: true, 100: true} {
		sys := newFake(t).System
		sys.OutColumns = columns
		cmd, _, err := Root(sys).Find([]string{"verify"})
		if err != nil {
			t.Fatal(err)
		}
		_, flags, _ := strings.Cut(cmd.UsageString(), "\nFlags:\n")
		longest := 0
		for line := range strings.Lines(flags) {
			longest = max(longest, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
		}
		if wrapped := longest <= 100; wrapped != want || want && longest > columns {
			t.Errorf("%d columns: got a line of %d", columns, longest)
		}
	}
}

// TestFlags: every flag of every command can be set by a variable or a key, as the help
// promises, except those that must be given each time.
func TestFlags(t *testing.T) {
	t.Parallel()
	root := Root(newFake(t).System)
	var only []string
	settings.EachCommand(root, func(cmd *cobra.Command) {
		settings.EachFlag(cmd, func(f *pflag.Flag) {
			readsNone := cmd.Annotations[settings.IgnoresConfig] != "" // neither a file nor variables
			if settings.IsFlagOnly(f) && !readsNone && !slices.Contains(only, f.Name) {
				only = append(only, f.Name)
			}
			if settings.Key(f) == "" && !settings.IsFlagOnly(f) && f.Name != "help" {
				t.Errorf("%s --%s has no key in jwtctl.yaml", cmd.CommandPath(), f.Name)
			}
			if v := settings.Variable(f); v != "" && !strings.Contains(f.Usage, v) {
				t.Errorf("%s --%s does not name its variable", cmd.CommandPath(), f.Name)
			}
		})
	})
	slices.Sort(only)
	if want := "allow-plaintext at config dev dev-allow-remote example for-method force jwks no-expiry now print report-only rules token version write"; strings.Join(only, " ") != want {
		t.Errorf("got flags only for the command line: %v, want %s", only, want)
	}
}

// TestSurvivesWithoutFilesAndSpace_S74: commands exit cleanly without file descriptors or
// disk space.
func TestSurvivesWithoutFilesAndSpace_S74(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ script, stderr string }{
		"EMFILE":   {"jwtctl keygen -q >/dev/null; ulimit -n 5; jwtctl jwks </dev/null", "key.priv.pem: too many open files"},
		"no space": {"jwtctl keygen -q >/dev/null; jwtctl jwks >/dev/full", "no space left"},
		"stderr":   {"jwtctl jwks 2>/dev/full", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("bash", "-c", test.script)
			cmd.Dir = t.TempDir()
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != 3 {
				t.Errorf("exit code %d, want 3\n%s", code, stderr.String())
			}
			if got := stderr.String(); !strings.Contains(got, test.stderr) || strings.Contains(got, "panic") || strings.Contains(got, "goroutine") {
				t.Errorf("stderr: got %s, want %q in it", got, test.stderr)
			}
		})
	}
}
