package settings

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// origin is where values of a flag came from that were not on the command line: a
// variable, or a line of jwtctl.yaml.
type origin struct {
	flag, where string
	values      []string
}

// recordOrigin records where values of a flag came from.
func (s *Settings) recordOrigin(flag, where string, values ...string) {
	s.origins = append(s.origins, origin{flag, where, values})
}

// Given reports whether the command line sets one of the flags, and which.
func (s *Settings) Given(names ...string) (string, bool) {
	for _, name := range names {
		if f := s.cmd.Flags().Lookup(name); f != nil && f.Changed && s.isGiven(name) {
			return name, true
		}
	}
	return "", false
}

// isGiven reports whether a flag that is set was set on the command line.
func (s *Settings) isGiven(flag string) bool {
	return !slices.ContainsFunc(s.origins, func(o origin) bool { return o.flag == flag })
}

// WithOrigin returns f with the place that set the faulty value: a variable or a line of
// jwtctl.yaml, rather than a flag that is not on the command line.
func (s *Settings) WithOrigin(f *fault.Error) *fault.Error {
	if name := s.flagOf(f); name != "" {
		f = f.About("--" + name)
	}
	if f.Hint == "" && strings.Contains("/"+f.What, "/~/") {
		return f.WithHint("only a shell expands ~; write the full path")
	}
	for _, o := range s.origins {
		switch {
		case f.What == "--"+o.flag:
			return f.About(o.where)
		case f.What != "" && f.Hint == "" && slices.Contains(o.values, f.What):
			return f.WithHint("set by %s", o.where)
		}
	}
	return f
}

// flagOf returns the flag that a library's usage fault is about, or "": libraries name
// their inputs, and do not know flags.
func (s *Settings) flagOf(f *fault.Error) string {
	if s.cmd == nil || f.What == NameOf(s.cmd) {
		return ""
	}
	if f.Code == fault.KeyMissing && f.What == "kid" && s.cmd.Flags().Lookup("kid") != nil {
		return "kid"
	}
	if f.Code != fault.UsageError {
		return ""
	}
	for _, name := range append([]string{f.What}, config.Aliases(f.What)...) {
		if s.cmd.Flags().Lookup(name) != nil {
			return name
		}
	}
	return ""
}
