// Package inspectcmd has the command inspect.
package inspectcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

const inspectText = `Decode a token. With a key, a key set or an issuer, also verify it: if it is
refused, stdout stays empty, and stderr shows the reason and the token, marked
UNVERIFIED. Without a key, stderr says NOT VERIFIED.

Without a key, any token is decoded as far as possible: a JWS with any
algorithm, even if its payload is text or another token; an SD-JWT with its
disclosures; the header of an encrypted token. Anything else is "no JWT: an
opaque token".

Pass the token as an argument, as @FILE or on stdin; the lines that jwtctl token
prints (NAME=Bearer …, Authorization: Bearer …) are accepted too. In scripts,
use --format json, which keeps the token's numbers as written. --format claims
prints only the claims, as input for jwtctl token --plain --claims -.`

const inspectExample = `  jwtctl token --system | jwtctl inspect
  jwtctl inspect --key key.priv.pem --iss my-issuer @token.jwt
  jwtctl inspect --jwks https://example.com/.well-known/jwks.json - <token.jwt
  jwtctl inspect --oidc-issuer https://accounts.example.org --aud my-api @token.jwt
  jwtctl inspect --format claims @token.jwt | jq '.sub="bob"' | jwtctl token --plain --claims -`

type inspectOptions struct {
	verify verifyFlags
	format string
	regex  string
	// demand is a flag of the command line that requires something of a token.
	demand string
}

// Inspect returns the command.
func Inspect(d command.Deps) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:        "inspect [TOKEN | @FILE | -]",
		SuggestFor: []string{"decode", "debug", "show", "parse", "introspect", "read"},
		Short:      "Decode a token and, with a key, verify it",
		Long:       inspectText,
		Example:    inspectExample,
		Args:       command.AtMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range []string{"max-age", "max-lifetime"} {
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "0s" {
					return fault.New(fault.UsageError, "--"+name, "must be greater than 0").WithHint("leave the flag out to accept any")
				}
			}
			o.demand, _ = d.Settings.Given("iss", "aud", "sub", "typ", "max-age", "max-lifetime", "require-exp")
			return runInspect(cmd.Context(), d, args, o)
		},
	}
	fs := cmd.Flags()
	o.verify.register(fs)
	fs.StringVar(&o.regex, "permissions-regex", "", "read permissions with this `PATTERN`, the Temporal server's permissionsRegex")
	settings.ChoiceVar(fs, &o.format, "format", "text", "output `FORMAT`: text, json, or claims for only the claims", "text", "json", "claims")
	settings.Keyed(fs, "inspect")
	return cmd
}

// inspected is a token that was to be verified.
type inspected struct {
	token    *jws.Token    // nil if it cannot be parsed
	verified *jws.Verified // nil if it was refused
	err      error
	view
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
		return fault.New(fault.UsageError, "--"+o.demand, "needs a key").WithHint("add --key, --jwks or --oidc-issuer")
	}
	compact, raw, err := input.ReadToken(d, args)
	if fault.ClassOf(err) == fault.Refused {
		return errors.Join(renderInspected(d, inspected{err: err}, o), err)
	}
	if err != nil {
		return err
	}
	now, err := d.Now(o.verify.at)
	if err != nil {
		return err
	}
	v := view{now, temporal.ReadPermissionFormat(o.regex)}
	if v.format.Problem != "" {
		d.Warn("--permissions-regex: %s; a server falls back to NAMESPACE:ROLE", v.format.Problem)
	}
	if verifier == nil {
		return decode(d, compact, raw, o.format, v)
	}
	in := inspected{view: v}
	in.verified, in.err = verifier.Verify(ctx, compact)
	in.err = input.WithHint(in.err, fault.KeyNotFound, func() string { return input.KeyHint(d, ring) })
	if fault.ClassOf(in.err) == fault.Undecided { // says nothing about the token
		return in.err
	}
	in.token, err = jws.ParseDevelopment(compact, jws.Limits{})
	if in.err == nil {
		in.err = err
	}
	in.err = input.WithTokenHint(in.err, raw)
	if o.verify.dev {
		d.AlwaysWarn("--dev accepts unsigned tokens, which anyone can forge")
	}
	if in.err != nil && o.format == "text" {
		showUnverified(d, compact, v)
	}
	if in.err != nil {
		input.DetailKeys(d, ring)
	}
	return errors.Join(renderInspected(d, in, o), in.err)
}

// renderInspected prints a verified token. Of a refused one it prints at most the header,
// in JSON (S40).
func renderInspected(d command.Deps, in inspected, o inspectOptions) error {
	switch {
	case o.format == "json":
		return inspectJSON(d, in, o.verify.dev)
	case in.err != nil:
		return nil
	case o.format == "claims":
		return printClaims(d, in.verified.Token.PayloadJSON())
	}
	s := d.OutStyles()
	key := in.verified.Key
	_ = d.Print("%s", tokenParts{header: in.verified.Header.Members, claims: in.verified.Claims}.text(s, in.view))
	if key.Type() == keys.TypeNone {
		return d.Print("%s: --dev does not check signatures\n", s.Warn("Accepted, not verified"))
	}
	return d.Print("%s by key %s (%s, %s)\n", s.Good("Verified"), quote.Printable(key.ID()), in.verified.Header.Algorithm, quote.Printable(key.Source()))
}

// printClaims prints a claims set for editing: order and numbers are preserved.
func printClaims(d command.Deps, claims []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, bytes.TrimSpace(claims), "", "  "); err != nil {
		return fault.New(fault.Internal, "output", "%w", err)
	}
	return d.Print("%s\n", quote.EscapeControls(text.String()))
}

// inspectReport is the JSON form (cli.md).
type inspectReport struct {
	Header   json.RawMessage `json:"header"`
	Claims   json.RawMessage `json:"claims"`
	Verified bool            `json:"verified"`
	Insecure bool            `json:"insecure,omitempty"`
	Key      *inspectKey     `json:"key,omitempty"`
	Error    *reportedError  `json:"error,omitempty"`
	// Errors lists all errors if there are several.
	Errors []reportedError `json:"errors,omitempty"`
	// The rest is for tokens that were decoded without a key.
	decodedReport
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

// inspectJSON prints the report. It omits the claims of a refused token: a script that
// ignores the exit code must not trust them (S40).
func inspectJSON(d command.Deps, in inspected, dev bool) error {
	r := inspectReport{Header: json.RawMessage("null"), Claims: json.RawMessage("null"), Verified: in.verified != nil, Insecure: dev}
	if in.token != nil {
		r.Header = in.token.HeaderJSON()
	}
	if in.verified != nil {
		r.Claims = in.token.PayloadJSON()
		r.Key = &inspectKey{in.verified.Key.ID(), in.verified.Header.Algorithm, in.verified.Key.Source()}
	}
	if list := reportErrors(in.err); len(list) > 0 {
		r.Error = &list[0]
		if len(list) > 1 {
			r.Errors = list
		}
	}
	return d.PrintJSON(r)
}

// reportErrors returns the individual faults in err.
func reportErrors(err error) []reportedError {
	var list []reportedError
	for _, e := range fault.All(err) {
		list = append(list, reportedError{fault.CodeOf(e), e.Error()})
	}
	return list
}
