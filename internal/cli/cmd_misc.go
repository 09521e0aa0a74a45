package cli

import (
	"runtime"
	"runtime/debug"

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

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Print the version",
		Args:        noSubcommand,
		Annotations: map[string]string{needsNoConfig: "yes"},
		RunE:        func(*cobra.Command, []string) error { return a.print("jwtctl %s\n", version()) },
	}
}

// version returns what the build says of itself: the module's version or the
// commit, and the Go release.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown " + runtime.Version()
	}
	commit, modified := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				modified = " modified"
			}
		}
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "development"
	}
	if commit != "" {
		text += " " + commit[:min(12, len(commit))] + modified
	}
	return text + " " + info.GoVersion
}
