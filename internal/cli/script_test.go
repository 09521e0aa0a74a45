package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jwtctl/jwtctl/internal/system"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestMain lets the scripts call this program as jwtctl and temporal-jwt.
func TestMain(m *testing.M) {
	testscript.Main(alone{m}, map[string]func(){
		"jwtctl":       func() { os.Exit(Main(Arguments(os.Args), system.OS())) },
		"temporal-jwt": func() { os.Exit(Main(Arguments(os.Args), system.OS())) },
	})
}

// alone runs the tests, but not the commands of scripts, without the developer's settings.
type alone struct{ *testing.M }

func (a alone) Run() int {
	testkit.OwnEnvironment("JWTCTL_PEERS")
	return a.M.Run()
}

// TestScripts runs testdata/script: one folder per command, one file per behaviour.
func TestScripts(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("../../testdata/script/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no scripts found: %v", err)
	}
	kalix, err := filepath.Abs("../descset")
	if err != nil {
		t.Fatal(err)
	}
	const limit = 10 * time.Minute
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir:                 dir,
				Deadline:            time.Now().Add(limit), // a command that hangs must not hang the run
				UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
				RequireExplicitExec: true,
				Setup: func(env *testscript.Env) error {
					env.Setenv("HOME", env.WorkDir)
					env.Setenv("KALIX", kalix) // for protoc
					env.Vars = append(env.Vars, noRaceWait, "LC_ALL=C")
					env.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(env.WorkDir)) // the temporary folder may be in a work tree
					return nil
				},
				Condition: func(name string) (bool, error) {
					if name != "peers" {
						return false, fmt.Errorf("unknown condition %q", name)
					}
					return withPeers(), nil
				},
				Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
					"exits":   exits,
					"mode":    mode,
					"part":    part,
					"await":   await,
					"fetch":   fetch,
					"onlyhas": onlyHas,
				},
			})
		})
	}
}

// withPeers reports whether make peers is running: step is installed, and time does not
// matter.
func withPeers() bool { return os.Getenv("JWTCTL_PEERS") != "" }

// exits runs a program and expects its exit code: `exits 2 jwtctl token`. Use stdout and
// stderr to check its output.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// mode expects a file's permissions: `mode 0600 key.priv.pem`.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Lstat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); neg == (got == args[0]) {
		ts.Fatalf("%s has mode %s", args[1], got)
	}
}

// part prints the header (0) or the claims (1) of the token in a file, which may also
// have a variable or header line: `part 1 stdout`.
func part(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.TrimRight(strings.TrimSpace(ts.ReadFile(args[1])), "'")
	if i := strings.LastIndexAny(text, " =:"); i >= 0 {
		text = text[i+1:]
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		ts.Fatalf("no token in %s", args[1])
	}
	decoded, err := base64.RawURLEncoding.DecodeString(parts[n])
	ts.Check(err)
	_, err = fmt.Fprintf(ts.Stdout(), "%s\n", decoded)
	ts.Check(err)
}

// await waits until a file exists and is not empty or, as `! await`, until it is removed.
func await(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(testkit.Timeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		info, err := os.Stat(ts.MkAbs(args[0]))
		if there := err == nil && info.Size() > 0; there != neg {
			return
		}
	}
	ts.Fatalf("timed out waiting for %s", args[0])
}

// fetch prints the response of the URL in a file, with an optional path: status line,
// then body. `fetch url.txt`, or `fetch url.txt /healthz`. With a third argument it
// retries until the response contains that text.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	url := strings.TrimSpace(ts.ReadFile(args[0]))
	if len(args) > 1 && args[1] != "" {
		scheme, rest, _ := strings.Cut(url, "://")
		host, _, _ := strings.Cut(rest, "/")
		url = scheme + "://" + host + args[1]
	}
	answer := ""
	for end := time.Now().Add(testkit.Timeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		answer = get(ts, url)
		if len(args) < 3 || strings.Contains(answer, args[2]) != neg {
			_, err := fmt.Fprint(ts.Stdout(), answer)
			ts.Check(err)
			return
		}
	}
	ts.Fatalf("%s: timed out, last response:\n%s", url, answer)
}

func get(ts *testscript.TestScript, url string) string {
	resp, err := (&http.Client{Timeout: testkit.Timeout}).Get(url)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	var body strings.Builder
	_, err = fmt.Fprintf(&body, "%s\n", resp.Status)
	ts.Check(err)
	buf := make([]byte, 1<<16)
	for {
		n, err := resp.Body.Read(buf)
		body.Write(buf[:n])
		if err != nil {
			return body.String()
		}
	}
}

// onlyHas expects a folder to have exactly these names, so that nothing was left behind:
// `onlyhas . key.priv.pem`.
func onlyHas(ts *testscript.TestScript, neg bool, args []string) {
	var got []string
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		ts.Check(err)
	}
	for _, e := range entries {
		if e.Name() != ".tmp" { // testscript's own
			got = append(got, e.Name())
		}
	}
	if have, want := strings.Join(got, " "), strings.Join(args[1:], " "); neg == (have == want) {
		ts.Fatalf("%s contains %q", args[0], have)
	}
}
