// Package testkit is what tests of several packages need: files, golden files, buffers
// that many write to, and waiting for a condition. Only tests import it.
package testkit

import (
	"bytes"
	"cmp"
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Update reports whether -update asks a test to write its golden files. The flag
// belongs to each test program that imports this package.
func Update() bool { return *update }

var update = flag.Bool("update", false, "write the golden files")

// Golden fails unless the file at path holds got; with -update it writes the file.
func Golden(tb testing.TB, path, got string) {
	tb.Helper()
	if Update() {
		File(tb, path, got)
	}
	if want := Read(tb, path); got != want {
		tb.Errorf("the golden file differs, go test -update writes it:\n%s", diff.Diff(path, []byte(want), "now", []byte(got)))
	}
}

// Must returns v, and panics for an error.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// WantCode fails unless err has this code, "" for no error.
func WantCode(tb testing.TB, err error, code fault.Code) {
	tb.Helper()
	if fault.CodeOf(err) != code {
		tb.Errorf("got %v (%q), want %q", err, fault.CodeOf(err), code)
	}
}

// Read returns the text of a file.
func Read(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// File writes a file and the folders above it, and returns its path. A reader at
// the same time sees the old text or the new one.
func File[T string | []byte](tb testing.TB, path string, text T) string {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Folder writes files, by their paths with /, to a new folder, and returns its path.
func Folder(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		File(tb, filepath.Join(dir, filepath.FromSlash(name)), text)
	}
	return dir
}

// Buffer is a bytes.Buffer that many goroutines may write to.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Timeout is how long anything may take that normally takes moments: the machine may
// be slow and loaded.
const Timeout = time.Minute

// Eventually waits until what holds, and fails if it does not within Timeout.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(Timeout); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", Timeout, what)
		}
	}
}

// Listen listens on a free port of the loopback interface.
func Listen(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// Median sorts values and returns the one in the middle.
func Median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
