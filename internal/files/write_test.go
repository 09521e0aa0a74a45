package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

const oldText, newText = "the old file\n", "the new file\n"

// wantFile compares the content of the file at path with text; "" means that there is no
// file.
func wantFile(t *testing.T, path, text string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if text == "" {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s exists: %q %v", path, got, err)
		}
		return
	}
	if err != nil || string(got) != text {
		t.Errorf("%s: got %q (%v), want %q", path, got, err, text)
	}
}

// wantNames compares the names in dir with names, which are sorted.
func wantNames(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s: got %q, want %q", dir, got, names)
	}
}

func TestS2_ExistingFileIsKept(t *testing.T) {
	dir := t.TempDir()
	path := testkit.File(t, filepath.Join(dir, "k"), oldText)
	testkit.WantCode(t, Writer{}.Write(path, []byte(newText), Private, false), fault.FileExists)
	wantFile(t, path, oldText)
	testkit.WantCode(t, Writer{}.Write(path, []byte(newText), Private, true), "")
	wantFile(t, path, newText)
	wantNames(t, dir, "k")
}

// TestS2_RaceForTheName: a file that another process creates between the check and the
// last step is not replaced.
func TestS2_RaceForTheName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	late := &disk{before: map[string]func(){"link": func() { testkit.File(t, path, oldText) }}}
	testkit.WantCode(t, Writer{Disk: late}.Write(path, []byte(newText), Private, false), fault.FileExists)
	wantFile(t, path, oldText)
	wantNames(t, dir, "k")
}

// TestS2_SameRecognizesSpellings: two spellings of a path are recognized as one file.
func TestS2_SameRecognizesSpellings(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, d := range []string{"a", "far/inner"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testkit.File(t, "a/x", oldText)
	testkit.File(t, "other", oldText)
	for from, to := range map[string]string{"a": "dirlink", "a/x": "filelink", "far/inner": "deep", "nowhere": "dangling"} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link("a/x", "hard"); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		a, b string
		want bool
	}{
		"same spelling":                 {"a/x", "a/x", true},
		"dot":                           {"a/x", "./a/x", true},
		"dot dot":                       {"a/x", "a/../a/x", true},
		"absolute":                      {"a/x", filepath.Join(dir, "a/x"), true},
		"hard link":                     {"a/x", "hard", true},
		"symbolic link":                 {"a/x", "filelink", true},
		"through a linked folder":       {"a/x", "dirlink/x", true},
		"two files of the same content": {"a/x", "other", false},
		"one is missing":                {"a/x", "a/y", false},
		"both missing":                  {"a/y", "./a/../a/y", true},
		"both missing, absolute":        {"a/y", filepath.Join(dir, "a/y"), true},
		"both missing, linked folder":   {"a/y", "dirlink/y", true},
		"both missing, new folders":     {"a/new/er/y", "dirlink/new/er/y", true},
		"both missing, different names": {"a/y", "a/z", false},
		"both missing, other folder":    {"a/y", "y", false},
		"dot dot behind a link, kept":   {"deep/../y", "far/y", true},
		"dot dot behind a link, folded": {"deep/../y", "y", false},
		"dangling link":                 {"dangling", "dangling", true},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			if Same(c.a, c.b) != c.want || Same(c.b, c.a) != c.want {
				t.Errorf("Same(%s, %s): got %v, in reverse %v, want %v", c.a, c.b, Same(c.a, c.b), Same(c.b, c.a), c.want)
			}
		})
	}
	t.Run("from a linked folder", func(t *testing.T) {
		t.Chdir(filepath.Join(dir, "deep")) // now $PWD is the link
		if !Same("../y", filepath.Join(dir, "far/y")) || Same("../y", filepath.Join(dir, "y")) {
			t.Error("a path from a linked folder is resolved by its spelling")
		}
	})
}

// TestS73_SameFolder: the temporary file is in the folder that path leads to, even if a
// link precedes "..".
func TestS73_SameFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "far/inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("far/inner", filepath.Join(dir, "deep")); err != nil {
		t.Fatal(err)
	}
	far := filepath.Join(dir, "far")
	seen := false
	watch := &disk{before: map[string]func(){"link": func() {
		seen = true
		if list, err := os.ReadDir(far); err != nil || len(list) != 2 {
			t.Errorf("no temporary file in %s: %v %v", far, list, err)
		}
	}}}
	path := dir + "/deep/../k"
	testkit.WantCode(t, Writer{Disk: watch}.Write(path, []byte(newText), Private, false), "")
	wantFile(t, filepath.Join(far, "k"), newText)
	wantNames(t, dir, "deep", "far")
	if !seen {
		t.Error("the file was not linked into place")
	}
}

func TestMakeFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "open"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
	testkit.WantCode(t, MakeFolder(filepath.Join(dir, "open/a/b")), "")
	for name, mode := range map[string]fs.FileMode{"open": 0o755, "open/a": 0o700, "open/a/b": 0o700} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want mode %o", name, info.Mode(), err, mode)
		}
	}
	testkit.File(t, filepath.Join(dir, "file"), "")
	testkit.WantCode(t, MakeFolder(filepath.Join(dir, "file/a")), fault.FileFailed)
}
