package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
)

const oldText, newText = "the old file\n", "the new file\n"

// wantFile compares the file at path with text, "" meaning that there is none.
func wantFile(t *testing.T, path, text string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if text == "" {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %q %v", path, got, err)
		}
		return
	}
	if err != nil || string(got) != text {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, text)
	}
}

// wantNames compares the names in dir with names, given in order.
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
		t.Errorf("%s holds %q, want %q", dir, got, names)
	}
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("got %v (%q), want %q", err, fault.CodeOf(err), code)
	}
}

// put writes text to path as some other program would.
func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestS2_ExistingFileIsKept(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "k"), oldText)
	wantCode(t, Writer{}.Write(path, []byte(newText), Private, false), fault.FileExists)
	wantFile(t, path, oldText)
	wantCode(t, Writer{}.Write(path, []byte(newText), Private, true), "")
	wantFile(t, path, newText)
	wantNames(t, dir, "k")
}

// TestS2_RaceForTheName: a file that somebody else makes between the check
// and the last step is not replaced either.
func TestS2_RaceForTheName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	late := &disk{before: map[string]func(){"link": func() { put(t, path, oldText) }}}
	wantCode(t, Writer{Disk: late}.Write(path, []byte(newText), Private, false), fault.FileExists)
	wantFile(t, path, oldText)
	wantNames(t, dir, "k")
}

// TestS2_Same finds one file behind two spellings.
func TestS2_Same(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, d := range []string{"a", "far/inner"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, "a/x", oldText)
	put(t, "other", oldText)
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
		"both missing, apart":           {"a/y", "a/z", false},
		"both missing, other folder":    {"a/y", "y", false},
		"dot dot behind a link, kept":   {"deep/../y", "far/y", true},
		"dot dot behind a link, folded": {"deep/../y", "y", false},
		"dangling link":                 {"dangling", "dangling", true},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			if Same(c.a, c.b) != c.want || Same(c.b, c.a) != c.want {
				t.Errorf("Same(%s, %s) is %v, the other way round %v; want %v", c.a, c.b, Same(c.a, c.b), Same(c.b, c.a), c.want)
			}
		})
	}
	t.Run("from a linked folder", func(t *testing.T) {
		t.Chdir(filepath.Join(dir, "deep")) // $PWD is now the link
		if !Same("../y", filepath.Join(dir, "far/y")) || Same("../y", filepath.Join(dir, "y")) {
			t.Error("a path from a linked folder is folded by its spelling")
		}
	})
}

// TestS73_SameFolder: the temporary file is in the folder that path leads to,
// also where a link stands before "..".
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
	wantCode(t, Writer{Disk: watch}.Write(path, []byte(newText), Private, false), "")
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
	wantCode(t, MakeFolder(filepath.Join(dir, "open/a/b")), "")
	for name, mode := range map[string]fs.FileMode{"open": 0o755, "open/a": 0o700, "open/a/b": 0o700} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want mode %o", name, info.Mode(), err, mode)
		}
	}
	put(t, filepath.Join(dir, "file"), "")
	wantCode(t, MakeFolder(filepath.Join(dir, "file/a")), fault.FileFailed)
}

// disk is the machine's, with one step that fails and calls before others.
type disk struct {
	machine
	step   string // create, chmod, write, short, sync, close, link, rename, remove, syncdir
	err    error
	before map[string]func()
}

func (d *disk) at(step string) error {
	if f := d.before[step]; f != nil {
		f()
	}
	if d.step == step {
		return d.err
	}
	return nil
}

func (d *disk) CreateTemp(dir, pattern string) (File, error) {
	if err := d.at("create"); err != nil {
		return nil, err
	}
	f, err := d.machine.CreateTemp(dir, pattern)
	return &diskFile{File: f, disk: d}, err
}

func (d *disk) Link(from, to string) error {
	return errors.Join(d.at("link"), d.unless("link", func() error { return d.machine.Link(from, to) }))
}
func (d *disk) Rename(from, to string) error {
	return errors.Join(d.at("rename"), d.unless("rename", func() error { return d.machine.Rename(from, to) }))
}
func (d *disk) SyncDir(dir string) error { return errors.Join(d.at("syncdir"), d.machine.SyncDir(dir)) }

func (d *disk) unless(step string, do func() error) error {
	if d.step == step {
		return nil
	}
	return do()
}

// Remove fails once, as on a disk that recovers.
func (d *disk) Remove(path string) error {
	if err := d.at("remove"); err != nil {
		d.step = ""
		return err
	}
	return d.machine.Remove(path)
}

type diskFile struct {
	File
	disk *disk
}

func (f *diskFile) Chmod(mode fs.FileMode) error {
	return errors.Join(f.disk.at("chmod"), f.File.Chmod(mode))
}
func (f *diskFile) Sync() error  { return errors.Join(f.disk.at("sync"), f.File.Sync()) }
func (f *diskFile) Close() error { return errors.Join(f.File.Close(), f.disk.at("close")) }

func (f *diskFile) Write(data []byte) (int, error) {
	half := data[:len(data)/2]
	if err := f.disk.at("write"); err != nil {
		n, _ := f.File.Write(half)
		return n, err
	}
	if f.disk.step == "short" { // against io.Writer's contract, as some file systems in user space do
		return f.File.Write(half)
	}
	return f.File.Write(data)
}

// TestS7_InjectedFaults lets each step of writing fail.
func TestS7_InjectedFaults(t *testing.T) {
	type step struct {
		name    string
		errs    []error
		replace []bool
		mode    fs.FileMode
	}
	both, all := []bool{false, true}, []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EDQUOT}
	for _, s := range []step{
		{"create", append(all, syscall.EACCES, syscall.EMFILE), both, Private},
		{"chmod", all, both, Shared},
		{"write", all, both, Private},
		{"short", []error{nil}, both, Private},
		{"sync", all, both, Private},
		{"close", all, both, Private},
		{"link", all, []bool{false}, Private},
		{"rename", all, []bool{true}, Private},
		{"syncdir", all, both, Private},
	} {
		for _, failure := range s.errs {
			for _, replace := range s.replace {
				name := s.name
				if failure != nil {
					name += " " + failure.Error()
				}
				if replace {
					name += ", replacing"
				}
				t.Run(name, func(t *testing.T) { checkFault(t, &disk{step: s.name, err: failure}, s.mode, replace) })
			}
		}
	}
}

func checkFault(t *testing.T, d *disk, mode fs.FileMode, replace bool) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	want, names := "", []string(nil)
	if replace {
		put(t, path, oldText)
		want, names = oldText, []string{"k"}
	}
	if d.step == "syncdir" { // the file has its name by then
		want, names = newText, []string{"k"}
	}
	err := Writer{Disk: d}.Write(path, []byte(newText), mode, replace)
	wantCode(t, err, fault.FileFailed)
	if fault.ClassOf(err) != fault.Undecided {
		t.Errorf("class %d", fault.ClassOf(err))
	}
	if d.err != nil && (!errors.Is(err, d.err) || !strings.Contains(err.Error(), d.err.Error())) {
		t.Errorf("the reason is lost: %v", err)
	}
	if err != nil && strings.Count(err.Error(), path) != 1 {
		t.Errorf("the file is not named once: %v", err)
	}
	wantFile(t, path, want)
	wantNames(t, dir, names...)
}

// TestS7_NoHardLinks: where a file system has none, the file is renamed.
func TestS7_NoHardLinks(t *testing.T) {
	for _, failure := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EMLINK} {
		dir := t.TempDir()
		path := filepath.Join(dir, "k")
		w := Writer{Disk: &disk{step: "link", err: &os.LinkError{Op: "link", Err: failure}}}
		wantCode(t, w.Write(path, []byte(newText), Private, false), "")
		wantFile(t, path, newText)
		wantNames(t, dir, "k")
		wantCode(t, w.Write(path, []byte(oldText), Private, false), fault.FileExists)
	}
}

// TestS7_RemoveFails: the file has its name, but its temporary one stays at
// first; nobody may be told that all went well, nor find two names.
func TestS7_RemoveFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	wantCode(t, Writer{Disk: &disk{step: "remove", err: syscall.EIO}}.Write(path, []byte(newText), Private, false), fault.FileFailed)
	wantFile(t, path, newText)
	wantNames(t, dir, "k")
}

func TestWriteLargeAndEmpty(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	wantCode(t, Writer{}.Write(path, large, Shared, false), "")
	wantFile(t, path, string(large))
	wantCode(t, Writer{}.Write(path, nil, Shared, true), "")
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("%v %v", info, err)
	}
}
