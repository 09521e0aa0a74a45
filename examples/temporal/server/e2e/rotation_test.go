package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// testTokenRotation runs workflows while the tokens of worker and client expire.
func testTokenRotation(t *testing.T, bin programs) {
	const (
		life  = 15 * time.Second // a third of it is left when a token is replaced: the machine may be slow
		wants = 3                // tokens on either side: more than one lifetime
	)
	here := newPlace(t)
	endpoint, _ := here.serveKeys(t, bin, "gen-and-serve")
	s := startServer(t, endpoint)
	s.mustRegister(t, here.token(t, bin, "--system"), "default")

	worker := here.start(t, bin.worker, "--address", s.address, "--token-ttl", life.String())
	tokens := here.keepToken(t, bin, "--namespace", "default", "--ttl", life.String())
	rotating := s.client(t, "default", tokens)
	fixed := s.client(t, "default", here.token(t, bin, "--namespace", "default", "--ttl", life.String()))
	if err := greet(fixed); err != nil {
		t.Fatalf("workflow with a fresh fixed token: %v", err)
	}

	workflows := 0
	eventually(t, fmt.Sprintf("%d tokens on either side", wants), func() error {
		workflows++
		if err := greet(rotating); err != nil {
			t.Fatalf("workflow %d failed: %v", workflows, err)
		}
		if n := strings.Count(worker.stderr.String(), `msg="new token"`); tokens.count() < wants || n < wants {
			return fmt.Errorf("client used %d, worker made %d", tokens.count(), n)
		}
		return nil
	})
	t.Logf("%d workflows", workflows)

	if strings.Contains(worker.stderr.String(), "unauthorized") {
		t.Errorf("the worker was refused on the way:\n%s", redact(worker.stderr.String()))
	}
	if refusals := s.log.refusals(0); len(refusals) > 0 {
		t.Errorf("tokens were refused on the way: %q", refusals)
	}
	// The counter-check: without rotation the same client would be refused by now.
	if err := refused(count(fixed)); err != nil {
		t.Errorf("fixed token of %s: %v", life, err)
	}
	if got := s.log.refusals(0); !slices.Equal(got, []string{"Token is expired"}) {
		t.Errorf("causes in the server's log: %q, want one: Token is expired", got)
	}
}

// testKeyRotation replaces the key: publish the new one next to the old, switch, retire
// the old. The worker keeps running.
func testKeyRotation(t *testing.T, bin programs) {
	here := newPlace(t)
	served := filepath.Join(here.dir, "served")
	if err := os.Mkdir(served, 0o700); err != nil {
		t.Fatal(err)
	}
	oldFile, newFile := filepath.Join(served, "old.priv.pem"), filepath.Join(served, "new.priv.pem")
	oldKid := here.keygen(t, bin, oldFile)
	endpoint, _ := here.serveKeys(t, bin, "serve", "--key-dir", served)
	s := startServer(t, endpoint)
	s.mustRegister(t, here.token(t, bin, "--system", "--key", oldFile), "default")
	inUse := filepath.Join(here.dir, "key.priv.pem") // the worker's copy
	replaceFile(t, oldFile, inUse)
	worker := here.start(t, bin.worker, "--address", s.address, "--token-ttl", "15s")
	here.mustGreet(t, bin, s)

	newKid := here.keygen(t, bin, newFile)
	withOld := s.client(t, "default", here.token(t, bin, "--namespace", "default", "--key", oldFile))
	withNew := s.client(t, "default", here.token(t, bin, "--namespace", "default", "--key", newFile))
	eventually(t, "new key accepted", func() error { return count(withNew) })
	if err := count(withOld); err != nil {
		t.Errorf("old key in the overlap: %v", err)
	}

	replaceFile(t, newFile, inUse)
	eventually(t, "worker changed over to the new key", func() error {
		if err := greet(withNew); err != nil { // an idle worker makes no request, so it needs no token
			t.Fatal(err)
		}
		return containsAll(worker.stderr.String(), newKid)
	})
	before := s.log.mark()
	if err := os.Remove(oldFile); err != nil {
		t.Fatal(err)
	}
	eventually(t, "old key refused", func() error { return refused(count(withOld)) })
	if got, want := s.log.refusals(before), "ECDSA key not found for key ID: "+oldKid; !slices.Equal(got, []string{want}) {
		t.Errorf("causes in the server's log: %q, want one: %s", got, want)
	}
	if err := count(withNew); err != nil {
		t.Errorf("new key after the old one was retired: %v", err)
	}
	here.mustGreet(t, bin, s)
	if strings.Contains(worker.stderr.String(), "unauthorized") {
		t.Errorf("the worker was refused on the way:\n%s", redact(worker.stderr.String()))
	}
}

// replaceFile atomically replaces a file by a copy of another, so that no reader sees half
// of it.
func replaceFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	err = errors.Join(err, os.WriteFile(to+".new", data, 0o600), os.Rename(to+".new", to))
	if err != nil {
		t.Fatal(err)
	}
}

// tokenFile is a headers provider that reads the file of jwtctl token --out for every
// request.
type tokenFile struct {
	path string

	mu   sync.Mutex
	seen map[string]bool
}

// keepToken runs jwtctl token --refresh until the test ends.
func (p place) keepToken(t *testing.T, bin programs, args ...string) *tokenFile {
	t.Helper()
	f := &tokenFile{path: filepath.Join(t.TempDir(), "token.jwt"), seen: map[string]bool{}}
	p.start(t, bin.jwtctl, slices.Concat([]string{"token", "--format", "token", "--out", f.path, "--refresh"}, args)...)
	eventually(t, "a first token", func() error {
		_, err := os.Stat(f.path)
		return err
	})
	return f
}

// replaceToken replaces the token of a file every two seconds, long before it expires,
// until the test ends.
func (p place) replaceToken(t *testing.T, bin programs, args ...string) *tokenFile {
	t.Helper()
	f := &tokenFile{path: filepath.Join(t.TempDir(), "token.jwt"), seen: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	replace := func() {
		cmd := p.command(ctx, bin.jwtctl, slices.Concat([]string{"token", "--format", "token", "--out", f.path}, args)...)
		if out, err := cmd.CombinedOutput(); err != nil && ctx.Err() == nil {
			t.Errorf("%v\n%s", err, redact(string(out)))
		}
	}
	replace()
	var replacing sync.WaitGroup
	replacing.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(2 * time.Second):
				replace()
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		replacing.Wait()
	})
	return f
}

// GetHeaders makes it an SDK headers provider.
func (f *tokenFile) GetHeaders(context.Context) (map[string]string, error) {
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	token := strings.TrimSpace(string(text))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[token] = true
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// count returns the number of different tokens in requests.
func (f *tokenFile) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}
