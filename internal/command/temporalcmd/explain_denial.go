package temporalcmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

const explainDenialText = `Say why a Temporal server with the default authorizer and claim mapper allows
or denies a call: the role it needs, the roles that the token holds, each fault
of the token with the server's own log line, and the token that would work. A
client only ever sees "Request unauthorized.".

The token is the argument, @FILE or stdin, as a header, a variable or by
itself; empty means a call without one. Give the keys that the server has with
--jwks or --key; without them neither key id nor signature is checked.`

const explainDenialExample = `  jwtctl explain-denial "$TEMPORAL_CLI_AUTH" --api StartWorkflowExecution --namespace default
  jwtctl explain-denial @token.jwt --api RegisterNamespace --jwks http://127.0.0.1:61884/jwks.json`

type explainDenialOptions struct {
	api       string
	version   string
	namespace string
	jwks      []string
	keys      []string
	network   input.NetworkFlags
	audience  string
	claim     string
	format    string
	at        string
}

// ExplainDenial returns the command.
func ExplainDenial(d command.Deps) *cobra.Command {
	var o explainDenialOptions
	cmd := &cobra.Command{
		Use:        "explain-denial [TOKEN | @FILE | -] --api API",
		SuggestFor: []string{"why", "denied", "denial"},
		Short:      "Say why a Temporal server allows or denies a call",
		Long:       explainDenialText,
		Example:    explainDenialExample,
		Args:       command.AtMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExplainDenial(cmd.Context(), d, args, o)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.api, "api", "", "the `API` called, such as StartWorkflowExecution")
	fs.StringVar(&o.version, "server-version", temporal.Newest().Version, "release `V` of the server, such as 1.30 or 1.30.8")
	fs.StringVar(&o.namespace, "namespace", "", "namespace `NS` of the call")
	fs.StringArrayVar(&o.jwks, "jwks", nil, "key set that the server reads, `FILE|URL`; repeatable")
	fs.StringArrayVar(&o.keys, "key", nil, "key `FILE` that the server would have; repeatable")
	o.network.Register(fs)
	fs.StringVar(&o.audience, "audience", "", "the server's configured audience, none by default")
	fs.StringVar(&o.claim, "permissions-claim", temporal.PermissionsClaim, "the server's permissionsClaimName")
	settings.ChoiceVar(fs, &o.format, "format", "text", "text or json", "text", "json")
	command.AtFlag(fs, &o.at)
	settings.Paths(fs, "key")
	settings.NamesKeys(fs, "key", "jwks")
	settings.FlagOnly(fs, "at")
	settings.Keyed(fs, "explain_denial")
	return cmd
}

func runExplainDenial(ctx context.Context, d command.Deps, args []string, o explainDenialOptions) error {
	now, err := d.Now(o.at)
	switch {
	case err != nil:
		return err
	case o.api == "":
		return fault.New(fault.UsageError, "--api", "is required").WithHint("such as --api StartWorkflowExecution")
	}
	release, err := temporal.ParseRelease(o.version)
	if err != nil {
		return command.AsUsage(err, "--server-version")
	}
	if err := input.CheckTokenArgument(args); err != nil {
		return err
	}
	header, err := readHeader(d, args)
	if err != nil {
		return err
	}
	held, err := serverKeys(ctx, d, o)
	if err != nil {
		return err
	}
	var signers []temporal.Signer
	if held != nil {
		signers = signersAtHand(d, o.keys)
	}
	v, err := temporal.Explain(temporal.Request{
		Authorization: header, API: o.api, Release: release, Namespace: o.namespace,
		Keys: held, Signers: signers, Audience: o.audience, Claim: o.claim, Now: now,
	})
	if err != nil {
		return command.AsUsage(err, "--api")
	}
	if o.format == "json" {
		err = d.PrintJSON(v)
	} else {
		err = printVerdict(d, v)
	}
	if err == nil && !v.Allowed {
		return console.AnsweredNo{Code: fault.AccessDenied}
	}
	return err
}

