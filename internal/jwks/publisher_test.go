package jwks_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// watch makes p check for changes frequently until the test ends.
func watch(t *testing.T, p *published, requests <-chan struct{}, interval time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { p.publisher.Watch(ctx, interval, requests); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
}

// stays fails unless p keeps serving want and reports degraded with code.
func stays(t *testing.T, p *published, want []string, code fault.Code) {
	t.Helper()
	testkit.Eventually(t, "health is degraded by "+string(code), func() bool {
		_, health := p.get(t, jwks.HealthPath)
		return strings.HasPrefix(health, "degraded: ") && strings.Contains(health, string(code))
	})
	if got := p.kids(t); !slices.Equal(got, want) {
		t.Errorf("got keys %v, want %v", got, want)
	}
	if !strings.Contains(p.log.String(), "code="+string(code)) {
		t.Errorf("the log does not name %s: %s", code, p.log)
	}
}

func becomes(t *testing.T, p *published, want ...string) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("the set is %v", want), func() bool { return slices.Equal(p.kids(t), want) })
	testkit.Eventually(t, "health is ok", func() bool { _, h := p.get(t, jwks.HealthPath); return h == "ok\n" })
}

func TestS17_FolderIsFollowed(t *testing.T) {
	dir := t.TempDir()
	a, b := newKey(t, keys.ES256, "a"), newKey(t, keys.EdDSA, "b")
	write(t, dir, "a.jwk", jwkOf(t, a))
	p := publish(t, folder(dir), jwks.HandlerOptions{})
	watch(t, p, nil, 10*time.Millisecond)
	becomes(t, p, "a")
	_, before := p.get(t, jwks.DefaultPath)

	write(t, dir, "b.json", jwkOf(t, b))
	becomes(t, p, "a", "b")

	write(t, dir, "b.json", jwkOf(t, b)[:40]) // half written
	stays(t, p, []string{"a", "b"}, fault.KeyInvalid)
	write(t, dir, "b.json", nil)
	stays(t, p, []string{"a", "b"}, fault.KeyFormatUnknown)
	write(t, dir, "b.json", jwkOf(t, newKey(t, keys.HS256, "")))
	stays(t, p, []string{"a", "b"}, fault.KeyIsSecret)
	write(t, dir, "b.json", jwkOf(t, newKey(t, keys.ES256, "a")))
	stays(t, p, []string{"a", "b"}, fault.KeyAmbiguous)

	remove(t, filepath.Join(dir, "a.jwk"))
	remove(t, filepath.Join(dir, "b.json"))
	stays(t, p, []string{"a", "b"}, fault.KeySetEmpty)

	write(t, dir, "b.pem", pemOf(t, b))
	becomes(t, p, publicOf(t, newKeyLike(t, b)).ID())
	remove(t, filepath.Join(dir, "b.pem"))
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	stays(t, p, []string{newKeyLike(t, b).ID()}, fault.KeyUnreadable)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.jwk", jwkOf(t, a))
	becomes(t, p, "a")
	if _, after := p.get(t, jwks.DefaultPath); after != before {
		t.Errorf("different bytes for the same keys:\n%s\n%s", before, after)
	}
	if _, health := p.get(t, jwks.HealthPath); strings.Contains(health, dir) {
		t.Errorf("health reveals paths: %s", health)
	}
}

// newKeyLike returns k with its thumbprint as ID.
func newKeyLike(t *testing.T, k *keys.Key) *keys.Key {
	t.Helper()
	again, err := keys.Parse(pemOf(t, k), keys.Attributes{})
	if err != nil {
		t.Fatal(err)
	}
	return again.Keys[0]
}

func TestS17_ReloadWhenTold(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "key", jwkOf(t, newKey(t, keys.ES256, "a")))
	p := publish(t, func(log *slog.Logger) jwks.Load {
		return (&jwks.Source{Files: []string{path}, Log: log}).Load
	}, jwks.HandlerOptions{})
	requests := make(chan struct{})
	watch(t, p, requests, time.Hour)
	write(t, dir, "key", jwkOf(t, newKey(t, keys.ES256, "b")))
	if got := p.kids(t); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("serves %v before the reload", got)
	}
	requests <- struct{}{}
	becomes(t, p, "b")
	if _, health := p.get(t, jwks.HealthPath); health != "ok\n" {
		t.Errorf("health: got %s, want %s", health, "ok\n")
	}
}

// TestS17_ContentDecides: a file rewritten in place keeps its inode, its size and, on a
// coarse clock, its time, but the change is noticed.
func TestS17_ContentDecides(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "a.jwk", jwkOf(t, newKey(t, keys.EdDSA, "a")))
	p := publish(t, folder(dir), jwks.HandlerOptions{})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.jwk", jwkOf(t, newKey(t, keys.EdDSA, "b")))
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := p.publisher.Reload(); err != nil {
		t.Fatal(err)
	}
	becomes(t, p, "b")
}

// TestS17_KubernetesSecretIsFollowed: Kubernetes mounts a secret as links through ..data,
// and replaces that link.
func TestS17_KubernetesSecretIsFollowed(t *testing.T) {
	dir := t.TempDir()
	generation := func(name, kid string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), "key.pem", pemOf(t, newKey(t, keys.ES256, "")))
		write(t, filepath.Join(dir, name), "key.jwk", jwkOf(t, newKey(t, keys.ES256, kid)))
	}
	link := func(from, to string) {
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	generation("..2026_01", "a")
	link("..2026_01", "..data")
	link("..data/key.jwk", "key.jwk")
	p := publish(t, folder(dir), jwks.HandlerOptions{})
	watch(t, p, nil, 10*time.Millisecond)
	becomes(t, p, "a")

	generation("..2026_02", "b")
	link("..2026_02", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	becomes(t, p, "b")
	remove(t, filepath.Join(dir, "..data"))
	stays(t, p, []string{"b"}, fault.KeyUnreadable)
}

// TestS17_LogIsQuiet: a lasting problem is logged once, not on each tick.
func TestS17_LogIsQuiet(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "a.jwk", jwkOf(t, newKey(t, keys.ES256, "a")))
	var loads atomic.Int32
	p := publish(t, func(log *slog.Logger) jwks.Load {
		load := folder(dir)(log)
		return func() ([]*keys.Key, error) { loads.Add(1); return load() }
	}, jwks.HandlerOptions{})
	watch(t, p, nil, time.Millisecond)
	if err := os.Rename(write(t, dir, "new", []byte("{")), filepath.Join(dir, "b.jwk")); err != nil { // atomically
		t.Fatal(err)
	}
	stays(t, p, []string{"a"}, fault.KeyInvalid)
	before := loads.Load()
	testkit.Eventually(t, "it has tried ten times more", func() bool { return loads.Load() > before+10 })
	if n := strings.Count(p.log.String(), "level=ERROR"); n != 1 {
		t.Errorf("got %d lines for one problem, want 1:\n%s", n, p.log)
	}
	remove(t, path)
}

func TestS17_PipeIsReadOnce(t *testing.T) {
	r, w, err := os.Pipe() // like a shell's <(command)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := w.Write(jwkOf(t, newKey(t, keys.ES256, "a"))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/dev/fd/%d", r.Fd())
	s := &jwks.Source{Files: []string{path}, Log: (&logBook{}).logger()}
	for range 2 {
		list, err := s.Load()
		if err != nil || len(list) != 1 || list[0].ID() != "a" {
			t.Fatalf("got %v, %v", list, err)
		}
	}
}
