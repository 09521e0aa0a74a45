package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Modes of the files that are written.
const (
	Private fs.FileMode = 0o600
	Shared  fs.FileMode = 0o644
)

// Disk is what writing needs of a file system; tests put faults into it.
type Disk interface {
	// CreateTemp makes a new file in dir, readable by its owner alone.
	CreateTemp(dir, pattern string) (File, error)
	Link(from, to string) error
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
}

// File is an open file that is being written.
type File interface {
	Name() string
	Write([]byte) (int, error)
	Chmod(fs.FileMode) error
	Sync() error
	Close() error
}

// Writer writes files to a Disk. Its zero value writes to the machine's own.
type Writer struct {
	Disk Disk
}

// Write puts data into the file at path with mode, replacing one that exists
// only if replace is set. The bytes go to a temporary file next to it, are
// synced and take their name in one step, so path holds the old or the new
// file at every instant, and a failure leaves the old one. Only where the last
// step fails, making the name durable, is the new file there already.
//
// It returns file_exists, file_not_plain for a path that is a link, folder,
// device or pipe, and file_failed for everything else.
func (w Writer) Write(path string, data []byte, mode fs.FileMode, replace bool) error {
	disk := w.Disk
	if disk == nil {
		disk = machine{}
	}
	if err := CheckTarget(path, replace); err != nil {
		return err
	}
	temp, err := fill(disk, path, data, mode)
	if err != nil {
		return failed(path, err)
	}
	if err := place(disk, temp, path, replace); err != nil {
		_ = disk.Remove(temp)
		if errors.Is(err, fs.ErrExist) {
			return exists(path)
		}
		return failed(path, err)
	}
	if err := disk.SyncDir(Folder(path)); err != nil {
		return failed(path, err)
	}
	return nil
}

// CheckTarget reports whether a file may be written at path: file_not_plain,
// file_exists, file_failed, or nil.
func CheckTarget(path string, replace bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return failed(path, err)
	case !info.Mode().IsRegular():
		return fault.New(fault.FileNotPlain, path, "is %s; only a regular file is written or replaced", kindOf(info.Mode()))
	case !replace:
		return exists(path)
	}
	return nil
}

// fill writes data to a temporary file next to path and returns its name.
func fill(disk Disk, path string, data []byte, mode fs.FileMode) (string, error) {
	f, err := disk.CreateTemp(Folder(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return "", err
	}
	err = func() error {
		if mode != Private { // widened while empty; a private file never changes its mode
			if err := f.Chmod(mode); err != nil {
				return err
			}
		}
		switch n, err := f.Write(data); {
		case err != nil:
			return err
		case n < len(data):
			return io.ErrShortWrite
		}
		return f.Sync()
	}()
	if err := errors.Join(err, f.Close()); err != nil {
		_ = disk.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// place gives the file at temp the name path in one step.
func place(disk Disk, temp, path string, replace bool) error {
	if replace {
		return disk.Rename(temp, path)
	}
	err := disk.Link(temp, path) // unlike rename, it fails where the name is taken
	switch {
	case err == nil:
		return disk.Remove(temp)
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EMLINK):
		// A file system without hard links: the check before is all there is.
		return disk.Rename(temp, path)
	}
	return err
}

// Folder returns the folder of the file at path as the system finds it; unlike
// filepath.Dir it leaves a ".." behind a link alone, which leads elsewhere.
func Folder(path string) string {
	if dir, _ := filepath.Split(path); dir != "" {
		return dir
	}
	return "."
}

// MakeFolder makes the folder at path, and those above it, for its owner alone
// where they do not exist (S1).
func MakeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return failed(path, err)
	}
	return nil
}

// Same reports whether two paths lead to one file, by whatever spelling or link;
// of files that do not exist yet, whether they would.
func Same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	return errA != nil && errB != nil && resolve(a) == resolve(b)
}

// resolve returns the absolute path without links of a file of which not all
// folders need exist.
func resolve(path string) string {
	const separator = string(filepath.Separator)
	if wd, err := os.Getwd(); err == nil && !filepath.IsAbs(path) {
		path = wd + separator + path // Join would fold ".." by spelling
	}
	missing := ""
	for {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Join(real, missing)
		}
		dir, base := filepath.Split(strings.TrimRight(path, separator))
		if base == "" {
			return filepath.Join(path, missing)
		}
		path, missing = dir, filepath.Join(base, missing)
	}
}

func exists(path string) error {
	return fault.New(fault.FileExists, path, "already exists").WithRemedy(fault.WriteElsewhere)
}

func failed(path string, err error) error {
	return fault.New(fault.FileFailed, path, "cannot be written: %w", Reason(err))
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file (" + strings.TrimSpace(mode.Type().String()) + ")"
}

// machine is the Disk of the machine.
type machine struct{}

func (machine) CreateTemp(dir, pattern string) (File, error) { return os.CreateTemp(dir, pattern) }
func (machine) Link(from, to string) error                   { return os.Link(from, to) }
func (machine) Rename(from, to string) error                 { return os.Rename(from, to) }
func (machine) Remove(path string) error                     { return os.Remove(path) }

func (machine) SyncDir(dir string) error {
	if runtime.GOOS == "windows" { // which can sync files alone
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	// Some file systems have no sync for folders; the file itself is synced.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
