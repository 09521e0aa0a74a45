package cli

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/fault"
)

const completionText = `Print the completion script of a shell.

  bash        source <(jwtctl completion bash)
  zsh         jwtctl completion zsh > "${fpath[1]}/_jwtctl"
  fish        jwtctl completion fish | source
  powershell  jwtctl completion powershell | Out-String | Invoke-Expression`

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:         "completion bash|zsh|fish|powershell",
		Short:       "Print a shell's completion script",
		Long:        completionText,
		ValidArgs:   shells,
		Annotations: map[string]string{needsNoConfig: "yes"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && cobra.OnlyValidArgs(cmd, args) == nil {
				return nil
			}
			return fault.New(fault.UsageError, nameOf(cmd), "one of bash, zsh, fish and powershell is needed")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			default:
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
		},
	}
}
