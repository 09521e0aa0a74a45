// Package cli is the whole command line: the list of commands, global flags, and the exit
// code.
package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/build"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/command/authzcmd"
	"github.com/jwtctl/jwtctl/internal/command/idpcmd"
	"github.com/jwtctl/jwtctl/internal/command/inspectcmd"
	"github.com/jwtctl/jwtctl/internal/command/keycmd"
	"github.com/jwtctl/jwtctl/internal/command/messagecmd"
	"github.com/jwtctl/jwtctl/internal/command/policycmd"
	"github.com/jwtctl/jwtctl/internal/command/proxycmd"
	"github.com/jwtctl/jwtctl/internal/command/temporalcmd"
	"github.com/jwtctl/jwtctl/internal/command/tokencmd"
	"github.com/jwtctl/jwtctl/internal/command/toolcmd"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/system"
)

// lazy is a command that is built only when the command line names it.
type lazy struct {
	name, group string
	build       func(d command.Deps) *cobra.Command
}

// groups are the headings of --help, in order.
func groups() []string {
	return []string{"Keys", "Tokens", "Temporal", "Policies", "Enforcing", "Tool"}
}

// commands is the list of all commands, in the order of --help.
func commands() []lazy {
	return []lazy{
		{"keygen", "Keys", keycmd.Keygen},
		{"key", "Keys", keycmd.Key},
		{"jwks", "Keys", keycmd.JWKS},
		{"serve", "Keys", keycmd.Serve},
		{"gen-and-serve", "Keys", keycmd.GenAndServe},
		{"rotate", "Keys", keycmd.Rotate},
		{"idp", "Keys", idpcmd.IDP},

		{"token", "Tokens", func(d command.Deps) *cobra.Command { return tokencmd.Token(d, policies.ForMethod) }},
		{"inspect", "Tokens", inspectcmd.Inspect},

		{"explain-denial", "Temporal", temporalcmd.ExplainDenial},
		{"doctor", "Temporal", temporalcmd.Doctor},

		{"sign", "Policies", messagecmd.Sign},
		{"verify", "Policies", messagecmd.Verify},
		{"lint", "Policies", policycmd.Lint},
		{"explain", "Policies", policycmd.Explain},
		{"diff", "Policies", policycmd.Diff},
		{"convert", "Policies", policycmd.Convert},
		{"buf-plugin", "Policies", policycmd.BufPlugin},

		{"proxy", "Enforcing", proxycmd.Proxy},
		{"authz", "Enforcing", authzcmd.Authz},

		{"init", "Tool", toolcmd.Init},
		{"config", "Tool", toolcmd.Config},
		{"demo", "Tool", func(d command.Deps) *cobra.Command { return toolcmd.Demo(d, run) }},
		{"completion", "Tool", toolcmd.Completion},
		{"version", "Tool", toolcmd.Version},
	}
}

// addCommands adds to root the one command that args start with, or all: building some
// two hundred flags takes longer than making a token.
func addCommands(root *cobra.Command, d command.Deps, args []string) {
	all := commands()
	if i := slices.IndexFunc(all, func(c lazy) bool { return len(args) > 0 && args[0] == c.name }); i >= 0 {
		all = all[i : i+1]
	}
	for _, c := range all {
		cmd := c.build(d)
		cmd.GroupID = c.group
		root.AddCommand(cmd)
	}
}

const rootText = `Make keys and publish their public halves, mint and inspect JSON Web Tokens, and
sign and verify protobuf messages as their JWT annotations require.

Results go to stdout, messages to stderr. Most flags can also be set with an
environment variable or in jwtctl.yaml; the help of each flag names both in
brackets. A flag overrides the variable, and the variable overrides the file.

jwtctl uses the nearest jwtctl.yaml in this or a parent directory; paths in it
are relative to it. A file that other users can write to is refused unless
--config names it. Keys given by a flag or variable replace keys: and key_sets:
in the file.`

// Root returns the command tree for generators of documentation.
func Root(sys system.System) *cobra.Command { return newRoot(newDeps(sys), nil) }

// newDeps returns the dependencies of the commands of one run.
func newDeps(sys system.System) command.Deps {
	return command.Deps{System: sys, Console: console.New(sys), Settings: settings.New(sys.Getenv), Stay: func() {}}
}

// newRoot returns the part of the command tree that args need, or all of it if there are
// none.
func newRoot(d command.Deps, args []string) *cobra.Command {
	version := false
	root := &cobra.Command{
		Use:               "jwtctl",
		Short:             "Keys and tokens on the command line",
		Long:              rootText,
		Args:              command.NoArguments,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.HasParent() { // help and version, whatever is set
				return nil
			}
			return d.Settings.Load(cmd)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return d.Print("%s", build.Read().Text())
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&version, "version", false, "print the version")
	fs := root.PersistentFlags()
	fs.String("config", "", "configuration `FILE` (default: the nearest jwtctl.yaml in this or a parent directory)")
	settings.ChoiceVar(fs, &d.Color, "color", "auto", "use colours `WHEN`: auto, always or never", "auto", "always", "never")
	fs.BoolVarP(&d.Quiet, "quiet", "q", false, "only print errors and security warnings to stderr")
	fs.BoolVarP(&d.Verbose, "verbose", "v", false, "print details to stderr")
	settings.Keyed(fs, "", "color", "quiet", "verbose")
	settings.FlagOnly(fs, "config")
	settings.FlagOnly(root.Flags(), "version")

	root.SetIn(d.System.In)
	root.SetOut(d.Out)
	root.SetErr(d.System.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagFault(cmd, err, args) })
	for _, g := range groups() {
		root.AddGroup(&cobra.Group{ID: g, Title: g})
	}
	addCommands(root, d, args)
	root.SetHelpCommandGroupID("Tool")
	root.SetHelpCommand(newHelp(root, d))
	settings.Describe(root)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		settings.EachCommand(root, func(cmd *cobra.Command) { complete(cmd, d) })
	}
	root.SetHelpFunc(helpFor(d.System.OutColumns))
	root.SetUsageFunc(usageFor(d.System.OutColumns))
	return root
}

// run runs the command given by args inside another one.
func run(ctx context.Context, sys system.System, args []string) error {
	root := newRoot(newDeps(sys), args)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}
