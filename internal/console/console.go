// Package console prints to the streams of a run, by these rules (cli.md, "Everywhere"):
//
//   - stdout has the result and nothing else, and nothing at all if a command
//     that prints a credential fails;
//   - stderr has messages for people; with -q only errors;
//   - external text is made printable before it is shown.
package console

import (
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/system"
)

// Console prints to the streams of one run of the program.
type Console struct {
	// Out is for the result.
	Out *Writer
	// Color is auto, always or never; Quiet and Verbose are -q and -v.
	Color          string
	Quiet, Verbose bool

	sys       system.System
	reporting sync.Mutex // serializes what goroutines report
	// log and warned are for a long-running command.
	log    *slog.Logger
	warned map[string]bool
	mu     sync.Mutex // of warned
}

// New returns a console on the streams of sys.
func New(sys system.System) *Console {
	return &Console{sys: sys, Out: &Writer{w: sys.Out}, Color: "auto"} // until the flags are read
}

// Logging returns a console for a long-running command, which logs warnings.
func (c *Console) Logging(log *slog.Logger) *Console {
	l := c.WarningOnce()
	l.log = log
	return l
}

// WarningOnce returns a console that prints each warning only once, since the same file
// causes the same warning at each load.
func (c *Console) WarningOnce() *Console {
	return &Console{Out: c.Out, Color: c.Color, Quiet: c.Quiet, Verbose: c.Verbose, sys: c.sys, log: c.log, warned: map[string]bool{}}
}

// Writer remembers the first write error, so that a lost result is an error.
type Writer struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// Err returns the first write error, or nil.
func (w *Writer) Err() error { return w.err }

// Info prints a line to stderr, unless -q.
func (c *Console) Info(format string, args ...any) {
	if !c.Quiet {
		_, _ = fmt.Fprintln(c.sys.Err, quote.Message(fmt.Sprintf(format, args...)))
	}
}

// Detail prints a line to stderr with -v, or logs it if Logging is used.
func (c *Console) Detail(format string, args ...any) {
	switch {
	case !c.Verbose:
	case c.log != nil:
		c.log.Debug(quote.Message(fmt.Sprintf(format, args...)))
	default:
		c.Info(format, args...)
	}
}

// Hint prints what to do about an answer on stdout.
func (c *Console) Hint(text string) {
	if !c.Quiet {
		c.line(c.Styles().Dim, "hint:", text)
	}
}

// Warn prints a warning to stderr unless -q, or logs it if Logging is used.
func (c *Console) Warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case c.hasWarned(text):
	case c.log != nil:
		c.log.Warn(quote.Message(text))
	case !c.Quiet:
		c.line(c.Styles().Warn, "warning:", text)
	}
}

// hasWarned reports whether text is a warning that is not to be printed again.
func (c *Console) hasWarned(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.warned == nil || c.warned[text] {
		return c.warned != nil
	}
	c.warned[text] = true
	return false
}

// Unverified prints the lines of text to stderr, unless -q, marked as unverified. They
// have no colors, which their content could imitate.
func (c *Console) Unverified(reason, text string) {
	if !c.Quiet {
		c.line(c.Styles().Bad, "UNVERIFIED:", reason)
		_, _ = fmt.Fprint(c.sys.Err, quote.Message(text))
	}
}

// AlwaysWarn prints a warning that no flag silences.
func (c *Console) AlwaysWarn(format string, args ...any) {
	c.line(c.Styles().Bad, "WARNING:", fmt.Sprintf(format, args...))
}

// line prints text to stderr after a colored word, wrapped to the terminal.
func (c *Console) line(paint func(string) string, word, text string) {
	_, _ = fmt.Fprintf(c.sys.Err, "%s\n", wrap(paint(word)+" "+quote.Message(text), c.sys.ErrColumns, ""))
}

// Logger returns the log of long-running commands, on stderr: with -q only errors, with
// -v also details.
func (c *Console) Logger() *slog.Logger {
	if c.log != nil {
		return c.log
	}
	return slog.New(slog.NewTextHandler(c.sys.Err, c.logOptions()))
}

// JSONLogger is Logger with one JSON object per line.
func (c *Console) JSONLogger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(c.sys.Err, c.logOptions()))
}

func (c *Console) logOptions() *slog.HandlerOptions {
	level := slog.LevelInfo
	switch {
	case c.Quiet:
		level = slog.LevelError
	case c.Verbose:
		level = slog.LevelDebug
	}
	return &slog.HandlerOptions{Level: level}
}

// Count returns a number with the noun in singular or plural.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
