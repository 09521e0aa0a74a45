package messagecmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const verifyText = `Verify protobuf-JSON messages against their JWT annotations, as a server that
enforces them would.

With --method, check the bearer token first and then the request message;
without FILE, only the bearer token. With --type, check the message on its own.
Without either, messages: in jwtctl.yaml determines the type of each file, and a
file or stream that no entry matches is refused; if there is no messages:,
"@type" in the message counts. FILE may be a pattern; - is stdin.

Each message gets a line with ok or FAIL; --print prints the validated message
instead, with the fields that its token fills in. With --ndjson, each line is a
message. A message with nothing to check (its method has no policy, or it has no
token) is ok with a note; --strict refuses it.

The exit code is 1 if any message was refused; otherwise, it is 3 if any could
not be decided, or a stream had no messages.`

const verifyExample = `  jwtctl verify msg.json
  jwtctl verify --type shop.Order --key key.pub.pem "orders/*.json"
  jwtctl verify --method shop.Shop/Buy --bearer @token.jwt --jwks https://example.com/jwks.json request.json
  jwtctl verify --type shop.Event --ndjson --format json <events.ndjson`

type verifyOptions struct {
	messages messageFlags
	stream   streamFlags
	print    bool
	strict   bool
	format   string
}

// Verify returns the command.
func Verify(d command.Deps) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:     "verify [FILE… | -]",
		Short:   "Verify messages against their JWT annotations",
		Long:    verifyText,
		Example: verifyExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runVerify(cmd.Context(), d, args, o)
		},
	}
	fs := cmd.Flags()
	o.messages.register(fs)
	o.stream.register(fs)
	fs.BoolVar(&o.print, "print", false, "print the validated messages instead of verdicts")
	fs.BoolVar(&o.strict, "strict", false, "refuse messages with nothing to check")
	settings.ChoiceVar(fs, &o.format, "format", "text", "output `FORMAT`: "+strings.Join(verdictFormats(), ", "), verdictFormats()...)
	settings.Keyed(fs, "verify")
	return cmd
}

func (o verifyOptions) validate(args []string) error {
	switch {
	case o.print && o.format != "text":
		return fault.New(fault.UsageError, "--print", "prints messages, not verdicts, so --format %s does not apply", o.format)
	case o.stream.ndjson && o.format != "text" && o.format != "json":
		return fault.New(fault.UsageError, "--format", "%s is a single document; --ndjson needs text or json", o.format)
	case o.stream.ndjson && len(args) == 0:
		return fault.New(fault.UsageError, "verify", "--ndjson needs a file of messages, or - for stdin")
	case len(args) == 0 && o.messages.method == "":
		return fault.New(fault.UsageError, "verify", "no message or method given").
			WithHint("name a file, as in jwtctl verify msg.json; to check only a bearer token, add --method pkg.Service/Method")
	}
	return o.stream.check()
}

func runVerify(ctx context.Context, d command.Deps, args []string, o verifyOptions) error {
	if err := o.validate(args); err != nil {
		return err
	}
	list, err := expand(d, "verify", args)
	if err != nil {
		return err
	}
	m, err := o.messages.load(ctx, d, list)
	if err != nil {
		return input.HintForDefaultKey(err, "verifying needs the signer's public key: --jwks URL or --key FILE")
	}
	m.strict = o.strict
	if o.stream.ndjson {
		err = m.verifyStreams(ctx, list, o)
	} else {
		err = m.verifyFiles(ctx, list, o)
	}
	if fault.ClassOf(err) == fault.Refused {
		input.DetailKeys(d, m.Ring)
	}
	return err
}

// verifyFiles verifies one message per file, or the bearer token alone.
func (m *messages) verifyFiles(ctx context.Context, list []string, o verifyOptions) error {
	var verdicts []verdict
	if len(list) == 0 {
		verdicts = append(verdicts, m.verifyBearer(ctx))
	}
	for _, path := range list {
		data, err := readMessage(m.d, path)
		if err != nil {
			verdicts = append(verdicts, verdict{file: path, line: 1, err: err})
			continue
		}
		v := m.verifyOne(ctx, path, 1, data, o.keepsMessage(), message.Form{Indent: o.print && len(list) == 1})
		if fault.ClassOf(v.err) == fault.Usage { // the same for all others
			return v.failure(true)
		}
		verdicts = append(verdicts, v)
	}
	text, err := renderVerdicts(m.d, verdicts, o)
	if err != nil {
		return err
	}
	if len(text) > 0 {
		if err := m.d.WriteResult(o.stream.out, text, 0o644, append(m.inputs, list...)); err != nil {
			return err
		}
	}
	var faults []error
	unknownKey := false
	for _, v := range verdicts {
		v.detail(m.d, false)
		if v.err != nil {
			faults = append(faults, v.failure(o.print))
			unknownKey = unknownKey || fault.Has(v.err, fault.KeyNotFound)
		}
	}
	if o.stream.out != "" && o.stream.out != "-" {
		m.d.Info("%s: %s, %d refused or undecided", o.stream.out, console.Count(len(verdicts), "message", "messages"), len(faults))
	}
	if hint := input.KeyHint(m.d, m.Ring); unknownKey && hint != "" {
		m.d.Hint(hint)
	}
	return fault.RefuseIfAny(errors.Join(faults...))
}

// keepsMessage reports whether the validated message is part of the result.
func (o verifyOptions) keepsMessage() bool { return o.print || o.format == "json" }

// verifyBearer checks the bearer token of a call without its message.
func (m *messages) verifyBearer(ctx context.Context) verdict {
	v := verdict{file: "bearer token"}
	t, err := m.resolve(m.method, "", false)
	if err != nil {
		return v.refuse(err)
	}
	if t.method.Bearer == nil {
		return v.refuse(fault.New(fault.UsageError, t.method.Name, "does not validate a bearer token, so there is nothing to check").
			WithHint("if the method validates its request, name a file with one"))
	}
	token, err := m.bearerOf(ctx, t)
	if err != nil {
		return v.refuse(err)
	}
	v.bearer = token
	return v
}

// verifyOne verifies one message. keep is set if the validated message is needed, in the
// given form.
func (m *messages) verifyOne(ctx context.Context, path string, line int, data []byte, keep bool, form message.Form) verdict {
	v := verdict{file: path, line: line}
	t, err := m.target(path, data, false)
	if err != nil {
		return v.refuse(err)
	}
	v.typ = t.name
	bearer, err := m.bearerOf(ctx, t)
	if err != nil {
		return v.refuse(err)
	}
	msg, err := m.read(data, t)
	if err != nil {
		return v.refuse(err)
	}
	if t.message != nil {
		if m.strict && t.message.Tokenless() { // without strict, the error is about the policy
			return v.refuse(fault.New(fault.NotChecked, "", "nothing to check: %s has no token", t.name))
		}
		if v.tokens, err = m.Verifier.Message(ctx, t.message, msg, bearer); err != nil {
			return v.refuse(err)
		}
	}
	switch {
	case len(v.tokens) > 0 || t.method != nil && t.method.Bearer != nil:
	case t.message == nil:
		v.unchecked = "its method has no policy"
	default:
		v.unchecked = "it has no token"
	}
	if v.unchecked != "" && m.strict {
		return v.refuse(fault.New(fault.NotChecked, "", "nothing to check: %s", v.unchecked))
	}
	v.bearer = bearer
	if keep {
		if v.message, err = m.codec.Write(msg, form); err != nil {
			return v.refuse(err)
		}
	}
	return v
}
