package settings

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Annotations of flags.
const (
	markKey      = "jwtctl:key"       // its key of jwtctl.yaml, or none with flagOnly
	markFlagOnly = "jwtctl:flag-only" // neither a key nor, except for --config, a variable
	markPath     = "jwtctl:path"      // a path: in the file relative to it
	markAtPath   = "jwtctl:at-path"   // a path after an @: the same
	markGroup    = "jwtctl:group"     // flags of one group exclude each other
	markWords    = "jwtctl:words"     // completions of a flag that accepts more
)

// Keyed gives flags their key in jwtctl.yaml: section.name, or only name if section is
// empty. Without names, it applies to every flag without a key.
func Keyed(fs *pflag.FlagSet, section string, names ...string) {
	set := func(f *pflag.Flag) {
		if mark(f, markKey) != "" || mark(f, markFlagOnly) != "" {
			return
		}
		key := snake(f.Name)
		if section != "" {
			key = section + "." + key
		}
		setMark(f, markKey, key)
	}
	if len(names) == 0 {
		fs.VisitAll(set)
	}
	for _, n := range names {
		set(fs.Lookup(n))
	}
}

// KeyedAs gives one flag a key of another name.
func KeyedAs(fs *pflag.FlagSet, name, key string) { setMark(fs.Lookup(name), markKey, key) }

// FlagOnly marks flags that must be given each time: what weakens a check or destroys
// something must not be left in an environment (S55).
func FlagOnly(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markFlagOnly, "yes")
	}
}

// Complete sets the completions of a flag that accepts more than these.
func Complete(fs *pflag.FlagSet, name string, words ...string) {
	_ = fs.SetAnnotation(name, markWords, words) // an error means that there is no such flag
}

// Paths marks flags whose value is a path.
func Paths(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markPath, "yes")
	}
}

// Outputs marks flags whose value is the path of a file that the command writes.
func Outputs(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markPath, output)
	}
}

// output is the value of markPath for files that are written.
const output = "output"

// AtPaths marks flags whose value may be @FILE.
func AtPaths(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markAtPath, "yes")
	}
}

// Exclusive puts flags into a group: if the command line has one of them, the variables
// and keys of the others are ignored; if a variable is set, their keys are.
func Exclusive(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markGroup, names[0])
	}
}

// keySources is the group of flags that give keys.
const keySources = "keys"

// SelectsKeys marks the flags that select a command's keys. Given keys are the only ones
// used (S85): one of these flags, or of their variables, replaces keys: and key_sets: of
// the file, and no variable adds to a flag.
func SelectsKeys(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markGroup, keySources)
	}
}

// Key returns the key of jwtctl.yaml that sets f, or "".
func Key(f *pflag.Flag) string { return mark(f, markKey) }

// IsFlagOnly reports whether f must be given each time.
func IsFlagOnly(f *pflag.Flag) bool { return mark(f, markFlagOnly) != "" }

func setMark(f *pflag.Flag, name, value string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[name] = []string{value}
}

func mark(f *pflag.Flag, name string) string {
	if v := f.Annotations[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

func snake(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Variable returns the environment variable that sets f, or "".
func Variable(f *pflag.Flag) string {
	if f.Name == "help" || mark(f, markFlagOnly) != "" && f.Name != "config" {
		return ""
	}
	return "JWTCTL_" + strings.ToUpper(snake(f.Name))
}

// Describe adds its variable and key to the help of every flag.
func Describe(root *cobra.Command) {
	done := map[*pflag.Flag]bool{}
	EachCommand(root, func(cmd *cobra.Command) {
		EachFlag(cmd, func(f *pflag.Flag) {
			if done[f] {
				return
			}
			done[f] = true
			var also []string
			if v := Variable(f); v != "" {
				also = append(also, v)
			}
			if k := mark(f, markKey); k != "" {
				also = append(also, k)
			}
			if len(also) > 0 {
				f.Usage += " [" + strings.Join(also, ", ") + "]"
			}
		})
	})
}

func EachCommand(cmd *cobra.Command, fn func(*cobra.Command)) {
	fn(cmd)
	for _, c := range cmd.Commands() {
		EachCommand(c, fn)
	}
}

// EachFlag visits cmd's own flags and its persistent ones.
func EachFlag(cmd *cobra.Command, fn func(*pflag.Flag)) {
	cmd.Flags().VisitAll(fn)
	cmd.PersistentFlags().VisitAll(fn)
}
