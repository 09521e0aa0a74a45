package cli

import (
	"io"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// styles paints short pieces of text; with no colour it returns them as they
// are.
type styles struct {
	bad, warn, good, dim, bold func(string) string
}

// styles returns what stderr may show.
func (a *app) styles() styles { return a.stylesFor(a.sys.Err, a.sys.ErrTTY) }

// outStyles returns what stdout may show.
func (a *app) outStyles() styles { return a.stylesFor(a.sys.Out, a.sys.OutTTY) }

func (a *app) stylesFor(w io.Writer, tty bool) styles {
	if !a.colored(tty) {
		plain := func(s string) string { return s }
		return styles{plain, plain, plain, plain, plain}
	}
	// The profile and background are given, so that lipgloss asks the terminal nothing (S71).
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
	return styles{bad: paint("1", true), warn: paint("3", false), good: paint("2", false), dim: faint, bold: paint("", true)}
}

// colored says whether a stream may hold escape sequences.
func (a *app) colored(tty bool) bool {
	switch a.global.color {
	case "always":
		return true
	case "never":
		return false
	}
	if v, set := a.sys.Getenv("NO_COLOR"); set && v != "" {
		return false
	}
	if v, _ := a.sys.Getenv("TERM"); v == "dumb" {
		return false
	}
	return tty
}
