package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// complete adds shell completion for the values of cmd's flags: fixed choices, names that
// jwtctl knows, and names in the descriptors given by the command line or jwtctl.yaml.
func complete(cmd *cobra.Command, d command.Deps) {
	settings.CompleteChoices(cmd)
	if settings.NameOf(cmd) == "explain" {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return append(annotated(cmd, d, true), annotated(cmd, d, false)...), cobra.ShellCompDirectiveNoFileComp
		}
	}
	settings.EachFlag(cmd, func(f *pflag.Flag) {
		if endings, only := endingsOf(f.Name); only != cobra.ShellCompDirectiveDefault {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(endings, only))
			return
		}
		words := wordsOf(d, f.Name)
		if words == nil {
			return
		}
		// An error means that the flag already has a function.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return words(cmd), cobra.ShellCompDirectiveNoFileComp
		})
	})
}

// topics completes the arguments of jwtctl help.
func topics(cmd *cobra.Command, args []string, _ string) (list []string, _ cobra.ShellCompDirective) {
	within, _, err := cmd.Root().Find(args)
	if err != nil || len(args) > 0 && within == cmd.Root() {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, c := range within.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, c.Name())
		}
	}
	if len(args) == 0 {
		list = append(list, codesTopic)
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// endingsOf returns which files the flag called name takes: those with the endings, or
// folders alone; the default directive where it is not about files, or any will do.
func endingsOf(name string) ([]string, cobra.ShellCompDirective) {
	switch name {
	case "config":
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	case "proto":
		return []string{"proto"}, cobra.ShellCompDirectiveFilterFileExt
	case "proto-path", "key-dir":
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// wordsOf returns what finds the words of the flag called name, nil for none.
func wordsOf(d command.Deps, name string) func(cmd *cobra.Command) []string {
	switch name {
	case "alg":
		return func(*cobra.Command) []string { return settings.Words(keys.Algorithms()) }
	case "role":
		return func(*cobra.Command) []string { return settings.Words(temporal.Roles()) }
	case "api":
		return func(*cobra.Command) (list []string) {
			for _, api := range temporal.Newest().APIs() {
				list = append(list, api.Name[strings.LastIndexByte(api.Name, '/')+1:])
			}
			slices.Sort(list)
			return slices.Compact(list)
		}
	case "for": // of explain-denial and doctor: that of token has its words
		return func(*cobra.Command) (list []string) {
			for _, task := range temporal.Tasks() {
				list = append(list, task.Name)
			}
			return list
		}
	case "server-version":
		return func(*cobra.Command) (list []string) {
			for _, r := range temporal.Releases() {
				list = append(list, r.Version)
			}
			return list
		}
	case "type":
		return func(cmd *cobra.Command) []string { return annotated(cmd, d, false) }
	case "method", "for-method":
		return func(cmd *cobra.Command) []string { return annotated(cmd, d, true) }
	}
	return nil
}

// annotated returns the methods that validate or sign, or the types with tokens, in the
// descriptors that cmd would read; none if these cannot be read.
func annotated(cmd *cobra.Command, d command.Deps, methods bool) (list []string) {
	if cmd.Flags().Lookup("proto") == nil || d.Settings.Load(cmd) != nil {
		return nil
	}
	var protos policies.ProtoFlags
	for flag, to := range map[string]*[]string{"proto": &protos.Protos, "descriptor-set": &protos.Sets, "proto-path": &protos.ImportPaths} {
		*to, _ = cmd.Flags().GetStringArray(flag) // all three are lists
	}
	d.Quiet = true
	set, err := protos.Load(cmd.Context(), d)
	if err != nil {
		return nil
	}
	p := policy.Read(set)
	for _, m := range p.Messages {
		if !methods && m.HasTokens() {
			list = append(list, string(m.Desc.FullName()))
		}
	}
	for _, s := range p.Services {
		for _, m := range s.Methods {
			if methods && m.Guarded() {
				list = append(list, string(s.Desc.FullName())+"/"+string(m.Desc.Name()))
			}
		}
	}
	return list
}
