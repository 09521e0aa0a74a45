package toolcmd

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

const completionText = `Print the completion script for a shell. To load it:

  bash        source <(jwtctl completion bash)
  zsh         jwtctl completion zsh > "${fpath[1]}/_jwtctl"
  fish        jwtctl completion fish | source
  powershell  jwtctl completion powershell | Out-String | Invoke-Expression`

// Completion returns the command.
func Completion(d command.Deps) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:         "completion bash|zsh|fish|powershell",
		Short:       "Print a shell completion script",
		Long:        completionText,
		ValidArgs:   shells,
		Annotations: map[string]string{settings.IgnoresConfig: "yes"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && cobra.OnlyValidArgs(cmd, args) == nil {
				return nil
			}
			if len(args) != 1 {
				return fault.New(fault.UsageError, settings.NameOf(cmd), "name a shell: bash, zsh, fish or powershell")
			}
			err := fault.New(fault.UsageError, settings.NameOf(cmd), "%q is not one of bash, zsh, fish, powershell", quote.Shorten(args[0]))
			name := filepath.Base(args[0])
			if name == "pwsh" {
				name = "powershell"
			}
			if like := suggest.Nearest(name, shells); like != "" && len(name) > 2 {
				return err.WithHint("did you mean jwtctl completion %s?", like)
			}
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			show := map[string]func() error{
				"bash":       func() error { return root.GenBashCompletionV2(d.Out, true) },
				"zsh":        func() error { return root.GenZshCompletion(d.Out) },
				"fish":       func() error { return root.GenFishCompletion(d.Out, true) },
				"powershell": func() error { return root.GenPowerShellCompletionWithDesc(d.Out) },
			}[args[0]]
			if err := show(); d.Out.Err() == nil { // Main reports that error itself
				return err
			}
			return nil
		},
	}
}
