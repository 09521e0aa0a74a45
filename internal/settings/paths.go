package settings

import (
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// checkValues refuses flag values that their own check refuses, and typical shell
// mistakes: an empty value, which must never have a meaning (S87), and for paths a tilde,
// or the key itself.
func (s *Settings) checkValues(fs *pflag.FlagSet) error {
	var failed error
	fs.VisitAll(func(f *pflag.Flag) {
		if failed != nil || !f.Changed {
			return
		}
		isPath := mark(f, markPath) != "" || f.Name == "jwks"
		for _, value := range flagValues(f) {
			switch {
			case value == "":
				failed = fault.New(fault.UsageError, "--"+f.Name, "must not be empty").WithHint("if the value comes from a variable, check that the variable is set")
			case isPath:
				failed = s.checkPath(fs, f.Name, value)
			default:
				failed = checkValue(f, value)
			}
			if failed != nil {
				return
			}
		}
	})
	if failed != nil {
		return failed
	}
	return s.checkOutputs(fs)
}

// checkOutputs refuses to write a file that another flag names to be read, or the
// configuration file (S2).
func (s *Settings) checkOutputs(fs *pflag.FlagSet) error {
	inputs, outputs := []string{}, []string{}
	if s.Path != "" {
		inputs = append(inputs, s.Path)
	}
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Changed {
			return
		}
		for _, value := range flagValues(f) {
			path, isAt := strings.CutPrefix(value, "@")
			switch {
			case value == "-": // stdin or stdout
			case mark(f, markPath) == output:
				outputs = append(outputs, value)
			case mark(f, markPath) != "" || f.Name == "jwks":
				inputs = append(inputs, strings.TrimPrefix(value, "file://"))
			case mark(f, markAtPath) != "" && isAt:
				inputs = append(inputs, path)
			}
		}
	})
	for _, out := range outputs {
		for _, in := range inputs {
			if files.Same(in, out) {
				return fault.New(fault.FileConflict, out, "is also an input (%s)", in).WithHint("write to another file")
			}
		}
	}
	return nil
}

func flagValues(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}

func (s *Settings) checkPath(fs *pflag.FlagSet, flag, value string) error {
	wrong := func(format string, args ...any) *fault.Error {
		return fault.New(fault.UsageError, "--"+flag, format, args...)
	}
	switch {
	case isKeyText(value) && flag == "key":
		return wrong("expected a file name, got the key itself").
			WithHint("use --key env:NAME for a key in variable NAME, or --key - for stdin")
	case isKeyText(value):
		return wrong("expected a file name, got PEM or JSON")
	case strings.HasPrefix(value, "~/") && s.isGiven(flag):
		return wrong("%q: a shell expands ~ only at the start of an unquoted word", quote.Printable(value)).
			WithHint("use --%s %s, with a space, or the full path", flag, quote.Printable(value))
	case flag == "key-dir" && IsFile(value):
		return fault.New(fault.KeyUnreadable, value, "is a file, but --key-dir takes a directory")
	case flag == "key" && strings.Contains(value, "://"):
		err := wrong("%s is a URL, but keys are read from files", quote.URL(value))
		if fs.Lookup("jwks") != nil {
			return err.WithHint("for the URL of a key set, use --jwks")
		}
		return err
	}
	return nil
}

func isKeyText(value string) bool {
	return strings.Contains(value, "-----BEGIN ") || strings.HasPrefix(strings.TrimSpace(value), "{")
}

// IsFile reports whether path is an existing file.
func IsFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
