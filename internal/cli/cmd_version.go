package cli

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/build"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/settings"
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
		Args:        command.NoArguments,
		Annotations: map[string]string{settings.NeedsNoFile: "yes"},
		RunE:        func(*cobra.Command, []string) error { return a.runVersion(format) },
	}
	settings.ChoiceVar(cmd.Flags(), &format, "format", "text", "text or json", "text", "json")
	settings.FlagOnly(cmd.Flags(), "format")
	return cmd
}

func (a *app) runVersion(format string) error {
	if format == "json" {
		return a.PrintJSON(build.Read())
	}
	return a.Print("%s", build.Read().Text())
}
