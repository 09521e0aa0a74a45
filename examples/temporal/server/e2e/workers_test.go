package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// fileTokenLife is much longer than a token stays in the file: a worker may be slow.
const fileTokenLife = 24 * time.Second

// fileWorker is a worker in examples/temporal/workers, which reads its tokens from a file.
type fileWorker struct {
	program string
	args    []string
	// terminated is its exit code after SIGTERM.
	terminated int
}

func goWorker(bin programs) fileWorker { return fileWorker{program: bin.fileWorker} }

func pythonWorker(t *testing.T) fileWorker {
	return fileWorker{
		program: filepath.Join(installedWorkers(t), "python", "bin", "python"),
		args:    []string{absolute(t, "../../workers/python/worker.py")},
	}
}

func typescriptWorker(t *testing.T) fileWorker {
	return fileWorker{program: "node", args: []string{filepath.Join(installedWorkers(t), "typescript", "dist", "worker.js")}}
}

// javaWorker: a terminated JVM exits with 128 plus the signal's number, even after a clean
// shutdown.
func javaWorker(t *testing.T) fileWorker {
	dir := filepath.Join(installedWorkers(t), "java")
	return fileWorker{program: "java", args: []string{"-cp", dir + string(filepath.ListSeparator) + filepath.Join(dir, "*"), "example.GreetingWorker"}, terminated: 143}
}

// installedWorkers skips the test if no folder of workers is named.
func installedWorkers(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("JWTCTL_E2E_WORKERS")
	if dir == "" {
		skip(t, "JWTCTL_E2E_WORKERS is not set; make e2e installs the workers and sets it")
	}
	return absolute(t, dir)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// testFileWorker runs a worker until its first token has expired, while newer ones replace
// it, and jwtctl rotate replaces the key; the old one is then removed. No call may be
// refused meanwhile.
func testFileWorker(t *testing.T, bin programs, w fileWorker) {
	here := newPlace(t)
	here = here.with("PYTHONDONTWRITEBYTECODE=1")
	rotate := func(flags ...string) {
		here.mustRun(t, bin.jwtctl, slices.Concat([]string{"rotate", "--key-dir", "keys", "--publish-wait", "10s", "--max-token-life", fileTokenLife.String()}, flags)...)
	}
	rotate()
	endpoint, _ := here.serveKeys(t, bin, "serve", "--key-dir", "keys", "--reload-interval", "500ms")
	old := onlyKey(t, endpoint).ID
	s := startServer(t, endpoint)
	s.mustRegister(t, here.token(t, bin, "--system", "--key-dir", "keys"), "default")

	tokens := here.replaceToken(t, bin, "--key-dir", "keys", "--namespace", "default", "--ttl", fileTokenLife.String())
	expired := time.Now().Add(fileTokenLife) // the first token
	at := here.with("TEMPORAL_ADDRESS="+s.address, "TOKEN_FILE="+tokens.path)
	at.terminated = w.terminated
	worker := at.start(t, w.program, w.args...)
	client := s.client(t, "default", tokens)
	workflows := 0
	until := func(what string, check func() error) {
		eventually(t, what, func() error {
			workflows++
			if err := greet(client); err != nil {
				t.Fatalf("workflow %d, waiting for %s: %v\n%s", workflows, what, err, redact(worker.log()))
			}
			return check()
		})
	}
	until("3 tokens", func() error { return tokensIn(worker.log(), 3) })
	rotate("--now")
	until("3 tokens of a new key", func() error { // so no request with the old one is still on its way
		rotate()
		return newKeyIn(worker.log(), old)
	})
	// rotate itself would keep the old key for a minute longer than --max-token-life.
	if err := os.Remove(filepath.Join(here.dir, "keys", "key-"+old+".jwk")); err != nil {
		t.Fatal(err)
	}
	until("the old key removed", func() error { return only(endpoint, old) })
	settled := len(keyIDs(worker.log()))
	until("2 tokens of the new key alone", func() error { return tokensIn(worker.log(), settled+2) })
	until("the end of the first token", func() error {
		if left := time.Until(expired); left > 0 {
			return fmt.Errorf("it has %s left", left)
		}
		return nil
	})

	ids := keyIDs(worker.log())
	t.Logf("%d workflows; the worker used %d tokens of the keys %v", workflows, len(ids), slices.Compact(slices.Clone(ids)))
	if slices.Contains(ids[settled:], old) {
		t.Errorf("tokens of the removed key: %v", ids)
	}
	if refusals := s.log.refusals(0); len(refusals) > 0 {
		t.Errorf("tokens were refused on the way: %q", refusals)
	}
	if line := regexp.MustCompile(`(?i).*(unauthorized|permission.?denied|unauthenticated).*`).FindString(worker.log()); line != "" {
		t.Errorf("the worker was refused: %s", redact(line))
	}
}

func (p *process) log() string { return p.stdout.String() + p.stderr.String() }

// keyIDs returns the key of each token that a worker logged.
func keyIDs(log string) []string {
	var ids []string
	for _, m := range regexp.MustCompile(`new token, kid=([\w-]+)`).FindAllStringSubmatch(log, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

func tokensIn(log string, want int) error {
	if n := len(keyIDs(log)); n < want {
		return fmt.Errorf("%d tokens so far:\n%s", n, redact(log))
	}
	return nil
}

// newKeyIn returns nil once the last 3 tokens are of another key than old.
func newKeyIn(log, old string) error {
	ids := keyIDs(log)
	if last := ids[max(0, len(ids)-3):]; len(last) < 3 || slices.Contains(last, old) {
		return errors.New("still the old key")
	}
	return nil
}

// only returns nil if exactly one key, other than old, is served.
func only(endpoint, old string) error {
	resp, err := http.Get(endpoint)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var set struct{ Keys []servedKey }
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		return err
	}
	if len(set.Keys) != 1 || strings.Contains(set.Keys[0].ID, old) {
		return fmt.Errorf("%d keys are served", len(set.Keys))
	}
	return nil
}
