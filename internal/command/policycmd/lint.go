// Package policycmd has the commands that read policies but enforce none: lint, explain,
// diff, convert and buf-plugin.
package policycmd

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/build"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/report"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const lintText = `Check the JWT annotations of .proto files, descriptor sets and Buf images.

PATH is a .proto file, a directory of them, a pattern, or a descriptor set. The
default is the files listed in jwtctl.yaml or, without any, the annotated files
under the current directory, the files next to them and their imports (with
--require-all, every file).

An error is something that sign, verify and proxy refuse to run with: lint exits
1. A warning is probably a mistake: lint exits 1 only with --strict.

To silence a warning or note about an element, but never an error, put this in
the comment above it:

  // jwtctl:ignore RULE-ID REASON

--rules lists the rules.`

const lintExample = `  jwtctl lint proto
  jwtctl lint -I third_party --proto "proto/**/*.proto" --strict
  buf build -o - | jwtctl lint -
  jwtctl lint --format sarif -o jwtctl.sarif`

type lintOptions struct {
	protos     policies.ProtoFlags
	format     string
	out        string
	strict     bool
	requireAll bool
	rules      bool
}

// Lint returns the command.
func Lint(d command.Deps) *cobra.Command {
	var o lintOptions
	cmd := &cobra.Command{
		Use:     "lint [PATH…]",
		Short:   "Check the JWT annotations of .proto files and descriptor sets",
		Long:    lintText,
		Example: lintExample,
		Args:    policies.PathArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLint(cmd.Context(), d, o)
		},
	}
	fs := cmd.Flags()
	o.protos.Register(fs)
	settings.ChoiceVar(fs, &o.format, "format", "text", "output `FORMAT`: "+strings.Join(finding.Formats(), ", "), finding.Formats()...)
	fs.StringVarP(&o.out, "out", "o", "", "write to `FILE` instead of stdout")
	fs.BoolVar(&o.strict, "strict", false, "exit 1 on warnings too")
	fs.BoolVar(&o.requireAll, "require-all", false, "report methods without a policy as errors")
	fs.BoolVar(&o.rules, "rules", false, "list the rules and exit")
	settings.Outputs(fs, "out")
	settings.FlagOnly(fs, "rules")
	settings.Keyed(fs, "lint")
	return cmd
}

func runLint(ctx context.Context, d command.Deps, o lintOptions) error {
	if o.rules {
		return report.Rules(d, lint.Rules(), o.format, o.out)
	}
	if o.requireAll && !o.protos.Named() {
		o.protos.Protos = []string{"."} // a method without a policy may be in any file
	}
	set, err := o.protos.LoadOrFind(ctx, d, nil)
	if err != nil {
		return err
	}
	found := lint.Check(policy.Read(set), ruleOptions(d, o.requireAll))
	made := finding.Report{Tool: "jwtctl", Version: build.Version(), Rules: lint.Rules(), Findings: found, Strict: o.strict}
	if err := report.Write(d, made, o.format, o.out, o.protos.Inputs(set)); err != nil {
		return err
	}
	errs, warnings, notes := finding.Count(found)
	of := ""
	if o.out != "" && o.out != "-" {
		of = o.out + ": "
	}
	d.Info("%s%s", of, report.Summary(errs, warnings, notes))
	if errs > 0 || o.strict && warnings > 0 {
		return console.NegativeAnswer{Code: fault.PolicyFaulty}
	}
	return nil
}

// ruleOptions returns the options for rules about configured keys.
func ruleOptions(d command.Deps, requireAll bool) lint.Options {
	o := lint.Options{RequireAll: requireAll, HaveKeys: len(d.Settings.Keys)+len(d.Settings.KeySets) > 0}
	for _, k := range d.Settings.Keys {
		o.Issuers = append(o.Issuers, k.Issuer)
	}
	for _, s := range d.Settings.KeySets {
		o.Issuers = append(o.Issuers, s.Issuer)
	}
	o.Issuers = slices.DeleteFunc(o.Issuers, func(issuer string) bool { return issuer == "" })
	return o
}
