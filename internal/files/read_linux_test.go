package files

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

const limit = 1 << 20

// read reads path as keys are read, and measures how long that takes.
func read(path string) ([]byte, error) { return Read(path, limit, fault.KeyUnreadable) }

// TestS11_ReadsAreBounded: no file makes a read hang or take much memory.
func TestS11_ReadsAreBounded(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, size int) string {
		return testkit.File(t, filepath.Join(dir, name), strings.Repeat("x", size))
	}
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	if err := makeSocket(socket); err != nil {
		t.Fatal(err)
	}
	sparse := file("sparse", 0)
	if err := os.Truncate(sparse, 1<<40); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		path string
		size int
		code fault.Code
		why  string
	}{
		"file":                   {file("small", 3), 3, "", ""},
		"empty":                  {file("empty", 0), 0, "", ""},
		"link":                   {link("link", "small"), 3, "", ""},
		"at the limit":           {file("limit", limit), limit, "", ""},
		"a byte over the limit":  {file("more", limit+1), 0, fault.FileTooLarge, "larger than the limit of 1048576 bytes"},
		"a tebibyte":             {sparse, 0, fault.FileTooLarge, "larger than the limit of 1048576 bytes"},
		"missing":                {filepath.Join(dir, "missing"), 0, fault.KeyUnreadable, "no such file or directory"},
		"no path":                {"", 0, fault.KeyUnreadable, "no such file or directory"},
		"NUL in the path":        {"a\x00b", 0, fault.KeyUnreadable, "invalid argument"},
		"folder":                 {dir, 0, fault.KeyUnreadable, "is a directory"},
		"socket":                 {socket, 0, fault.KeyUnreadable, "no such device or address"},
		"/dev/zero":              {"/dev/zero", 0, fault.KeyUnreadable, "neither a regular file nor a pipe"},
		"/dev/null":              {"/dev/null", 0, fault.KeyUnreadable, "neither a regular file nor a pipe"},
		"link to /dev/zero":      {link("zero", "/dev/zero"), 0, fault.KeyUnreadable, "neither a regular file nor a pipe"},
		"link to itself":         {link("loop", "loop"), 0, fault.KeyUnreadable, "too many levels of symbolic links"},
		"FIFO without a writer":  {fifo, 0, fault.KeyUnreadable, "a pipe without a writer"},
		"/proc/self/mem":         {"/proc/self/mem", 0, fault.KeyUnreadable, "input/output error"},
		"through a regular file": {filepath.Join(dir, "small", "x"), 0, fault.KeyUnreadable, "not a directory"},
		"growing file in /proc":  {"/proc/self/status", -1, "", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			data, err := read(c.path)
			runtime.ReadMemStats(&after)
			testkit.WantCode(t, err, c.code)
			if err == nil && len(data) != c.size && c.size >= 0 || err != nil && data != nil {
				t.Errorf("got %d bytes, want %d", len(data), c.size)
			}
			if err != nil && (!strings.Contains(err.Error(), c.why) || strings.Count(err.Error(), c.path) < 1) {
				t.Errorf("got %q, want %q", err, c.why)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Errorf("allocated %d bytes", used)
			}
		})
	}
}

// TestS11_PipesAreReadToTheirEnd: a pipe is read to its end, even if its writer opens it late or writes
// slowly, or if it is a shell's <(command).
func TestS11_PipesAreReadToTheirEnd(t *testing.T) {
	t.Run("late writer", readsLateWriter)
	t.Run("writer that pauses longer than the patience for opening", readsPausingWriter)
	t.Run("endless writer", refusesEndlessWriter)
}

func readsLateWriter(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	go func() {
		time.Sleep(100 * time.Millisecond)
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		writeSlowly(t, f, "one ", "two")
	}()
	if data, err := readPipe(f, fifo, limit, fault.KeyUnreadable, testkit.Timeout); err != nil || string(data) != "one two" {
		t.Errorf("got %q %v, want %q", data, err, "one two")
	}
}

func readsPausingWriter(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(writerTimeout + 200*time.Millisecond)
		writeSlowly(t, w, "text")
	}()
	if data, err := read(fdPath(r)); err != nil || string(data) != "text" {
		t.Errorf("got %q %v, want %q", data, err, "text")
	}
	_ = r.Close()
}

func refusesEndlessWriter(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for block := make([]byte, 64<<10); err == nil; {
			_, err = w.Write(block)
		}
	}()
	_, readErr := read(fdPath(r))
	testkit.WantCode(t, readErr, fault.FileTooLarge)
	_ = r.Close()
	<-done
}

// writeSlowly writes pieces to f with pauses, and closes it.
func writeSlowly(t *testing.T, f *os.File, pieces ...string) {
	for _, piece := range pieces {
		time.Sleep(50 * time.Millisecond)
		if _, err := f.WriteString(piece); err != nil {
			t.Error(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func fdPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }
