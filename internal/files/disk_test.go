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
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// disk is the real disk, except that one step fails. before is called ahead of each step.
type disk struct {
	osDisk
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
	f, err := d.osDisk.CreateTemp(dir, pattern)
	return &diskFile{File: f, disk: d}, err
}

func (d *disk) Link(from, to string) error {
	return errors.Join(d.at("link"), d.unless("link", func() error { return d.osDisk.Link(from, to) }))
}
func (d *disk) Rename(from, to string) error {
	return errors.Join(d.at("rename"), d.unless("rename", func() error { return d.osDisk.Rename(from, to) }))
}
func (d *disk) SyncDir(dir string) error { return errors.Join(d.at("syncdir"), d.osDisk.SyncDir(dir)) }

func (d *disk) unless(step string, do func() error) error {
	if d.step == step {
		return nil
	}
	return do()
}

// Remove fails once, like a disk that recovers.
func (d *disk) Remove(path string) error {
	if err := d.at("remove"); err != nil {
		d.step = ""
		return err
	}
	return d.osDisk.Remove(path)
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
	if f.disk.step == "short" { // violates io.Writer's contract, as some FUSE file systems do
		return f.File.Write(half)
	}
	return f.File.Write(data)
}

// TestS7_InjectedFaultsKeepTheOldFile: after a failure in any step of writing there is the
// old file, or none.
func TestS7_InjectedFaultsKeepTheOldFile(t *testing.T) {
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
		testkit.File(t, path, oldText)
		want, names = oldText, []string{"k"}
	}
	if d.step == "syncdir" { // the file already has its final name
		want, names = newText, []string{"k"}
	}
	err := Writer{Disk: d}.Write(path, []byte(newText), mode, replace)
	testkit.WantCode(t, err, fault.FileFailed)
	if fault.ClassOf(err) != fault.Undecided {
		t.Errorf("class %d, want %d", fault.ClassOf(err), fault.Undecided)
	}
	if d.err != nil && (!errors.Is(err, d.err) || !strings.Contains(err.Error(), d.err.Error())) {
		t.Errorf("the reason is lost: %v", err)
	}
	if err != nil && strings.Count(err.Error(), path) != 1 {
		t.Errorf("want the file named exactly once: %v", err)
	}
	wantFile(t, path, want)
	wantNames(t, dir, names...)
}

// TestS7_RenamesWithoutHardLinks: on a file system without hard links, the file is renamed.
func TestS7_RenamesWithoutHardLinks(t *testing.T) {
	for _, failure := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EMLINK} {
		dir := t.TempDir()
		path := filepath.Join(dir, "k")
		w := Writer{Disk: &disk{step: "link", err: &os.LinkError{Op: "link", Err: failure}}}
		testkit.WantCode(t, w.Write(path, []byte(newText), Private, false), "")
		wantFile(t, path, newText)
		wantNames(t, dir, "k")
		testkit.WantCode(t, w.Write(path, []byte(oldText), Private, false), fault.FileExists)
	}
}

// TestS7_FailedRemoveLeavesOneName: if the temporary file cannot be removed at first, Write must
// neither succeed nor leave two names.
func TestS7_FailedRemoveLeavesOneName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	testkit.WantCode(t, Writer{Disk: &disk{step: "remove", err: syscall.EIO}}.Write(path, []byte(newText), Private, false), fault.FileFailed)
	wantFile(t, path, newText)
	wantNames(t, dir, "k")
}

func TestWriteLargeAndEmpty(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	testkit.WantCode(t, Writer{}.Write(path, large, Shared, false), "")
	wantFile(t, path, string(large))
	testkit.WantCode(t, Writer{}.Write(path, nil, Shared, true), "")
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("got %v %v", info, err)
	}
}
