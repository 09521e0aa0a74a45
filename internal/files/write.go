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

// Modes of written files.
const (
	Private fs.FileMode = 0o600
	Shared  fs.FileMode = 0o644
)

// Disk is what writing needs from a file system; tests inject faults.
type Disk interface {
	// CreateTemp creates a file in dir that only its owner can read.
	CreateTemp(dir, pattern string) (File, error)
	Link(from, to string) error
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir syncs the names in dir to disk.
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

// Writer writes files to a Disk. The zero value writes to the real one.
type Writer struct {
	Disk Disk
}

// Write writes data to the file at path with mode. It replaces an existing file only if
// replace is true. The data goes to a temporary file next to path, is synced and then
// renamed, so path always holds either the old or the new file, and a failure leaves the
// old one. The exception is the last step, syncing the folder: if that fails, the new
// file is in place.
//
// It returns file_exists, file_not_plain if path is a link, folder, device or pipe, and
// file_failed for everything else.
func (w Writer) Write(path string, data []byte, mode fs.FileMode, replace bool) error {
	disk := w.Disk
	if disk == nil {
		disk = osDisk{}
	}
	if err := CheckTarget(path, replace); err != nil {
		return err
	}
	temp, err := writeTemp(disk, path, data, mode)
	if err != nil {
		return failed(path, err)
	}
	if err := commit(disk, temp, path, replace); err != nil {
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

// CheckTarget returns nil if a file may be written at path, and file_not_plain,
// file_exists or file_failed otherwise.
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

// writeTemp writes data to a temporary file next to path and returns its name.
func writeTemp(disk Disk, path string, data []byte, mode fs.FileMode) (string, error) {
	f, err := disk.CreateTemp(Folder(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return "", err
	}
	err = func() error {
		if mode != Private { // widened while empty; a private file's mode never changes
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

// commit atomically renames the file at temp to path.
func commit(disk Disk, temp, path string, replace bool) error {
	if replace {
		return disk.Rename(temp, path)
	}
	err := disk.Link(temp, path) // unlike rename, link fails if the name exists
	switch {
	case err == nil:
		return disk.Remove(temp)
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EMLINK):
		// Without hard links, only the earlier check protects an existing file.
		return disk.Rename(temp, path)
	}
	return err
}

// Folder returns the folder of the file at path as the system resolves it. Unlike
// filepath.Dir it keeps a ".." after a link, which leads elsewhere.
func Folder(path string) string {
	if dir, _ := filepath.Split(path); dir != "" {
		return dir
	}
	return "."
}

// MakeFolder creates the folder at path and missing ones above it, accessible only by the
// owner (S1).
func MakeFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return failed(path, err)
	}
	return nil
}

// Same reports whether two paths lead to the same file, through any spelling or link. For
// files that do not exist, it reports whether they would.
func Same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	return errA != nil && errB != nil && resolve(a) == resolve(b)
}

// resolve returns the absolute path of a file, without links. Not all of its folders need
// to exist.
func resolve(path string) string {
	const separator = string(filepath.Separator)
	if wd, err := os.Getwd(); err == nil && !filepath.IsAbs(path) {
		path = wd + separator + path // Join would remove ".." lexically
	}
	missing := ""
	for {
		if actual, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Join(actual, missing)
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
		return "a directory"
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

// osDisk is the real Disk.
type osDisk struct{}

func (osDisk) CreateTemp(dir, pattern string) (File, error) { return os.CreateTemp(dir, pattern) }
func (osDisk) Link(from, to string) error                   { return os.Link(from, to) }
func (osDisk) Rename(from, to string) error                 { return os.Rename(from, to) }
func (osDisk) Remove(path string) error                     { return os.Remove(path) }

func (osDisk) SyncDir(dir string) error {
	if runtime.GOOS == "windows" { // it can only sync files
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	// Some file systems cannot sync folders; the file itself is synced.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}
