package tokencmd

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const inspectText = `Show what a token says. With a key, a key set or an issuer it is verified too,
and shown only if it passes; without one, stderr says NOT VERIFIED.

The token is the argument, @FILE, or stdin; the lines that jwtctl token prints
(NAME=Bearer …, Authorization: Bearer …) are taken apart. Text is for people,
--format json for scripts, with the token's numbers as they were written.`

const inspectExample = `  jwtctl token --system | jwtctl inspect
  jwtctl inspect --key key.priv.pem --iss my-issuer @token.jwt
  jwtctl inspect --jwks https://example.com/.well-known/jwks.json - <token.jwt
  jwtctl inspect --oidc-issuer https://accounts.example.org --aud my-api @token.jwt`

type inspectOptions struct {
	verify verifyFlags
	format string
	// demand is a flag of the command line that asks something of a token.
	demand string
}

// Inspect returns the command.
func Inspect(d command.Deps) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:        "inspect [TOKEN | @FILE | -]",
		SuggestFor: []string{"decode", "debug", "show", "parse", "introspect", "read"},
		Short:      "Show what a token says, and verify it",
		Long:       inspectText,
		Example:    inspectExample,
		Args:       command.AtMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range []string{"max-age", "max-lifetime"} {
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "0s" {
					return fault.New(fault.UsageError, "--"+name, "must be greater than 0").WithHint("leave it out to accept any")
				}
			}
			o.demand, _ = d.Settings.Given("iss", "aud", "sub", "typ", "max-age", "max-lifetime", "require-exp")
			return runInspect(cmd.Context(), d, args, o)
		},
	}
	fs := cmd.Flags()
	o.verify.register(fs)
	settings.ChoiceVar(fs, &o.format, "format", "text", "text or json", "text", "json")
	settings.Keyed(fs, "inspect")
	return cmd
}

// inspected is a token with what is known of it.
type inspected struct {
	token    *jws.Token    // nil if it cannot be taken apart
	verified *jws.Verified // nil if it was not verified, or refused
	// asked says whether there was a key to verify with.
	asked bool
	err   error
}

func runInspect(ctx context.Context, d command.Deps, args []string, o inspectOptions) error {
	if err := input.CheckTokenArgument(args); err != nil {
		return err
	}
	o.verify.tokenFromStdin = len(args) == 0 || args[0] == "-"
	verifier, ring, err := o.verify.verifier(d)
	if err != nil {
		return err
	}
	if verifier == nil && o.demand != "" {
		return fault.New(fault.UsageError, "--"+o.demand, "nothing can be checked without a key").WithHint("--key, --jwks or --oidc-issuer verifies the token")
	}
	compact, raw, err := input.ReadToken(d, args)
	if err != nil {
		return err
	}
	in := inspected{asked: verifier != nil}
	if in.asked {
		in.verified, in.err = verifier.Verify(ctx, compact)
		in.err = input.WithHint(in.err, fault.KeyNotFound, func() string { return input.KeyHint(d, ring) })
	}
	if fault.ClassOf(in.err) == fault.Undecided { // it says nothing about the token
		return in.err
	}
	in.token, err = jws.ParseDevelopment(compact, jws.Limits{})
	if in.err == nil {
		in.err = err
	}
	in.err = input.WithTokenHint(in.err, raw)
	if in.err == nil && !in.asked {
		_, in.err = in.token.Claims()
	}
	if o.verify.dev {
		d.Danger("--dev accepts unsigned tokens: anybody can make one")
	}
	if o.format == "json" {
		return errors.Join(inspectJSON(d, in, o.verify.dev), in.err)
	}
	now, err := d.Now(o.verify.at)
	return errors.Join(printInspected(d, in, now), in.err, err)
}

// inspectReport is the JSON form (cli.md).
type inspectReport struct {
	Header   json.RawMessage `json:"header"`
	Claims   json.RawMessage `json:"claims"`
	Verified bool            `json:"verified"`
	Insecure bool            `json:"insecure,omitempty"`
	Key      *inspectKey     `json:"key,omitempty"`
	Error    *reportedError  `json:"error,omitempty"`
	// Errors are all of them, where there are several.
	Errors []reportedError `json:"errors,omitempty"`
}

type inspectKey struct {
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
	From      string `json:"from"` // the file, variable or URL of the key (S85)
}

type reportedError struct {
	Code   fault.Code `json:"code"`
	Reason string     `json:"reason"`
}

// inspectJSON prints the report. Claims of a token that was refused are left
// out: a script that forgets the exit code must not take them for true (S40).
func inspectJSON(d command.Deps, in inspected, dev bool) error {
	r := inspectReport{Header: json.RawMessage("null"), Claims: json.RawMessage("null"), Verified: in.verified != nil, Insecure: dev}
	if in.token != nil {
		r.Header = in.token.HeaderJSON()
		if _, err := in.token.Claims(); err == nil && (in.verified != nil || !in.asked) {
			r.Claims = in.token.PayloadJSON()
		}
	}
	if in.verified != nil {
		r.Key = &inspectKey{in.verified.Key.ID(), in.verified.Header.Algorithm, in.verified.Key.Source()}
	}
	if list := reported(in.err); len(list) > 0 {
		r.Error = &list[0]
		if len(list) > 1 {
			r.Errors = list
		}
	}
	if !in.asked && in.token != nil {
		notVerified(d)
	}
	return d.PrintJSON(r)
}

// reported returns the single faults of err.
func reported(err error) []reportedError {
	var list []reportedError
	for _, e := range fault.All(err) {
		list = append(list, reportedError{fault.CodeOf(e), e.Error()})
	}
	return list
}

func notVerified(d command.Deps) {
	d.Danger("NOT VERIFIED: no key was given, and anybody can write such a token")
}
