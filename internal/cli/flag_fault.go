package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// flagFault returns the fault for an error of pflag about the arguments args.
func flagFault(cmd *cobra.Command, err error, args []string) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return settings.KindOf(wrong.GetFlag()).Invalid(fault.UsageError, "--"+wrong.GetFlag().Name, quote.Shorten(wrong.GetValue()), "")
	}
	if without, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		f := without.GetFlag()
		kind, usage := pflag.UnquoteUsage(described(f))
		return fault.New(fault.UsageError, "--"+f.Name, "needs a value").WithHint("--%s %s: %s", f.Name, kind, usage)
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, unknown, args)
	}
	return fault.New(fault.UsageError, settings.NameOf(cmd), "%w", err).WithHint("%s --help lists the flags", cmd.CommandPath())
}

// unknownFlag returns the error for a flag that cmd does not have, with a suggestion.
func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError, args []string) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			names = append(names, f.Name)
		}
	})
	name, group := e.GetSpecifiedName(), e.GetSpecifiedShortnames()
	if group == "" {
		err := fault.New(fault.UsageError, settings.NameOf(cmd), "unknown flag: --%s", quote.Shorten(name))
		if name == "version" {
			return err.WithHint("use jwtctl version")
		}
		if like := config.Nearest(name, names); like != "" {
			return err.WithHint("did you mean --%s?", like)
		}
		return err.WithHint("%s --help lists the flags", cmd.CommandPath())
	}
	// pflag reads -ttl as -t -t -l, and may already have consumed -t.
	written := shortGroup(group, args)
	err := fault.New(fault.UsageError, settings.NameOf(cmd), "unknown flag: -%s", quote.Shorten(written))
	if long, _, _ := strings.Cut(written, "="); len(long) > 1 {
		if like := config.Nearest(long, names); like != "" {
			return err.WithHint("did you mean --%s?", like)
		}
	}
	var like []string
	for _, n := range names {
		if strings.HasPrefix(n, name) {
			like = append(like, "--"+n)
		}
	}
	if len(like) == 0 || len(like) > 3 {
		return err.WithHint("%s --help lists the flags", cmd.CommandPath())
	}
	return err.WithHint("did you mean %s?", strings.Join(like, " or "))
}

// shortGroup returns the argument that pflag was parsing when only group was left of it.
func shortGroup(group string, args []string) string {
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.HasSuffix(arg, group) {
			return arg[1:]
		}
	}
	return group
}
