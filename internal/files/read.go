// Package files reads and writes files so that nothing is lost: reads are
// bounded and never hang, writes are whole or not at all, and what must stay
// private is created so (security.md S1-S3, S7, S11, S73).
//
// It imports only fault.
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

// How long a pipe is waited for: for somebody to write to it (S11), and for all
// that a writer has to say, whose program may prompt for a passphrase first.
const (
	writerPatience = 500 * time.Millisecond
	pipePatience   = time.Minute
)

// Read returns what the file at path holds, at most limit bytes. A regular
// file or a pipe that somebody writes to (such as a shell's <(command)) can be
// read; a device cannot, and a pipe without a writer does not hang.
//
// It returns code for a file that cannot be read and file_too_large.
func Read(path string, limit int64, code fault.Code) ([]byte, error) {
	return ReadIf(path, limit, code, func(fs.FileInfo) error { return nil })
}

// ReadIf is Read, unless accept returns an error for the file that was opened.
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
		return readPipe(f, path, limit, code)
	case mode.IsDir():
		return nil, fault.New(code, path, "is a folder")
	default:
		return nil, fault.New(code, path, "is neither a regular file nor a pipe")
	}
	return ReadAll(f, path, limit, code)
}

// readPipe reads a pipe under the rules of Read. A read of one that no one has
// opened for writing ends at once, so it is tried again.
func readPipe(f *os.File, path string, limit int64, code fault.Code) ([]byte, error) {
	begin := time.Now()
	if err := f.SetReadDeadline(begin.Add(pipePatience)); err != nil {
		return nil, unreadable(path, code, err)
	}
	for {
		data, err := ReadAll(f, path, limit, code)
		switch {
		case err != nil || len(data) > 0:
			return data, err
		case time.Since(begin) > writerPatience:
			return nil, fault.New(code, path, "is a pipe without a writer")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// ReadAll reads r, which path names, to its end under the rules of Read.
func ReadAll(r io.Reader, path string, limit int64, code fault.Code) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.New(code, path, "is a pipe whose writer did not end within %s", pipePatience)
	case err != nil:
		return nil, unreadable(path, code, err)
	case int64(len(data)) > limit:
		return nil, fault.New(fault.FileTooLarge, path, "larger than %d bytes, the most that is read", limit)
	}
	return data, nil
}

// unreadable words err without the path, which the fault names already.
func unreadable(path string, code fault.Code, err error) error {
	return fault.New(code, path, "%w", Reason(err))
}

// Reason returns err without the operation and path that os puts around it.
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
