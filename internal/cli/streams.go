package cli

import (
	"fmt"
	"io"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// The rules of the streams (cli.md, "Everywhere"):
//   - stdout carries the result and nothing else, and nothing at all where a
//     command that prints a credential fails;
//   - stderr carries all that is for people; -q leaves the errors alone;
//   - text that came from outside is made printable before it is shown.

// checkedWriter remembers the first failure to write, so that a result that
// went nowhere is no success.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}

// say writes a line for people to stderr, unless -q.
func (a *app) say(format string, args ...any) {
	if !a.global.quiet {
		_, _ = fmt.Fprintln(a.sys.Err, quote.Message(fmt.Sprintf(format, args...)))
	}
}

// hint says what to do about an answer that stdout has.
func (a *app) hint(text string) {
	if !a.global.quiet {
		_, _ = fmt.Fprintf(a.sys.Err, "%s %s\n", a.styles().dim("hint:"), quote.Message(text))
	}
}

// detail is say under -v alone.
func (a *app) detail(format string, args ...any) {
	if a.global.verbose {
		a.say(format, args...)
	}
}

// warn writes a warning to stderr, unless -q.
func (a *app) warn(format string, args ...any) {
	if a.live != nil {
		a.live.warn(quote.Message(fmt.Sprintf(format, args...)))
	} else if !a.global.quiet {
		_, _ = fmt.Fprintf(a.sys.Err, "%s %s\n", a.styles().warn("warning:"), quote.Message(fmt.Sprintf(format, args...)))
	}
}

// danger writes a warning that no flag silences.
func (a *app) danger(format string, args ...any) {
	_, _ = fmt.Fprintf(a.sys.Err, "%s %s\n", a.styles().bad("WARNING:"), quote.Message(fmt.Sprintf(format, args...)))
}
