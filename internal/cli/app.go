package cli

import (
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/system"
)

// app is one run of the program.
type app struct {
	command.Deps
	// graceful says that the running command ends by itself on an interrupt.
	graceful atomic.Bool
	// live is what a command that loads its policy anew keeps between the
	// loads; nil for the others.
	live *live
}

func newApp(sys system.System) *app {
	a := &app{Deps: command.Deps{System: sys, Console: console.New(sys), Settings: settings.New(sys.Getenv)}}
	a.Stay = func() { a.graceful.Store(true) }
	return a
}

// lazy is a command that is built when it is needed.
type lazy struct {
	name  string
	build func() *cobra.Command
}

// commands is the list of all commands, in the order of --help.
func (a *app) commands() []lazy {
	return []lazy{
		{"keygen", a.keygenCommand},
		{"jwks", a.jwksCommand},
		{"serve", a.serveCommand},
		{"gen-and-serve", a.genAndServeCommand},
		{"rotate", a.rotateCommand},

		{"token", a.tokenCommand},
		{"inspect", a.inspectCommand},
		{"explain-denial", a.explainDenialCommand},

		{"sign", a.signCommand},
		{"verify", a.verifyCommand},
		{"lint", a.lintCommand},
		{"diff", a.diffCommand},
		{"explain", a.explainCommand},
		{"buf-plugin", a.bufPluginCommand},
		{"proxy", a.proxyCommand},
		{"demo", a.demoCommand},

		{"init", a.initCommand},
		{"config", a.configCommand},
		{"completion", a.completionCommand},
		{"version", a.versionCommand},
	}
}

// addCommands gives root the one command that args begin with, or all of them:
// to build some two hundred flags takes longer than to make a token.
func (a *app) addCommands(root *cobra.Command, args []string) {
	all := a.commands()
	for _, c := range all {
		if len(args) > 0 && args[0] == c.name {
			root.AddCommand(c.build())
			return
		}
	}
	for _, c := range all {
		root.AddCommand(c.build())
	}
}

const rootText = `Keys and tokens on the command line: make keys, serve their public halves,
mint and check JSON Web Tokens, sign and verify protobuf messages by their JWT
annotations.

Results go to stdout, everything for people to stderr. Each flag can also be
set by the variable and by the key of jwtctl.yaml that its help names; a flag
wins over a variable, a variable over the file. jwtctl.yaml is looked for in
the working folder and upwards; paths in it are relative to it. One that others
can write counts only if --config names it. Keys named by a flag or variable
replace keys: and key_sets: of the file.`

// Root returns the command tree for generators of documentation.
func Root(sys system.System) *cobra.Command { return newApp(sys).root(nil) }

// root returns the command tree as far as args need it: all of it for none.
func (a *app) root(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:               "jwtctl",
		Short:             "Keys and tokens on the command line",
		Long:              rootText,
		Args:              command.NoArguments,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.Settings.Load(cmd) },
	}
	fs := root.PersistentFlags()
	fs.String("config", "", "configuration `FILE`; by default the nearest jwtctl.yaml upwards")
	settings.ChoiceVar(fs, &a.Color, "color", "auto", "colours: auto, always or never", "auto", "always", "never")
	fs.BoolVarP(&a.Quiet, "quiet", "q", false, "nothing on stderr but errors and dangers")
	fs.BoolVarP(&a.Verbose, "verbose", "v", false, "more on stderr")
	settings.Keyed(fs, "", "color", "quiet", "verbose")
	settings.FlagOnly(fs, "config")

	root.SetIn(a.System.In)
	root.SetOut(a.Out)
	root.SetErr(a.System.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagFault(cmd, err, args) })
	a.addCommands(root, args)
	root.SetHelpCommand(a.helpCommand(root))
	settings.Describe(root)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		settings.EachCommand(root, settings.CompleteChoices)
	}
	root.SetUsageTemplate(usageFor(a.System.OutColumns))
	return root
}
