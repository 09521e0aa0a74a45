package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// codesTopic is what jwtctl help takes besides commands.
const codesTopic = "exit-codes"

// newHelp returns cobra's help command, but an unknown topic is an error, and
// exit-codes is one.
func newHelp(root *cobra.Command, d command.Deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "help [COMMAND | exit-codes]",
		Short:       "Show help for a command, or list the exit codes",
		Annotations: map[string]string{settings.IgnoresConfig: "yes"},

		ValidArgsFunction: topics,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == codesTopic {
				return d.Print("%s", ExitCodes())
			}
			topic, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownTopic(root, args)
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
	return cmd
}

// unknownTopic returns the error for args, which are not a topic, listing the topics.
func unknownTopic(root *cobra.Command, args []string) error {
	name := strings.Join(args, " ")
	err := fault.New(fault.UsageError, "help", "unknown command or topic %q", quote.Shorten(name))
	if knownCode(name) || strings.Trim(name, "0123") == "" && name != "" || suggest.Nearest(name, []string{codesTopic}) != "" {
		return err.WithHint("for all of them, run jwtctl help %s", codesTopic)
	}
	cmd := root
	if len(args) > 1 {
		if found, _, findErr := root.Find(args[:1]); findErr == nil && found.HasSubCommands() {
			cmd, name = found, args[1]
		}
	}
	if like := command.NearestCommand(cmd, name); like != "" {
		return err.WithHint("did you mean jwtctl help %s?", strings.TrimSpace(settings.NameOf(cmd)+" "+like))
	}
	return err.WithHint("jwtctl --help lists the commands")
}

func knownCode(name string) bool {
	for row := range fault.Table {
		if string(row.Code) == name {
			return true
		}
	}
	return false
}

// ExitCodes returns the table of codes as text.
func ExitCodes() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, c := range []struct {
		class fault.Class
		text  string
	}{
		{fault.Done, "yes, or done"},
		{fault.Refused, "the answer is no"},
		{fault.Usage, "wrong usage, or an invalid configuration file"},
		{fault.Undecided, "could not decide"},
	} {
		fmt.Fprintf(&b, "\n  %d  %s\n", c.class, c.text)
		for row := range fault.Table {
			if row.Class == c.class {
				fmt.Fprintf(&b, "       %-24s %s\n", row.Code, row.Meaning)
			}
		}
	}
	return b.String()
}
