package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// helpCommand is cobra's, but an unknown topic is an error, and exit-codes is
// one.
func (a *app) helpCommand(root *cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "help [COMMAND | exit-codes]",
		Short:       "Say more of a command, or list the exit codes",
		Annotations: map[string]string{needsNoConfig: "yes"},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "exit-codes" {
				return a.print("%s", ExitCodes())
			}
			topic, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				err := fault.New(fault.UsageError, "help", "there is no command or topic %q", printable(strings.Join(args, " ")))
				if like := nearestCommand(root, args[0]); like != "" && len(args) == 1 {
					return err.WithHint("did you mean jwtctl help %s?", like)
				}
				return err.WithHint("jwtctl --help lists the commands, jwtctl help exit-codes the exit codes")
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
	return cmd
}

// ExitCodes renders the one table of codes.
func ExitCodes() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, c := range []struct {
		class fault.Class
		text  string
	}{
		{fault.Done, "yes, or done"},
		{fault.Refused, "the answer is no"},
		{fault.Usage, "wrong usage, or a wrong configuration file"},
		{fault.Undecided, "could not decide"},
	} {
		fmt.Fprintf(&b, "\n  %d  %s\n", c.class, c.text)
		for _, row := range fault.Table() {
			if row.Class == c.class {
				fmt.Fprintf(&b, "       %-24s %s\n", row.Code, row.Meaning)
			}
		}
	}
	return b.String()
}
