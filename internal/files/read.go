// Package files reads and writes files so that nothing is lost: reads are bounded and
// never hang, writes are atomic, and private files are never readable by others (S1-S3,
// S7, S11, S73).
//
// It imports only package fault.
package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// How long to wait for a pipe: for a writer to open it (S11), and for the writer to
// finish, since its program may have to prompt for a passphrase.
const (
	writerTimeout = 500 * time.Millisecond
	pipeTimeout   = time.Minute
)

// Read returns the content of the file at path, at most limit bytes. It reads regular
// files and pipes with a writer (such as a shell's <(command)), but no devices, and does
// not wait forever for a pipe's writer.
//
// It returns an error with code if the file cannot be read, and file_too_large.
func Read(path string, limit int64, code fault.Code) ([]byte, error) {
	return ReadIf(path, limit, code, func(fs.FileInfo) error { return nil })
}

// ReadIf is like Read, but fails if accept returns an error for the opened file.
func ReadIf(path string, limit int64, code fault.Code, accept func(fs.FileInfo) error) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(path, code, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(path, code, err)
	}
	if err := accept(info); err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
	case mode&fs.ModeNamedPipe != 0:
		return readPipe(f, path, limit, code, writerTimeout)
	case mode.IsDir():
		return nil, fault.New(code, path, "is a directory")
	default:
		return nil, fault.New(code, path, "is neither a regular file nor a pipe")
	}
	return ReadAll(f, path, limit, code)
}

// readPipe reads a pipe under the rules of Read. Reading a pipe that no process has
// opened for writing ends at once, so it tries again.
func readPipe(f *os.File, path string, limit int64, code fault.Code, patience time.Duration) ([]byte, error) {
	begin := time.Now()
	if err := f.SetReadDeadline(begin.Add(pipeTimeout)); err != nil {
		return nil, unreadable(path, code, err)
	}
	for {
		data, err := ReadAll(f, path, limit, code)
		switch {
		case err != nil || len(data) > 0:
			return data, err
		case time.Since(begin) > patience:
			return nil, fault.New(code, path, "is a pipe without a writer")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// ReadAll reads r to its end under the rules of Read. path is for error messages.
func ReadAll(r io.Reader, path string, limit int64, code fault.Code) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.New(code, path, "is a pipe that was not closed within %s", pipeTimeout)
	case err != nil:
		return nil, unreadable(path, code, err)
	case int64(len(data)) > limit:
		return nil, fault.New(fault.FileTooLarge, path, "larger than the limit of %d bytes", limit)
	}
	return data, nil
}

// unreadable returns a fault for err without the path, which the fault names already.
func unreadable(path string, code fault.Code, err error) error {
	return fault.New(code, path, "%w", Reason(err))
}

// Reason returns err without the operation and path that package os adds.
func Reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
