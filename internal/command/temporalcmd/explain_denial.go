// Package temporalcmd has the commands explain-denial and doctor, which examine tokens and
// the setup of a Temporal server.
package temporalcmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

const explainDenialText = `Explain why a Temporal server with the default authorizer and claim mapper
allows or denies a call: the role that the call needs, the roles that the token
has, each fault of the token with the log line of the server, and a token that
would work. Clients only ever see "Request unauthorized.".

Pass the token as an argument, as @FILE or on stdin: by itself, as an
authorization header, or as NAME=VALUE. An empty one means a call without a
token. Pass the server's keys with --jwks or --key; without them, the key id and
the signature are not checked.

--for takes a task instead of an API: ui, worker, or a command of the temporal
CLI, such as "workflow start". --all lists every API, allowed or not, and exits
0. If the answer depends on something that was not given, such as the namespace
of a task token, the exit code is 3.`

const explainDenialExample = `  jwtctl explain-denial "$TEMPORAL_CLI_AUTH" --api StartWorkflowExecution --namespace default
  jwtctl explain-denial @token.jwt --for "workflow start" --namespace default --jwks http://127.0.0.1:61884/jwks.json
  jwtctl explain-denial @token.jwt --for ui --namespace default --server-version 1.30.8
  jwtctl explain-denial @token.jwt --all --namespace default`

type explainDenialOptions struct {
	api       string
	task      string
	all       bool
	namespace string
	format    string
	at        string
	server    serverFlags
}

// ExplainDenial returns the command.
func ExplainDenial(d command.Deps) *cobra.Command {
	var o explainDenialOptions
	cmd := &cobra.Command{
		Use:        "explain-denial [TOKEN | @FILE | -] (--api API | --for TASK | --all)",
		SuggestFor: []string{"why", "denied", "denial"},
		Short:      "Explain why a Temporal server allows or denies a call",
		Long:       explainDenialText,
		Example:    explainDenialExample,
		Args:       command.AtMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExplainDenial(cmd.Context(), d, args, o)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.api, "api", "", "`API` being called, such as StartWorkflowExecution")
	fs.StringVar(&o.task, "for", "", "`TASK` to explain instead of an API, such as ui, worker or \"workflow start\"")
	fs.BoolVar(&o.all, "all", false, "list every API of the server, allowed or not")
	fs.StringVar(&o.namespace, "namespace", "", "namespace `NS` of the call")
	checkTask(fs)
	o.server.register(fs)
	settings.ChoiceVar(fs, &o.format, "format", "text", "output `FORMAT`: text or json", "text", "json")
	command.AtFlag(fs, &o.at)
	settings.Exclusive(fs, "api", "for", "all")
	settings.FlagOnly(fs, "at")
	settings.Keyed(fs, "explain_denial")
	return cmd
}

// checkTask checks --for before the command runs.
func checkTask(fs *pflag.FlagSet) {
	settings.Check(fs, "for", func(name string) error {
		_, err := temporal.FindTask(name)
		return err
	})
}

// checkAPI refuses an unknown --api before anything is read, if no file determines the
// release.
func (o explainDenialOptions) checkAPI() error {
	release, err := temporal.ParseRelease(o.server.version)
	if err != nil || o.api == "" || len(o.server.config) > 0 {
		return err
	}
	_, _, err = release.FindAPI(o.api)
	return command.AsUsage(err, "--api")
}

func runExplainDenial(ctx context.Context, d command.Deps, args []string, o explainDenialOptions) error {
	now, err := d.Now(o.at)
	if err != nil {
		return err
	}
	var apis []string
	switch {
	case o.all && o.api+o.task != "" || o.api != "" && o.task != "":
		return fault.New(fault.UsageError, "--api", "cannot be combined with --for or --all")
	case o.task != "":
		task, err := temporal.FindTask(o.task)
		if err != nil {
			return command.AsUsage(err, "--for")
		}
		apis = task.APIs
	case o.api == "" && !o.all:
		return fault.New(fault.UsageError, "--api", "is required, unless --for or --all is given").WithHint("name the API, such as --api StartWorkflowExecution, or --for \"workflow start\"")
	}
	if err := errors.Join(o.checkAPI(), input.CheckTokenArgument(args)); err != nil {
		return err
	}
	sent, err := readHeader(d, args)
	if err != nil {
		return err
	}
	request, err := o.server.request(ctx, d)
	if err != nil {
		return err
	}
	request.Authorization, request.SentIn = sent.Value, sent.Name
	request.API, request.Namespace, request.Now = o.api, o.namespace, now
	if o.api == "" {
		return explainSeveral(d, o, request, apis)
	}
	v, err := temporal.Explain(request)
	if err != nil {
		return command.AsUsage(err, "--api")
	}
	detailKeys(d, request.Keys, v)
	if o.format == "json" {
		err = d.PrintJSON(v)
	} else {
		err = printVerdict(d, v)
	}
	return exitError(err, v.Allowed, v.Undecided)
}

// explainSeveral explains a task, or every API if apis is nil.
func explainSeveral(d command.Deps, o explainDenialOptions, request temporal.Request, apis []string) error {
	r, err := temporal.ExplainAll(request, apis)
	if err != nil {
		return err
	}
	detailKeys(d, request.Keys, r.Calls...)
	switch {
	case o.format == "json":
		err = d.PrintJSON(r)
	case o.all:
		err = printTable(d, r)
	default:
		err = printReport(d, r)
	}
	if o.all {
		return err
	}
	return exitError(err, r.Allowed, r.Undecided)
}

// exitError returns the exit code for a printed answer.
func exitError(err error, allowed bool, undecided string) error {
	switch {
	case err != nil || allowed:
		return err
	case undecided != "":
		return console.NegativeAnswer{Code: fault.AccessUndecided}
	}
	return console.NegativeAnswer{Code: fault.AccessDenied}
}

// readHeader returns the header given by args, with an empty value for a call without
// one. Spaces are kept, since servers are sensitive to them, and so is the line end of an
// argument, which is one of the variable that it is from.
func readHeader(d command.Deps, args []string) (temporal.AuthHeader, error) {
	switch {
	case len(args) == 1 && strings.HasPrefix(args[0], "@"):
		text, err := input.TokenFile(args[0][1:])
		return temporal.ParseAuthHeader(temporal.WithoutLineEnd(text)), err
	case len(args) == 1 && args[0] != "-":
		return temporal.ParseAuthHeader(args[0]), nil
	case len(args) == 0 && d.System.InTTY:
		return temporal.AuthHeader{}, nil
	}
	text, err := input.TokenStdin(d)
	return temporal.ParseAuthHeader(temporal.WithoutLineEnd(text)), err
}
