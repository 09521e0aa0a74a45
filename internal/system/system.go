// Package system is the outside world: streams, environment, clock and signals
// of the process, in one struct that tests can fill by themselves.
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

// System is the outside world, so that tests can replace it.
//
// Out takes a command's result and nothing else; all that is for people goes
// to Err.
type System struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY, OutTTY and ErrTTY report whether a person is at the other end.
	InTTY, OutTTY, ErrTTY bool
	// OutColumns and ErrColumns are how wide Out and Err are, 0 for no terminal.
	OutColumns, ErrColumns int
	Getenv                 func(name string) (value string, set bool)
	Now                    func() time.Time
	// MemoryLimit returns the bytes that the container may take, 0 for any number.
	MemoryLimit func() uint64
	// Interrupt returns a context that ends at SIGINT or SIGTERM.
	Interrupt func(parent context.Context) (context.Context, context.CancelFunc)
	// KeepPipes lets a write to a pipe that no one reads any more fail, instead
	// of ending the process where it is.
	KeepPipes func()
	// ReadPassphrase asks a person, who is shown text, for a passphrase; an error
	// where there is none to ask. Quit ends a prompt that is open: the terminal is
	// as it was.
	ReadPassphrase func(text string) ([]byte, error)
	Quit           func()
	// Reload returns a channel that receives at every SIGHUP until ctx ends.
	Reload func(ctx context.Context) <-chan struct{}
}

// OS returns the machine that the process runs on. It is the one function that
// names the process's streams, environment, clock and signals.
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
		Reload:    hangups,
	}
}

// columnsOf returns how wide the terminal f is, 0 if it is not a terminal.
func columnsOf(f *os.File) int {
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

func hangups(ctx context.Context) <-chan struct{} {
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
