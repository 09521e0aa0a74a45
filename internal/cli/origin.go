package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// origin is where the values of a flag are from that were not on the command
// line: a variable, or a line of jwtctl.yaml.
type origin struct {
	flag, where string
	values      []string
}

// came notes where values of a flag are from.
func (a *app) came(flag, where string, values ...string) {
	a.origins = append(a.origins, origin{flag, where, values})
}

// given says whether the command line itself sets one of the flags, and which.
func (a *app) given(cmd *cobra.Command, names ...string) (string, bool) {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed && a.isGiven(name) {
			return name, true
		}
	}
	return "", false
}

// isGiven says whether a flag that is set was set on the command line.
func (a *app) isGiven(flag string) bool {
	return !slices.ContainsFunc(a.origins, func(o origin) bool { return o.flag == flag })
}

// placed lets f name what is at fault by where it stands: nobody looks for
// --ttl in a command line that has none.
func (a *app) placed(f *fault.Error) *fault.Error {
	if name := a.flagOf(f); name != "" {
		f = f.About("--" + name)
	}
	if f.Hint == "" && strings.Contains("/"+f.What, "/~/") {
		return f.WithHint("only a shell knows ~; write the path out")
	}
	for _, o := range a.origins {
		switch {
		case f.What == "--"+o.flag:
			return f.About(o.where)
		case f.What != "" && f.Hint == "" && slices.Contains(o.values, f.What):
			return f.WithHint("%s names it", o.where)
		}
	}
	return f
}

// flagOf returns the flag that a library's usage fault is about, "" for none:
// libraries name what they are given, and know no flags.
func (a *app) flagOf(f *fault.Error) string {
	if a.running == nil || f.Code != fault.UsageError || f.What == nameOf(a.running) {
		return ""
	}
	for _, name := range append([]string{f.What}, otherNames(f.What)...) {
		if a.running.Flags().Lookup(name) != nil {
			return name
		}
	}
	return ""
}

// checkPaths refuses values of flags that no file has for a name, but that a
// slip of the shell makes: nothing, a tilde, the key itself.
func (a *app) checkPaths(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		_, repeatable := f.Value.(pflag.SliceValue)
		isPath := mark(f, markPath) != "" || f.Name == "jwks"
		if failed != nil || !f.Changed || !isPath && f.Name != "oidc-issuer" {
			return
		}
		for _, value := range flagValues(f) {
			switch {
			case value == "" && (repeatable || f.Name == "key-dir"):
				failed = fault.New(fault.UsageError, "--"+f.Name, "it is empty").WithHint("is a variable in it not set?")
			case isPath:
				failed = a.checkPath(cmd, f.Name, value)
			}
			if failed != nil {
				return
			}
		}
	})
	return failed
}

func flagValues(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}

func (a *app) checkPath(cmd *cobra.Command, flag, value string) error {
	wrong := func(format string, args ...any) *fault.Error {
		return fault.New(fault.UsageError, "--"+flag, format, args...)
	}
	switch {
	case isKeyText(value) && flag == "key":
		return wrong("it holds a key itself, where the name of a file is needed").
			WithHint("--key env:NAME takes the key from the variable NAME, --key - from stdin")
	case isKeyText(value):
		return wrong("it holds PEM or JSON, where the name of a file is needed")
	case strings.HasPrefix(value, "~/") && a.isGiven(flag):
		return wrong("%q: only a shell knows ~, and only at the start of a word without quotes", quote.Printable(value)).
			WithHint("--%s %s, with a space, or the whole path", flag, quote.Printable(value))
	case flag == "key-dir" && isFile(value):
		return fault.New(fault.KeyUnreadable, value, "is a file, and --key-dir takes a folder")
	case flag == "key" && strings.Contains(value, "://"):
		err := wrong("%q is a URL, and keys are read from files", quote.Printable(value))
		if cmd.Flags().Lookup("jwks") != nil {
			return err.WithHint("--jwks takes the URL of a key set")
		}
		return err
	}
	return nil
}

func isKeyText(value string) bool {
	return strings.Contains(value, "-----BEGIN ") || strings.HasPrefix(strings.TrimSpace(value), "{")
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// durationHint says what is wrong with a duration as other tools write it.
func durationHint(value string) string {
	var n int
	switch m := regexp.MustCompile(`^(\d{1,6})(?:\s*(d|days?|w|weeks?))?$`).FindStringSubmatch(value); {
	case m == nil:
	case m[2] == "":
		return fmt.Sprintf("with its unit: %ss, %sm or %sh", m[1], m[1], m[1])
	default:
		_, _ = fmt.Sscan(m[1], &n)
		if m[2][0] == 'w' {
			n *= 7
		}
		return fmt.Sprintf("the longest unit is the hour: %dh", n*24)
	}
	return ""
}

// wrongValue says that value is not one of f, with a hint where it can be told
// what was meant.
func wrongValue(code fault.Code, what, value, of string, f *pflag.Flag) error {
	if c, ok := f.Value.(choice); ok {
		return fault.New(code, what, "%q %s", value, c.needed())
	}
	err := fault.New(code, what, "%q is not right%s: %s", value, of, typeHint(f))
	if f.Value.Type() == "duration" {
		if hint := durationHint(value); hint != "" {
			return err.WithHint("%s", hint)
		}
	}
	return err
}
