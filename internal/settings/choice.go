package settings

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/config"
)

// choice is the value of a flag with a fixed set of words, which the command line,
// variables, jwtctl.yaml and its schema, and completion use.
type choice struct {
	to *string
	of []string
}

// ChoiceVar defines a flag that accepts one of these words.
func ChoiceVar(fs *pflag.FlagSet, to *string, name, initial, usage string, of ...string) {
	*to = initial
	fs.Var(choice{to, of}, name, usage)
}

// Set implements pflag.Value.
func (c choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return errors.New(config.Kind{Choices: c.of}.Needed())
	}
	*c.to = text
	return nil
}

// String implements pflag.Value.
func (c choice) String() string {
	if c.to == nil { // pflag makes a zero value to compare with
		return ""
	}
	return *c.to
}

// Type implements pflag.Value.
func (choice) Type() string { return "string" }

// CompleteChoices adds completion of the words of cmd's flags.
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

// Words returns list as strings, for ChoiceVar and Complete.
func Words[T ~string](list []T) []string {
	words := make([]string, len(list))
	for i, one := range list {
		words[i] = string(one)
	}
	return words
}