// readHeader returns the authorization header that args stand for, "" for a
// call without one. Spaces stay: a server trips over them.
func readHeader(d command.Deps, args []string) (string, error) {
	switch {
	case len(args) == 1 && strings.HasPrefix(args[0], "@"):
		data, err := files.Read(args[0][1:], input.MaxToken, fault.FileFailed)
		return temporal.HeaderOf(string(data)), err
	case len(args) == 1 && args[0] != "-":
		return temporal.HeaderOf(args[0]), nil
	case len(args) == 0 && d.System.InTTY:
		return "", nil
	}
	data, err := files.ReadAll(d.System.In, "standard input", input.MaxToken, fault.FileFailed)
	return temporal.HeaderOf(string(data)), err
}

// serverKeys returns the keys that the server would have, nil if they are not
// given.
func serverKeys(ctx context.Context, d command.Deps, o explainDenialOptions) (*temporal.KeySet, error) {
	var documents []temporal.Document
	for _, location := range o.jwks {
		body, err := o.network.Read(ctx, d, location)
		if err != nil {
			return nil, err
		}
		documents = append(documents, temporal.Document{Source: location, Body: body})
	}
	if len(o.keys) > 0 {
		list, err := input.ReadKeys(d, o.keys, false)
		if err != nil {
			return nil, input.WithKeyFileHint(err)
		}
		set, err := keys.PublicSet(list)
		if err != nil {
			return nil, err
		}
		documents = append(documents, temporal.Document{Source: strings.Join(o.keys, ", "), Body: set})
	}
	if documents == nil {
		return nil, nil
	}
	return temporal.ReadKeySet(documents...), nil
}

// signersAtHand returns the key that jwtctl token would sign with, and those of
// files that can sign. What cannot be read is not available.
func signersAtHand(d command.Deps, files []string) []temporal.Signer {
	var signers []temporal.Signer
	for _, p := range input.PlacesOf(d.Settings.Keys) {
		list, err := p.Read(d, false)
		if err != nil {
			continue
		}
		for _, k := range list {
			if k.CanSign() && len(signers) == 0 {
				signers = append(signers, temporal.Signer{Key: k})
			}
		}
	}
	for _, name := range files {
		list, err := input.ReadKeys(d, []string{name}, false)
		if err != nil {
			continue
		}
		for _, k := range list {
			if k.CanSign() {
				signers = append(signers, temporal.Signer{Key: k, Flags: []string{"--key", name}})
			}
		}
	}
	return signers
}

// printVerdict shows a verdict to people.
func printVerdict(d command.Deps, v temporal.Verdict) error {
	s := d.OutStyles()
	var b strings.Builder
	answer := s.Bad("Denied")
	if v.Allowed {
		answer = s.Good("Allowed")
	}
	fmt.Fprintf(&b, "%s  %s", answer, v.API)
	if v.Namespace != "" {
		fmt.Fprintf(&b, ", namespace %s", quote.Printable(v.Namespace))
	}
	fmt.Fprintf(&b, "\n  server %s\n", v.ServerVersion)
	if v.RequiredRole != "" {
		fmt.Fprintf(&b, "  needs  %s or more, %s\n", v.RequiredRole, scopeText(v))
		held := "nothing that counts"
		if len(v.HeldRoles) > 0 {
			held = quote.Printable(strings.Join(v.HeldRoles, ", "))
		}
		fmt.Fprintf(&b, "  holds  %s\n", held)
	}
	if len(v.Faults) > 0 {
		fmt.Fprintf(&b, "%s\n", s.Bold("Faults"))
	}
	for _, f := range v.Faults {
		fmt.Fprintf(&b, "  %s: %s\n", f.Code, quote.Printable(f.Reason))
		if f.Log != "" {
			fmt.Fprintf(&b, "    %s\n", s.Dim("server log: "+quote.OneLine(f.Log)))
		}
	}
	if len(v.Notes) > 0 {
		fmt.Fprintf(&b, "%s\n", s.Bold("Notes"))
	}
	for _, n := range v.Notes {
		fmt.Fprintf(&b, "  %s\n", quote.Printable(n))
	}
	if v.Fix != "" {
		fmt.Fprintf(&b, "%s\n", s.Bold("A token that would work"))
	}
	text := d.WrapOut(b.String())
	if v.Fix != "" {
		text += d.WrapCommand("  "+quote.Printable(v.Fix)) + "\n"
	}
	return d.Print("%s", text)
}

func scopeText(v temporal.Verdict) string {
	if v.Scope == temporal.ScopeNamespace {
		return "in the namespace or the cluster (" + temporal.SystemScope + ")"
	}
	return "in the cluster (" + temporal.SystemScope + ")"
}
