package console

import (
	"io"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// Styles color short texts, or return them unchanged if color is off.
type Styles struct {
	Bad, Warn, Good, Dim, Bold func(string) string
}

// Styles returns the styles for stderr.
func (c *Console) Styles() Styles { return c.stylesFor(c.sys.Err, c.sys.ErrTTY) }

// OutStyles returns the styles for stdout.
func (c *Console) OutStyles() Styles { return c.stylesFor(c.sys.Out, c.sys.OutTTY) }

func (c *Console) stylesFor(w io.Writer, tty bool) Styles {
	if !c.colored(tty) {
		return Plain()
	}
	// Given explicitly, so that lipgloss does not query the terminal (S71).
	r := lipgloss.NewRenderer(w)
	r.SetColorProfile(termenv.ANSI)
	r.SetHasDarkBackground(true)
	paint := func(color string, bold bool) func(string) string {
		s := r.NewStyle().Bold(bold)
		if color != "" {
			s = s.Foreground(lipgloss.Color(color))
		}
		return func(text string) string { return s.Render(text) }
	}
	faint := func(text string) string { return r.NewStyle().Faint(true).Render(text) }
	return Styles{Bad: paint("1", true), Warn: paint("3", false), Good: paint("2", false), Dim: faint, Bold: paint("", true)}
}

// Plain returns styles without color.
func Plain() Styles {
	plain := func(s string) string { return s }
	return Styles{plain, plain, plain, plain, plain}
}

// colored reports whether a stream may have escape sequences.
func (c *Console) colored(tty bool) bool {
	switch c.Color {
	case "always":
		return true
	case "never":
		return false
	}
	if v, set := c.sys.Getenv("NO_COLOR"); set && v != "" {
		return false
	}
	if v, _ := c.sys.Getenv("TERM"); v == "dumb" {
		return false
	}
	return tty
}
