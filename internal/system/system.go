// Package system is the interface to the outside world: streams, environment, clock and
// signals of the process, in a struct that tests can fill.
package system

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// System is the outside world, which tests can replace.
//
// Out is for a command's result only; messages go to Err.
type System struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY, OutTTY and ErrTTY report whether the stream is a terminal.
	InTTY, OutTTY, ErrTTY bool
	// OutColumns and ErrColumns are the widths of Out and Err, or 0 without a terminal.
	OutColumns, ErrColumns int
	Getenv                 func(name string) (value string, set bool)
	Now                    func() time.Time
	// MemoryLimit returns the container's memory limit in bytes, or 0.
	MemoryLimit func() uint64
	// Interrupt returns a context that is done at SIGINT or SIGTERM.
	Interrupt func(parent context.Context) (context.Context, context.CancelFunc)
	// KeepPipes makes a write to a closed pipe return an error, instead of ending the
	// process.
	KeepPipes func()
	// ReadPassphrase prompts for a passphrase with text, and fails without a terminal.
	// Quit ends an open prompt and restores the terminal.
	ReadPassphrase func(text string) ([]byte, error)
	Quit           func()
	// Reload returns a channel that receives at every SIGHUP until ctx is done.
	Reload func(ctx context.Context) <-chan struct{}
}

// OS returns the real System. It is the only function that uses the process's streams,
// environment, clock and signals.
func OS() System {
	asking := &prompt{}
	return System{
		OutColumns: columnsOf(os.Stdout), ErrColumns: columnsOf(os.Stderr),
		ReadPassphrase: asking.read, Quit: asking.quit,

		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTTY:  term.IsTerminal(int(os.Stdin.Fd())),
		OutTTY: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTTY: term.IsTerminal(int(os.Stderr.Fd())),
		Getenv: os.LookupEnv,
		Now:    time.Now,

		MemoryLimit: func() uint64 { return memoryLimit(os.DirFS("/sys/fs/cgroup")) },
		Interrupt: func(parent context.Context) (context.Context, context.CancelFunc) {
			return signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
		},
		KeepPipes: func() { signal.Ignore(syscall.SIGPIPE) },
		Reload:    reloadSignals,
	}
}

// columnsOf returns the width of the terminal f, or 0 if it is not a terminal.
func columnsOf(f *os.File) int {
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

func reloadSignals(ctx context.Context) <-chan struct{} {
	signals, reloads := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			select {
			case <-ctx.Done():
				return
			case reloads <- struct{}{}:
			}
		}
	}()
	return reloads
}
