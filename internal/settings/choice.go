package settings

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/config"
)

// choice is the value of a flag that takes one of a few words. The command line,
// variables, jwtctl.yaml and its schema, and completion know them by it.
type choice struct {
	to *string
	of []string
}

// ChoiceVar defines a flag that takes one of these words.
func ChoiceVar(fs *pflag.FlagSet, to *string, name, initial, usage string, of ...string) {
	*to = initial
	fs.Var(choice{to, of}, name, usage)
}

// Set is that of pflag.Value.
func (c choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return errors.New(config.Kind{Words: c.of}.Needed())
	}
	*c.to = text
	return nil
}

// String is that of pflag.Value.
func (c choice) String() string {
	if c.to == nil { // as pflag makes one to know the zero
		return ""
	}
	return *c.to
}

// Type is that of pflag.Value.
func (choice) Type() string { return "string" }

// CompleteChoices lets the shell complete the words of cmd's flags.
func CompleteChoices(cmd *cobra.Command) {
	EachFlag(cmd, func(f *pflag.Flag) {
		words := f.Annotations[markWords]
		if c, ok := f.Value.(choice); ok {
			words = c.of
		}
		if words != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // an error is that it has one
		}
	})
}
