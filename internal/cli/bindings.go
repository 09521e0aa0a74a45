package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Marks that a flag carries.
const (
	markKey      = "jwtctl:key"       // its key of jwtctl.yaml, or none with flagOnly
	markFlagOnly = "jwtctl:flag-only" // neither a key nor, but for --config, a variable
	markPath     = "jwtctl:path"      // a path: in the file relative to it
	markGroup    = "jwtctl:group"     // flags of one group exclude each other
)

// keyed gives flags their key in jwtctl.yaml: section.name, or name alone
// where section is empty. Without names, every flag that has none yet.
func keyed(fs *pflag.FlagSet, section string, names ...string) {
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

// keyedAs gives one flag a key of another name.
func keyedAs(fs *pflag.FlagSet, name, key string) { setMark(fs.Lookup(name), markKey, key) }

// flagOnly marks flags that must be given each time: what weakens a check or
// destroys something is never left lying in an environment (S55).
func flagOnly(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markFlagOnly, "yes")
	}
}

// paths marks flags whose value is a path.
func paths(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markPath, "yes")
	}
}

// exclusive puts flags into one group: one of them on the command line leaves
// the variables and keys of the others unread, and one variable their keys.
func exclusive(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markGroup, names[0])
	}
}

// keySources is the group of the flags that name keys.
const keySources = "keys"

// namesKeys marks the flags that say which keys a command uses. Keys that are
// named count alone (S85): one of these flags, or of their variables, replaces
// keys: and key_sets: of the file, and no variable adds to a flag.
func namesKeys(fs *pflag.FlagSet, names ...string) {
	for _, n := range names {
		setMark(fs.Lookup(n), markGroup, keySources)
	}
}

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

// variable returns the environment variable that sets f, "" for none.
func variable(f *pflag.Flag) string {
	if f.Name == "help" || mark(f, markFlagOnly) != "" && f.Name != "config" {
		return ""
	}
	return "JWTCTL_" + strings.ToUpper(snake(f.Name))
}

// describeBindings ends the help of every flag with its variable and key.
func describeBindings(root *cobra.Command) {
	done := map[*pflag.Flag]bool{}
	eachCommand(root, func(cmd *cobra.Command) {
		eachFlag(cmd, func(f *pflag.Flag) {
			if done[f] {
				return
			}
			done[f] = true
			var also []string
			if v := variable(f); v != "" {
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

func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		eachCommand(c, do)
	}
}

// eachFlag visits cmd's own flags and those it hands down.
func eachFlag(cmd *cobra.Command, do func(*pflag.Flag)) {
	cmd.Flags().VisitAll(do)
	cmd.PersistentFlags().VisitAll(do)
}

// schemaOf collects the keys of jwtctl.yaml that flags have, with the flag
// that says what type each is.
func schemaOf(root *cobra.Command) map[string]*pflag.Flag {
	schema := map[string]*pflag.Flag{}
	eachCommand(root, func(cmd *cobra.Command) {
		eachFlag(cmd, func(f *pflag.Flag) {
			if k := mark(f, markKey); k != "" {
				schema[k] = f
			}
		})
	})
	return schema
}

// resolve gives every flag of cmd that was not set the value of its variable,
// else of its key in the file. viper ranks the two and converts the values;
// the environment is read through System, so viper's own reading stays off.
func (a *app) resolve(cmd *cobra.Command) error {
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00")) // keys hold dots of their own
	environment := map[string]any{}
	byFlag, byVariable := map[string]string{}, map[string]string{} // what decides a group
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		group := mark(f, markGroup)
		if f.Changed {
			byFlag[group] = "--" + f.Name
		}
		if name := variable(f); name != "" {
			if text, set := a.sys.Getenv(name); set && text != "" {
				environment[name] = listOf(f, text)
				byVariable[group] = name
			}
		}
	})
	a.keysNamedBy = cmp.Or(byFlag[keySources], byVariable[keySources])
	if err := errors.Join(v.MergeConfigMap(a.config.values), v.MergeConfigMap(environment)); err != nil {
		return fault.New(fault.ConfigInvalid, a.config.path, "%w", err)
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name, key, group := variable(f), mark(f, markKey), mark(f, markGroup)
		switch {
		case failed != nil || f.Changed || group != "" && byFlag[group] != "":
		case name != "" && v.InConfig(name):
			failed = a.setFlag(f, v.GetStringSlice(name), name)
		case group != "" && byVariable[group] != "":
		case key != "" && v.InConfig(key):
			values := v.GetStringSlice(key)
			if mark(f, markPath) != "" {
				values = a.config.resolvePaths(values)
			}
			failed = a.setFlag(f, values, a.config.at(key))
		}
	})
	return failed
}

// flagFault words what pflag says of the command line.
func (a *app) flagFault(cmd *cobra.Command, err error) error {
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		return wrongValue(fault.UsageError, "--"+wrong.GetFlag().Name, quote.Shorten(wrong.GetValue()), "", wrong.GetFlag())
	}
	var without *pflag.ValueRequiredError
	if errors.As(err, &without) {
		f := without.GetFlag()
		kind, usage := pflag.UnquoteUsage(f)
		return fault.New(fault.UsageError, "--"+f.Name, "a value is needed").WithHint("--%s %s: %s", f.Name, kind, usage)
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return a.unknownFlag(cmd, unknown)
	}
	return fault.New(fault.UsageError, nameOf(cmd), "%w", err).WithHint("%s --help lists the flags", cmd.CommandPath())
}

// listOf splits a variable of a repeatable flag into its values, one a line.
func listOf(f *pflag.Flag, text string) []string {
	if f.Value.Type() == "stringArray" {
		return strings.Split(strings.TrimRight(text, "\n"), "\n")
	}
	return []string{text}
}

// setFlag gives f its values, which came from where.
func (a *app) setFlag(f *pflag.Flag, values []string, where string) error {
	for _, value := range values {
		if err := f.Value.Set(value); err != nil {
			return wrongValue(fault.ConfigInvalid, where, quote.Shorten(value), " for --"+f.Name, f)
		}
	}
	f.Changed = true
	a.came(f.Name, where, values...)
	return nil
}

// typeHint says what a flag takes.
func typeHint(f *pflag.Flag) string {
	switch t := f.Value.Type(); t {
	case "duration":
		return "a duration such as 90s, 10m or 1h30m is needed"
	case "bool":
		return "true or false is needed"
	case "int":
		return "a whole number is needed"
	default:
		return fmt.Sprintf("a %s is needed", t)
	}
}
