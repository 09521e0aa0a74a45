package files

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS1_PrivateFilesAreForTheirOwnerOnly: under every umask, a private file is readable only by its owner from its
// creation on, and its mode never changes; a shared file is readable by all.
func TestS1_PrivateFilesAreForTheirOwnerOnly(t *testing.T) {
	for _, umask := range []int{0o000, 0o022, 0o077} {
		for _, mode := range []fs.FileMode{Private, Shared} {
			for _, replace := range []bool{false, true} {
				t.Run(fmt.Sprintf("umask %03o mode %o replace %v", umask, mode, replace), func(t *testing.T) {
					dir := t.TempDir()
					path := filepath.Join(dir, "k")
					if replace {
						testkit.File(t, path, oldText)
						if err := os.Chmod(path, 0o666); err != nil {
							t.Fatal(err)
						}
					}
					old := syscall.Umask(umask)
					defer syscall.Umask(old)
					d := &modes{t: t, dir: dir}
					testkit.WantCode(t, Writer{Disk: d}.Write(path, []byte(newText), mode, replace), "")
					if d.looked == 0 || d.touched != (mode == Shared) {
						t.Errorf("checked %d times, mode changed: got %v, want %v", d.looked, d.touched, mode == Shared)
					}
					if info, err := os.Stat(path); err != nil || info.Mode() != mode {
						t.Errorf("got %v %v, want %v", info.Mode(), err, mode)
					}
				})
			}
		}
	}
}

// modes is a disk that checks the temporary file at each step.
type modes struct {
	osDisk
	t       *testing.T
	dir     string
	looked  int
	touched bool
}

func (d *modes) CreateTemp(dir, pattern string) (File, error) {
	f, err := d.osDisk.CreateTemp(dir, pattern)
	d.look(f, Private)
	return &modesFile{File: f, disk: d}, err
}

func (d *modes) look(f File, mode fs.FileMode) {
	d.looked++
	if info, err := os.Lstat(f.Name()); err != nil || info.Mode() != mode || filepath.Dir(f.Name()) != d.dir {
		d.t.Errorf("%s: got %v %v", f.Name(), info, err)
	}
}

type modesFile struct {
	File
	disk *modes
}

func (f *modesFile) Chmod(mode fs.FileMode) error {
	f.disk.touched = true
	if info, err := os.Stat(f.Name()); err != nil || info.Size() != 0 {
		f.disk.t.Errorf("the mode changes after content was written: %v %v", info, err)
	}
	return f.File.Chmod(mode)
}

func (f *modesFile) Write(data []byte) (int, error) {
	mode := Private
	if f.disk.touched {
		mode = Shared
	}
	f.disk.look(f, mode)
	return f.File.Write(data)
}

// TestS3_OnlyPlainFilesAreReplaced: a path that is not a regular file is neither replaced nor written to.
func TestS3_OnlyPlainFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	target := testkit.File(t, filepath.Join(dir, "target"), oldText)
	paths := map[string]func(path string) error{
		"link":     func(p string) error { return os.Symlink(target, p) },
		"dangling": func(p string) error { return os.Symlink(filepath.Join(dir, "nowhere"), p) },
		"folder":   func(p string) error { return os.Mkdir(p, 0o755) },
		"fifo":     func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"socket":   makeSocket,
		"full":     func(p string) error { return os.Symlink("/dev/full", p) },
	}
	for name, create := range paths {
		path := filepath.Join(dir, name)
		if err := create(path); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Lstat(path)
		for _, replace := range []bool{false, true} {
			err := Writer{}.Write(path, []byte(newText), Private, replace)
			testkit.WantCode(t, err, fault.FileNotPlain)
			testkit.WantCode(t, CheckTarget(path, replace), fault.FileNotPlain)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || before.Mode() != after.Mode() {
			t.Errorf("%s was changed: %v %v", name, after, err)
		}
	}
	wantFile(t, target, oldText)
	wantNames(t, dir, "dangling", "fifo", "folder", "full", "link", "socket", "target")
	// A separate device: if the check were broken, root would replace the machine's.
	null := filepath.Join(t.TempDir(), "null")
	if err := syscall.Mknod(null, syscall.S_IFCHR|0o600, 1<<8|3); err == nil { // only root may do this
		testkit.WantCode(t, Writer{}.Write(null, []byte(newText), Private, true), fault.FileNotPlain)
	}
}

