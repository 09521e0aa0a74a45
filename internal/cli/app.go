package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/system"
)

// app is one run of the program.
type app struct {
	sys system.System
	*console.Console
	config *config
	// configFlag is --config.
	configFlag string
	// bare says that neither a configuration file nor variables count.
	bare bool
	// graceful says that the running command ends by itself on an interrupt.
	graceful atomic.Bool
	// origins are where values are from that were not on the command line.
	origins []origin
	// keysNamedBy is the flag or variable that names the keys to use, "" where
	// those of the configuration count.
	keysNamedBy string
	// running is the command whose flags are read, nil before that.
	running *cobra.Command
	// args are those of the command line, and capture, unless nil, is what
	// jwtctl proxy calls with its options instead of running.
	args    []string
	capture func(proxyOptions)
	// live is what a command that loads its policy anew keeps between the
	// loads; nil for the others.
	live *live
}

func newApp(sys system.System) *app {
	return &app{sys: sys, Console: console.New(sys), config: &config{}}
}

// command is a command that is built when it is asked for.
type command struct {
	name  string
	build func() *cobra.Command
}

// commands is the list of all commands, in the order of --help.
func (a *app) commands() []command {
	return []command{
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
		Args:              noSubcommand,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.settle(cmd) },
	}
	fs := root.PersistentFlags()
	fs.StringVar(&a.configFlag, "config", "", "configuration `FILE`; by default the nearest jwtctl.yaml upwards")
	choiceVar(fs, &a.Color, "color", "auto", "colours: auto, always or never", "auto", "always", "never")
	fs.BoolVarP(&a.Quiet, "quiet", "q", false, "nothing on stderr but errors and dangers")
	fs.BoolVarP(&a.Verbose, "verbose", "v", false, "more on stderr")
	keyed(fs, "", "color", "quiet", "verbose")
	flagOnly(fs, "config")

	root.SetIn(a.sys.In)
	root.SetOut(a.Out)
	root.SetErr(a.sys.Err)
	root.SetFlagErrorFunc(a.flagFault)
	a.addCommands(root, args)
	root.SetHelpCommand(a.helpCommand(root))
	describeBindings(root)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		eachCommand(root, completeChoices)
	}
	root.SetUsageTemplate(usageFor(a.sys.OutColumns))
	return root
}

// settle reads the configuration and applies it.
func (a *app) settle(cmd *cobra.Command) error {
	a.running = cmd
	if a.bare || cmd.Annotations[needsNoConfig] != "" {
		return a.checkPaths(cmd)
	}
	path, found, err := a.configPath()
	if err != nil {
		return err
	}
	if path != "" {
		c, err := loadConfig(path, found, schemaOf(Root(a.sys)))
		if err != nil {
			return err
		}
		a.config = c
		for i, e := range c.keys {
			a.came("", fmt.Sprintf("%s:%d: keys[%d]", c.path, e.line, i), e.File)
		}
		for i, e := range c.keySets {
			a.came("", fmt.Sprintf("%s:%d: key_sets[%d]", c.path, e.line, i), e.JWKS)
		}
	}
	return a.apply(cmd)
}

// apply gives every flag of cmd that was not set the value of its variable or
// of the configuration, and checks the global ones.
func (a *app) apply(cmd *cobra.Command) error {
	if err := a.resolve(cmd); err != nil {
		return err
	}
	return a.checkPaths(cmd)
}

// configPath returns the configuration file that counts, "" for none, and
// whether it was found rather than named.
func (a *app) configPath() (path string, found bool, err error) {
	if a.configFlag != "" {
		return a.configFlag, false, nil
	}
	if path, _ := a.sys.Getenv("JWTCTL_CONFIG"); path != "" {
		a.came("config", "JWTCTL_CONFIG", path)
		return path, false, nil
	}
	path, err = findConfig()
	return path, true, err
}

// needsNoConfig marks commands that answer whatever the configuration says.
const needsNoConfig = "jwtctl:needs-no-config"

// noSubcommand refuses arguments of commands that only hold others, and of
// those that take none.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return meantAsFlag(cmd, args[0], fault.New(fault.UsageError, nameOf(cmd), "takes no argument, and %q is one", quote.Shorten(args[0])))
	}
	err := fault.New(fault.UsageError, nameOf(cmd), "there is no command %q", quote.Printable(args[0]))
	if like := nearestCommand(cmd, args[0]); like != "" {
		return err.WithHint("did you mean %s %s?", cmd.CommandPath(), like)
	}
	if strings.HasPrefix(args[0], "eyJ") {
		return err.WithHint("jwtctl inspect shows what a token says")
	}
	return err.WithHint("%s --help lists the commands", cmd.CommandPath())
}

// nameOf names cmd in messages, which begin with the program's name anyway.
func nameOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()), " ")
}

// atFlag adds --at, the time to take for now.
func (a *app) atFlag(fs *pflag.FlagSet, at *string) {
	fs.StringVar(at, "at", "", "the `TIME` to take for now, such as 2026-01-31T12:00:00Z (RFC 3339)")
}

// now returns the time of --at, or the clock's.
func (a *app) now(at string) (time.Time, error) {
	if at == "" {
		return a.sys.Now(), nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return time.Time{}, fault.New(fault.UsageError, "--at", "%q is no RFC 3339 time", quote.Printable(at)).WithHint("such as 2026-01-31T12:00:00Z")
	}
	return t, nil
}

// clock returns the System's clock, or one that stands still at --at.
func (a *app) clock(at string) (func() time.Time, error) {
	if at == "" {
		return a.sys.Now, nil
	}
	t, err := a.now(at)
	return func() time.Time { return t }, err
}

// findConfig returns the nearest jwtctl.yaml upwards of the working folder, ""
// if there is none. Its path is relative, so that the paths in it stay as short
// in messages and reports as they are there.
func findConfig() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fault.New(fault.FileFailed, "the working folder", "%w", err)
	}
	path, err := findUpwards(dir)
	if err != nil || path == "" {
		return "", err
	}
	return filepath.Rel(dir, path)
}
