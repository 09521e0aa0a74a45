package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
// only if replace is set. The bytes go to a temporary file beside it, are
// synced and take their name in one step, so path holds the old or the new
// file at every instant, and a failure leaves the old one.
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
	if err := disk.SyncDir(filepath.Dir(path)); err != nil {
		return failed(path, err)
	}
	return nil
}

// CheckTarget says whether a file may be written at path: file_not_plain,
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

// fill writes data to a temporary file beside path and returns its name.
func fill(disk Disk, path string, data []byte, mode fs.FileMode) (string, error) {
	f, err := disk.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return "", err
	}
	err = func() error {
		if mode != Private { // widened while empty; a private file never changes its mode
			if err := f.Chmod(mode); err != nil {
				return err
			}
		}
		if _, err := f.Write(data); err != nil {
			return err
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
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EMLINK):
		// A file system without hard links: the check before is all there is.
		return disk.Rename(temp, path)
	}
	return err
}

// MakeFolder makes the folder at path, and those above it, for its owner alone
// where they do not exist (S1).
func MakeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return failed(path, err)
	}
	return nil
}

// Same says whether two paths lead to one file, by whatever spelling or link;
// of files that do not exist yet, whether their cleaned absolute paths agree.
func Same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	return errA != nil && errB != nil && absolute(a) == absolute(b)
}

// absolute resolves the folder of path, which may exist where path does not.
func absolute(path string) string {
	full, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(full)); err == nil {
		return filepath.Join(dir, filepath.Base(full))
	}
	return full
}

func exists(path string) error {
	return fault.New(fault.FileExists, path, "exists already").WithHint("--force replaces it; -o writes somewhere else")
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
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	// Some file systems have no sync for folders; the file itself is synced.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
