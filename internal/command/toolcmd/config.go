package toolcmd

import (
	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const configText = `jwtctl.yaml holds the settings that a team shares: where the .proto files are,
which keys and key sets to use, the type of each message file, and values of
flags. Commands use the nearest one in this or a parent directory. jwtctl init
writes one.`

const configCheckText = `Read jwtctl.yaml strictly, and open everything that it names: keys, key sets,
descriptors and their policy, and message files with their types. Every problem
is reported with its line number, not just the first.

FILE defaults to the nearest jwtctl.yaml. Key sets at URLs are fetched only with
--online. A summary goes to stdout, problems go to stderr; the exit code is that
of the most serious problem (jwtctl help exit-codes).`

const configSchemaText = `Print the JSON Schema (2020-12) of jwtctl.yaml, for completion and validation in
editors. The same schema is in docs/jwtctl.schema.json.`

// Config returns the command.
func Config(d command.Deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "config",
		Short:       "Check jwtctl.yaml, or print its schema",
		Long:        configText,
		Args:        command.NoArguments,
		Annotations: map[string]string{settings.IgnoresConfig: "yes"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(configCheck(d), configSchema(d))
	return cmd
}

func configCheck(d command.Deps) *cobra.Command {
	var o configCheckOptions
	cmd := &cobra.Command{
		Use:         "check [FILE]",
		Short:       "Check jwtctl.yaml and what it names",
		Long:        configCheckText,
		Example:     "  jwtctl config check\n  jwtctl config check --online --format json ci/jwtctl.yaml",
		Annotations: map[string]string{settings.IgnoresConfig: "yes"}, // it reads the file itself
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fault.New(fault.UsageError, "config check", "takes one file (got %d)", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runConfigCheck(cmd, d, &o, args)
		},
	}
	fs := cmd.Flags()
	settings.ChoiceVar(fs, &o.format, "format", "text", "output `FORMAT`: text or json", "text", "json")
	fs.BoolVar(&o.online, "online", false, "fetch the key sets at URLs")
	settings.Keyed(fs, "config")
	return cmd
}

func configSchema(d command.Deps) *cobra.Command {
	return &cobra.Command{
		Use:         "schema",
		Short:       "Print the JSON Schema of jwtctl.yaml",
		Long:        configSchemaText,
		Example:     "  jwtctl config schema > .jwtctl.schema.json",
		Args:        command.NoArguments,
		Annotations: map[string]string{settings.IgnoresConfig: "yes"},
		RunE: func(*cobra.Command, []string) error {
			text, err := config.Schema()
			if err != nil {
				return err
			}
			return d.Print("%s", text)
		},
	}
}
