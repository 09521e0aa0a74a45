package cli

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/build"
)

const versionText = `Print the version, the commit it was built from and when that was made, and the
Go release and platform it was built with. "modified" says that files differed
from the commit.`

func (a *app) versionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:         "version",
		Short:       "Print the version",
		Long:        versionText,
		Example:     "  jwtctl version\n  jwtctl version --format json",
		Args:        noSubcommand,
		Annotations: map[string]string{needsNoConfig: "yes"},
		RunE:        func(*cobra.Command, []string) error { return a.runVersion(format) },
	}
	choiceVar(cmd.Flags(), &format, "format", "text", "text or json", "text", "json")
	flagOnly(cmd.Flags(), "format")
	return cmd
}

func (a *app) runVersion(format string) error {
	if format == "json" {
		return a.PrintJSON(build.Read())
	}
	return a.Print("%s", build.Read().Text())
}
