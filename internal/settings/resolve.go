package settings

import (
	"cmp"
	"errors"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// resolve sets every flag of fs that was not set from its variable, or else its key in
// the file. viper ranks the two and converts the values; the environment is passed in, so
// viper does not read it.
func (s *Settings) resolve(fs *pflag.FlagSet) error {
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00")) // keys contain dots
	environment := map[string]any{}
	byFlag, byVariable := map[string]string{}, map[string]string{} // to decide about a group
	fs.VisitAll(func(f *pflag.Flag) {
		group := mark(f, markGroup)
		if f.Changed {
			byFlag[group] = "--" + f.Name
		}
		if name := Variable(f); name != "" {
			if text, set := s.getenv(name); set && text != "" {
				environment[name] = listOf(f, text)
				byVariable[group] = name
			}
		}
	})
	s.keysReplacedBy = cmp.Or(byFlag[keySources], byVariable[keySources])
	if err := errors.Join(v.MergeConfigMap(s.All()), v.MergeConfigMap(environment)); err != nil {
		return fault.New(fault.ConfigInvalid, s.Path, "%w", err)
	}
	var failed error
	fs.VisitAll(func(f *pflag.Flag) {
		name, key, group := Variable(f), mark(f, markKey), mark(f, markGroup)
		switch {
		case failed != nil || f.Changed || group != "" && byFlag[group] != "":
		case s.isEmpty(name) && KindOf(f).Choices == nil: // a choice has a default
			failed = fault.New(fault.ConfigInvalid, name, "the variable is empty").WithHint("unset it, or give it a value")
		case name != "" && v.InConfig(name):
			failed = s.setFlag(f, v.GetStringSlice(name), name)
		case group != "" && byVariable[group] != "":
		case key != "" && v.InConfig(key):
			values := v.GetStringSlice(key)
			if mark(f, markPath) != "" {
				values = s.ResolvePaths(values)
			}
			if mark(f, markAtPath) != "" {
				values = s.ResolveAtPaths(values)
			}
			failed = s.setFlag(f, values, s.Position(key))
		}
	})
	return failed
}

// isEmpty reports whether the variable is set but empty, which must not have a meaning
// (S87): a script has probably failed to fill it in.
func (s *Settings) isEmpty(name string) bool {
	text, set := s.getenv(name)
	return name != "" && set && text == ""
}

// listOf splits a variable of a repeatable flag into values, one per line.
func listOf(f *pflag.Flag, text string) []string {
	if f.Value.Type() == "stringArray" {
		return strings.Split(strings.TrimRight(text, "\n"), "\n")
	}
	return []string{text}
}

// setFlag sets f to values, which came from where.
func (s *Settings) setFlag(f *pflag.Flag, values []string, where string) error {
	for _, value := range values {
		if err := f.Value.Set(value); err != nil {
			return KindOf(f).Invalid(fault.ConfigInvalid, where, quote.Shorten(value), " for --"+f.Name)
		}
	}
	f.Changed = true
	s.recordOrigin(f.Name, where, values...)
	return nil
}
