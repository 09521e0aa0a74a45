// Package toolcmd has the commands about jwtctl itself: init, config, demo, completion and
// version.
package toolcmd

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/build"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const versionText = `Print the version, the commit and its date, and the Go release and platform of
the build. "modified" means that files differed from the commit.`

// Version returns the command.
func Version(d command.Deps) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:         "version",
		Short:       "Print the version",
		Long:        versionText,
		Example:     "  jwtctl version\n  jwtctl version --format json",
		Args:        command.NoArguments,
		Annotations: map[string]string{settings.IgnoresConfig: "yes"},
		RunE:        func(*cobra.Command, []string) error { return runVersion(d, format) },
	}
	settings.ChoiceVar(cmd.Flags(), &format, "format", "text", "output `FORMAT`: text or json", "text", "json")
	settings.FlagOnly(cmd.Flags(), "format")
	return cmd
}

func runVersion(d command.Deps, format string) error {
	if format == "json" {
		return d.PrintJSON(build.Read())
	}
	return d.Print("%s", build.Read().Text())
}
