package cli

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jwtctl/jwtctl/internal/finding"
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
		_, _ = fmt.Fprintln(a.sys.Err, forPeople(fmt.Sprintf(format, args...)))
	}
}

// hint says what to do about an answer that stdout has.
func (a *app) hint(text string) {
	if !a.global.quiet {
		_, _ = fmt.Fprintf(a.sys.Err, "%s %s\n", a.styles().dim("hint:"), forPeople(text))
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
		a.live.warn(forPeople(fmt.Sprintf(format, args...)))
	} else if !a.global.quiet {
		_, _ = fmt.Fprintf(a.sys.Err, "%s %s\n", a.styles().warn("warning:"), forPeople(fmt.Sprintf(format, args...)))
	}
}

// danger writes a warning that no flag silences.
func (a *app) danger(format string, args ...any) {
	_, _ = fmt.Fprintf(a.sys.Err, "%s %s\n", a.styles().bad("WARNING:"), forPeople(fmt.Sprintf(format, args...)))
}

// forPeople is how text for people goes to stderr: printable, and without the
// private keys that somebody put in the wrong place (S69).
func forPeople(text string) string { return printable(withoutSecrets(text)) }

// printable shows characters that a terminal would act on as what they are
// (S70); line breaks and tabs stay. Of a token that somebody put in the wrong
// place it leaves the header alone (S69).
func printable(text string) string {
	if strings.Contains(text, "eyJ") {
		text = regexp.MustCompile(`(eyJ[A-Za-z0-9_-]{8,40})[A-Za-z0-9_-]*\.[A-Za-z0-9_.-]*`).ReplaceAllString(text, "$1…")
	}
	return escapeControls(text)
}

// escapeControls writes the characters that a terminal would act on as \uXXXX,
// in UTF-16 as JSON has it; line breaks and tabs stay.
func escapeControls(text string) string { return finding.Escape(text, "\n\t") }
