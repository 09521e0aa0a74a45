package temporalcmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/build"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/doctor"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/report"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

const doctorText = `Find problems in the JWT setup of a Temporal server, and suggest a fix for each.
doctor checks what you pass to it: the server's configuration and its key
sources, a token and, with --address, the running server. It sends that server
five calls that change nothing, with and without the token, and compares the
answers with what explain-denial predicts.

--server-config takes static YAML (with its templates), Helm values, a compose
file or a .env file; repeat it for several. --for is the task that the token is
meant for. doctor exits 1 on any error; with --strict, on warnings too. --rules
lists the rules.`

const doctorExample = `  jwtctl doctor --server-config compose.yaml --server-config .env
  jwtctl doctor --server-config values.yaml --token @token.jwt --for ui
  jwtctl doctor --server-config config.yaml --address 127.0.0.1:7233 --token "$TEMPORAL_GRPC_META_AUTHORIZATION"
  jwtctl doctor --rules`

type doctorOptions struct {
	server    serverFlags
	address   string
	tls       bool
	token     string
	task      string
	namespace string
	format    string
	out       string
	strict    bool
	rules     bool
	at        string
}

// Doctor returns the command.
func Doctor(d command.Deps) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:        "doctor",
		SuggestFor: []string{"diagnose", "check", "troubleshoot"},
		Short:      "Find problems in a Temporal server's JWT setup",
		Long:       doctorText,
		Example:    doctorExample,
		Args:       command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), d, o)
		},
	}
	fs := cmd.Flags()
	o.server.register(fs)
	fs.StringVar(&o.address, "address", "", "also call the server at `HOST:PORT`")
	fs.BoolVar(&o.tls, "tls", false, "use TLS for --address")
	fs.StringVar(&o.token, "token", "", "`TOKEN` to check, in any form that explain-denial accepts, or @FILE")
	fs.StringVar(&o.task, "for", "", "`TASK` that the token is meant for, such as ui, worker or \"workflow start\"")
	fs.StringVar(&o.namespace, "namespace", "default", "namespace `NS` of the calls (default \"default\")")
	settings.ChoiceVar(fs, &o.format, "format", "text", "output `FORMAT`: "+strings.Join(finding.Formats(), ", "), finding.Formats()...)
	fs.StringVarP(&o.out, "out", "o", "", "write to `FILE` instead of stdout")
	fs.BoolVar(&o.strict, "strict", false, "exit 1 on warnings too")
	fs.BoolVar(&o.rules, "rules", false, "list the rules and exit")
	command.AtFlag(fs, &o.at)
	checkTask(fs)
	settings.Outputs(fs, "out")
	settings.FlagOnly(fs, "rules", "at", "token")
	settings.Keyed(fs, "doctor")
	return cmd
}

func runDoctor(ctx context.Context, d command.Deps, o doctorOptions) error {
	switch {
	case o.rules:
		return report.Rules(d, doctor.Rules(), o.format, o.out)
	case len(o.server.config) == 0 && o.address == "" && o.token == "":
		return fault.New(fault.UsageError, "doctor", "nothing to check").WithHint("add --server-config FILE, --address HOST:PORT or --token TOKEN")
	case o.task != "" && o.token == "":
		return fault.New(fault.UsageError, "--for", "needs --token")
	}
	now, err := d.Now(o.at)
	if err != nil {
		return err
	}
	p, err := readInput(ctx, d, o, now)
	var silent noAnswer
	if nothingElse := len(o.server.config) == 0 && o.token == ""; err != nil && (nothingElse || !errors.As(err, &silent)) {
		return err
	}
	found := doctor.Check(p)
	r := finding.Report{Tool: "jwtctl", Version: build.Version(), Rules: doctor.Rules(), Findings: found, Strict: o.strict}
	if err := report.Write(d, r, o.format, o.out, o.server.config); err != nil {
		return err
	}
	errs, warnings, notes := finding.Count(found)
	d.Info("Temporal server %s: %s", p.Release.Version, report.Summary(errs, warnings, notes))
	if errs > 0 || o.strict && warnings > 0 {
		err = errors.Join(console.NegativeAnswer{Code: fault.SetupFaulty}, silent.error)
		return fault.RefuseIfAny(err)
	}
	return silent.error
}

// noAnswer is the error if only the running server could not be examined.
type noAnswer struct{ error }

// readInput collects what to examine. Its error may be noAnswer.
func readInput(ctx context.Context, d command.Deps, o doctorOptions, now time.Time) (doctor.Input, error) {
	var p doctor.Input
	var request temporal.Request
	var err error
	f := o.server
	var live *frontend
	if o.address != "" {
		if live, err = dial(o.address, o.tls); err != nil {
			return p, err
		}
		defer live.close()
	}
	if len(f.config) > 0 {
		if p.Config, err = ReadConfig(f.config); err != nil {
			return p, err
		}
		f, request = f.with(d, p.Config)
	}
	p.VersionGiven = f.given("server-version")
	if live != nil {
		if version := live.version(ctx); version != "" && !p.VersionGiven {
			f.version, p.VersionGiven = version, true
		}
	}
	if p.Release, err = temporal.ParseRelease(f.version); err != nil {
		return p, command.AsUsage(err, "--server-version")
	}
	if p.Config != nil && p.Config.Problem != nil {
		return p, nil
	}
	documents := f.fetch(ctx, d, p.Release)
	if f.fromConfig {
		p.Sources = documents
	}
	if o.token == "" && len(documents) > 0 {
		detailKeys(d, temporal.ReadKeySet(documents...))
	}
	if o.token == "" && live == nil {
		return p, nil
	}
	f.set(&request, p.Release)
	if err := f.setKeys(d, &request, documents); err != nil && !f.fromConfig {
		return p, err // otherwise a finding, and the keys are unknown
	}
	request.Namespace, request.Now = o.namespace, now
	return p, o.call(ctx, d, &p, request, live)
}

// call explains the token, and calls the running server.
func (o doctorOptions) call(ctx context.Context, d command.Deps, p *doctor.Input, request temporal.Request, live *frontend) error {
	var sent temporal.AuthHeader
	if o.token != "" {
		var err error
		if sent, err = readHeader(d, []string{o.token}); err != nil {
			return err
		}
		if sent.Value == "" { // a call without a token would be explained
			return fault.New(fault.UsageError, "--token", "contains no token")
		}
		apis := []string{"GetSystemInfo"}
		if o.task != "" {
			task, err := temporal.FindTask(o.task)
			if err != nil {
				return command.AsUsage(err, "--for")
			}
			apis = task.APIs
		}
		withToken := request
		withToken.Authorization, withToken.SentIn = sent.Value, sent.Name
		verdict, err := temporal.ExplainAll(withToken, apis)
		if err != nil {
			return err
		}
		detailKeys(d, request.Keys, verdict.Calls...)
		p.Token = &verdict
	}
	if live == nil {
		return nil
	}
	answers, err := live.probe(ctx, request, sent)
	if err != nil {
		return noAnswer{err}
	}
	p.Live = answers
	return nil
}
