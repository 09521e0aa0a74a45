package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// choice is the value of a flag that takes one of a few words. The command line,
// variables, jwtctl.yaml and its schema, and completion know them by it.
type choice struct {
	to *string
	of []string
}

// choiceVar defines a flag that takes one of these words.
func choiceVar(fs *pflag.FlagSet, to *string, name, initial, usage string, of ...string) {
	*to = initial
	fs.Var(choice{to, of}, name, usage)
}

// Set is that of pflag.Value.
func (c choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return errors.New(c.needed())
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

// needed ends a sentence about a word that is none of c's.
func (c choice) needed() string {
	if len(c.of) == 2 {
		return "is neither " + c.of[0] + " nor " + c.of[1]
	}
	return "is none of " + strings.Join(c.of, ", ")
}

// completeChoices lets the shell complete the words of cmd's flags.
func completeChoices(cmd *cobra.Command) {
	eachFlag(cmd, func(f *pflag.Flag) {
		if c, ok := f.Value.(choice); ok {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp)) // an error is that it has one
		}
	})
}
