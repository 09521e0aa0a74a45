// Package console is what a run of the program prints, by these rules
// (cli.md, "Everywhere"):
//
//   - stdout carries the result and nothing else, and nothing at all where a
//     command that prints a credential fails;
//   - stderr carries all that is for people; -q leaves the errors alone;
//   - text that came from outside is made printable before it is shown.
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
	// Out takes the result.
	Out *Writer
	// Color is auto, always or never; Quiet and Verbose are -q and -v.
	Color          string
	Quiet, Verbose bool

	sys       system.System
	reporting sync.Mutex // keeps apart what several goroutines report
	// log and warned are those of a command that runs for long.
	log    *slog.Logger
	warned map[string]bool
	mu     sync.Mutex // of warned
}

// New returns a console on the streams of sys.
func New(sys system.System) *Console {
	return &Console{sys: sys, Out: &Writer{w: sys.Out}, Color: "auto"} // until the flags are read
}

// Logging returns a console for a command that runs for long: it warns in log,
// of each thing once, since the same file says the same at each load.
func (c *Console) Logging(log *slog.Logger) *Console {
	return &Console{Out: c.Out, Color: c.Color, Quiet: c.Quiet, Verbose: c.Verbose, sys: c.sys, log: log, warned: map[string]bool{}}
}

// Writer remembers the first failure to write, so that a result that was lost is
// an error.
type Writer struct {
	w   io.Writer
	err error
}

// Write is that of io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// Err returns the first failure to write, nil if there was none.
func (w *Writer) Err() error { return w.err }

// Say writes a line for people to stderr, unless -q.
func (c *Console) Say(format string, args ...any) {
	if !c.Quiet {
		_, _ = fmt.Fprintln(c.sys.Err, quote.Message(fmt.Sprintf(format, args...)))
	}
}

// Detail is Say under -v alone.
func (c *Console) Detail(format string, args ...any) {
	if c.Verbose {
		c.Say(format, args...)
	}
}

// Hint says what to do about an answer that stdout has.
func (c *Console) Hint(text string) {
	if !c.Quiet {
		c.line(c.Styles().Dim, "hint:", text)
	}
}

// Warn writes a warning to stderr unless -q, or to the log of Logging.
func (c *Console) Warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case c.log != nil:
		c.warnOnce(quote.Message(text))
	case !c.Quiet:
		c.line(c.Styles().Warn, "warning:", text)
	}
}

func (c *Console) warnOnce(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.warned[text] {
		c.warned[text] = true
		c.log.Warn(text)
	}
}

// Unverified shows the lines of text on stderr, unless -q, behind a mark that
// nothing vouches for them. They are plain: what they quote paints nothing.
func (c *Console) Unverified(why, text string) {
	if !c.Quiet {
		c.line(c.Styles().Bad, "UNVERIFIED:", why)
		_, _ = fmt.Fprint(c.sys.Err, quote.Message(text))
	}
}

// Danger writes a warning that no flag silences.
func (c *Console) Danger(format string, args ...any) {
	c.line(c.Styles().Bad, "WARNING:", fmt.Sprintf(format, args...))
}

// line writes text to stderr behind a painted word, wrapped to the terminal.
func (c *Console) line(paint func(string) string, word, text string) {
	_, _ = fmt.Fprintf(c.sys.Err, "%s\n", wrap(paint(word)+" "+quote.Message(text), c.sys.ErrColumns, ""))
}

// Logger returns the log of commands that run for long, on stderr: with -q
// errors alone, with -v details too.
func (c *Console) Logger() *slog.Logger {
	if c.log != nil {
		return c.log
	}
	return slog.New(slog.NewTextHandler(c.sys.Err, c.logOptions()))
}

// JSONLogger is Logger with a JSON object a line.
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

// Counted is how many of something there are, in words.
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
