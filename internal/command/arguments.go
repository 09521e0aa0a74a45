package command

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/suggest"
)

// NoArguments refuses arguments for commands that take none, or only have subcommands.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return SuggestFlag(cmd, args[0], fault.New(fault.UsageError, settings.NameOf(cmd), "takes no arguments (got %q)", quote.Shorten(args[0])))
	}
	err := fault.New(fault.UsageError, settings.NameOf(cmd), "unknown command %q", quote.Printable(args[0]))
	if like := NearestCommand(cmd, args[0]); like != "" {
		return err.WithHint("did you mean %s %s?", cmd.CommandPath(), like)
	}
	if quote.IsToken(args[0]) {
		return err.WithHint("to decode a token, use jwtctl inspect")
	}
	return err.WithHint("%s --help lists the commands", cmd.CommandPath())
}

// SuggestFlag adds to err, for a command without arguments, the flag that the argument
// belongs to.
func SuggestFlag(cmd *cobra.Command, arg string, err *fault.Error) error {
	has := func(name string) bool { return cmd.Flags().Lookup(name) != nil }
	_, notAlg := keys.ParseAlgorithm(arg)
	info, statErr := os.Stat(arg)
	var like string
	switch {
	case arg == "true" || arg == "false":
		return err.WithHint("set a boolean flag with an equals sign: --FLAG=%s", arg)
	case has("alg") && notAlg == nil:
		like = "alg"
	case has("key-dir") && statErr == nil && info.IsDir():
		like = "key-dir"
	case has("key") && statErr == nil && info.Mode().IsRegular():
		return err.WithHint("repeat --key for each file")
	case has("listen") && strings.Trim(arg, "0123456789.:") == "" && arg != "":
		if like = "listen"; !strings.Contains(arg, ":") {
			arg = ":" + arg
		}
	case has("namespace") && has("system") && !strings.ContainsAny(arg, "./:"):
		like = "namespace"
	case has("out") && !has("namespace") && strings.ContainsAny(arg, "./") && !strings.Contains(arg, "://"):
		like = "out"
	default:
		return err.WithHint("%s --help lists the flags", cmd.CommandPath())
	}
	return err.WithHint("did you mean --%s %s?", like, quote.Shorten(arg))
}

// NearestCommand returns the subcommand of cmd that was probably meant by name, a similar
// spelling or the name in other tools; or "".
func NearestCommand(cmd *cobra.Command, name string) string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		if slices.Contains(c.SuggestFor, strings.ToLower(name)) {
			return c.Name()
		}
		names = append(names, c.Name())
	}
	for _, n := range names {
		if len(name) > 2 && strings.HasPrefix(n, strings.ToLower(name)) {
			return n
		}
	}
	return suggest.Nearest(name, names)
}

// AtMostOne refuses more than one argument.
func AtMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fault.New(fault.UsageError, settings.NameOf(cmd), "takes one argument (got %d)", len(args)).
			WithHint("quote an argument that contains spaces")
	}
	return nil
}

// AsUsage converts a fault to a usage error about the flag that caused it.
func AsUsage(err error, flag string) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	c := *f
	c.Code, c.What = fault.UsageError, flag
	return &c
}
