package policycmd

import (
	"errors"

	"github.com/spf13/cobra"
	"pluginrpc.com/pluginrpc"

	"github.com/jwtctl/jwtctl/internal/bufplugin"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const bufPluginText = `Run the rules of jwtctl lint inside buf lint. Buf starts this command itself if
buf.yaml has these lines:

  plugins:
    - plugin: [jwtctl, buf-plugin]
  lint:
    use: [STANDARD, JWT]

Rule ids follow Buf's spelling: claim-cycle becomes JWT_CLAIM_CYCLE. The
category JWT contains all errors and warnings, JWT_ERRORS only the errors.`

const bufPluginHint = "for the same checks run jwtctl lint; for the lines in buf.yaml see jwtctl buf-plugin --help"

// BufPlugin returns the command.
func BufPlugin(d command.Deps) *cobra.Command {
	return &cobra.Command{
		Use:                "buf-plugin",
		Short:              "Run the rules of jwtctl lint inside buf lint",
		Long:               bufPluginText,
		Annotations:        map[string]string{settings.IgnoresConfig: "yes"},
		DisableFlagParsing: true, // they are the protocol's
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
				return cmd.Help()
			}
			if len(args) == 0 {
				return fault.New(fault.UsageError, "buf-plugin", "only buf lint starts this command").WithHint(bufPluginHint)
			}
			return bufFault(bufplugin.Serve(cmd.Context(), args, d.System.In, d.Out, d.System.Err))
		},
	}
}

// bufFault returns errors outside of the calls, whose own errors are part of the
// protocol.
func bufFault(err error) error {
	var exit *pluginrpc.ExitError
	if err == nil || errors.As(err, &exit) && exit.ExitCode() == 0 {
		return nil
	}
	return fault.New(fault.UsageError, "buf-plugin", "%w", err).WithHint(bufPluginHint)
}