// makeSocket makes a socket that nothing listens at. Unlike bind, it takes a path of any length.
func makeSocket(path string) error { return syscall.Mknod(path, syscall.S_IFSOCK|0o600, 0) }

// jobs run in a separate process with limits.
var jobs = map[string]func(path string) error{
	"full file": func(path string) error { // like a disk that fills up halfway
		signal.Ignore(syscall.SIGXFSZ)
		return limited(syscall.RLIMIT_FSIZE, 100, func() error {
			return Writer{}.Write(path, bytes.Repeat([]byte("x"), 4096), Private, true)
		})
	},
	"no file descriptors": func(path string) error {
		return limited(syscall.RLIMIT_NOFILE, 3, func() error {
			return Writer{}.Write(path, []byte(newText), Private, true)
		})
	},
}

func limited(resource int, most uint64, do func() error) error {
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		return err
	}
	return do()
}

// TestS7_KernelFaultsKeepTheOldFile uses real failures of the kernel. EFBIG replaces ENOSPC if the tests
// may not mount; it also fails after a part was written.
func TestS7_KernelFaultsKeepTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := testkit.File(t, filepath.Join(dir, "k"), oldText)
	for job, why := range map[string]string{"full file": "file too large", "no file descriptors": "too many open files"} {
		out, failed := inProcess(t, job, path)
		if !failed || out != path+": cannot be written: "+why {
			t.Errorf("%s: got %q, want %q", job, out, path+": cannot be written: "+why)
		}
		wantFile(t, path, oldText)
		wantNames(t, dir, "k")
	}
	long := strings.Repeat("x", 256)
	for _, bad := range []string{"/proc/self/k", "/sys/k", dir + "/missing/k", path + "/k", dir + "/" + long, dir + "/k\x00", dir + "/", ""} {
		testkit.WantCode(t, Writer{}.Write(bad, []byte(newText), Private, false), writeCode(bad))
	}
	wantNames(t, dir, "k")
	if os.Getuid() != 0 { // root ignores file modes
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Chmod(dir, 0o755) }()
		testkit.WantCode(t, Writer{}.Write(path, []byte(newText), Private, true), fault.FileFailed)
		wantFile(t, path, oldText)
		return
	}
	checkMounts(t)
}

// writeCode returns the code to expect: file_failed, except for a path that names a
// folder.
func writeCode(path string) fault.Code {
	if strings.HasSuffix(path, "/") {
		return fault.FileNotPlain
	}
	return fault.FileFailed
}

// checkMounts writes to a file system of two pages, and to one that has become read-only.
// Root in a container may not mount; the other faults still cover it.
func checkMounts(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Logf("cannot mount: %v", err)
		return
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	path := testkit.File(t, filepath.Join(dir, "k"), oldText)
	large := bytes.Repeat([]byte("x"), 64<<10)
	check := func(where string, errno syscall.Errno) {
		for name, want := range map[string]string{"k": oldText, "new": ""} {
			err := Writer{}.Write(filepath.Join(dir, name), large, Private, true)
			testkit.WantCode(t, err, fault.FileFailed)
			if err == nil || !strings.Contains(err.Error(), errno.Error()) {
				t.Errorf("%s: %v, want %v", where, err, errno)
			}
			wantFile(t, filepath.Join(dir, name), want)
		}
		wantNames(t, dir, "k")
	}
	check("full", syscall.ENOSPC)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	check("read-only", syscall.EROFS)
	testkit.WantCode(t, MakeFolder(filepath.Join(dir, "folder")), fault.FileFailed)
	wantFile(t, path, oldText)
}
