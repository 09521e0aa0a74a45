package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// helpFor returns a function that prints the help of a command for a terminal with this
// number of columns: its text, and then its usage.
func helpFor(columns int) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, _ []string) {
		text := console.Fill(strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)), columns)
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n%s", text, cmd.UsageString())
	}
}

// usageFor returns a function that prints the usage of a command for a terminal with this
// number of columns: usage, commands by group, flags. Texts of flags are wrapped, or on
// one line each if columns is 0, as in documents.
func usageFor(columns int) func(*cobra.Command) error {
	const narrowest = 60
	if columns < narrowest {
		columns = 0
	}
	return func(cmd *cobra.Command) error {
		var b strings.Builder
		b.WriteString("Usage:")
		if cmd.Runnable() {
			b.WriteString("\n" + console.Wrap("  "+cmd.UseLine(), columns))
		}
		if cmd.HasAvailableSubCommands() {
			fmt.Fprintf(&b, "\n  %s COMMAND", cmd.CommandPath())
		}
		if cmd.HasExample() {
			b.WriteString("\n\nExamples:")
			for line := range strings.SplitSeq(cmd.Example, "\n") {
				b.WriteString("\n" + console.WrapCommand(line, columns))
			}
		}
		listCommands(&b, cmd)
		listFlags(&b, "Flags", cmd.LocalFlags(), columns)
		listFlags(&b, "Global flags", cmd.InheritedFlags(), columns)
		if cmd.HasAvailableSubCommands() {
			more := fmt.Sprintf("Run \"%s COMMAND --help\" for details; \"jwtctl help exit-codes\" lists the exit codes.", cmd.CommandPath())
			b.WriteString("\n\n" + console.Fill(more, columns))
		}
		_, err := io.WriteString(cmd.OutOrStderr(), b.String()+"\n")
		return err
	}
}

// listCommands writes the subcommands of cmd, by group if it has groups.
func listCommands(b *strings.Builder, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	list := func(title, group string) {
		b.WriteString("\n\n" + title + ":")
		for _, c := range cmd.Commands() {
			if c.GroupID == group && c.IsAvailableCommand() {
				fmt.Fprintf(b, "\n  %-*s %s", c.NamePadding(), c.Name(), c.Short)
			}
		}
	}
	if len(cmd.Groups()) == 0 {
		list("Commands", "")
	}
	for _, group := range cmd.Groups() {
		list(group.Title, group.ID)
	}
}

// listFlags writes the flags of fs that are not hidden.
func listFlags(b *strings.Builder, title string, fs *pflag.FlagSet, columns int) {
	if !fs.HasAvailableFlags() {
		return
	}
	shown := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.VisitAll(func(f *pflag.Flag) { shown.AddFlag(described(f)) })
	b.WriteString("\n\n" + title + ":\n" + strings.TrimRight(shown.FlagUsagesWrapped(columns), " \n"))
}

// described returns f as --help shows it: what it takes in capitals, and its default before
// the variable and the key, unless the text has a default of its own.
func described(f *pflag.Flag) *pflag.Flag {
	d := *f
	kind := f.Value.Type()
	switch kind {
	case "bool":
		kind = "boolfunc" // pflag would add "[=true|false]" to the name
	case "duration":
		kind = "DURATION"
	}
	d.Value, d.DefValue = typed{f.Value, kind}, "" // pflag adds no default to a type it does not know
	initial := f.DefValue
	if length, err := time.ParseDuration(initial); err == nil {
		initial = quote.Duration(length)
	}
	if slices.Contains([]string{"", "[]", "false", "0", "0s"}, initial) || strings.Contains(f.Usage, "(default") {
		return &d
	}
	text, names, found := strings.Cut(f.Usage, " [JWTCTL_")
	d.Usage = text + " (default " + initial + ")"
	if found {
		d.Usage += " [JWTCTL_" + names
	}
	return &d
}

// typed is the value of a flag whose type has the name that --help shows.
type typed struct {
	pflag.Value
	name string
}

func (t typed) Type() string     { return t.name }
func (t typed) IsBoolFlag() bool { return t.name == "boolfunc" }
