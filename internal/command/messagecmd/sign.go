// Package messagecmd has the commands sign and verify, which apply a policy to messages.
package messagecmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/ndjson"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const signText = `Sign protobuf-JSON messages: add the tokens that their JWT annotations require,
as a server that enforces them would.

With --method, the message is the response of that method, which must sign it.
With --type, it is any message whose type has a token field. Without either,
messages: in jwtctl.yaml determines the type or, if there is no messages:,
"@type" in the message. --bearer is required if the method validates the bearer
token, or if a token includes claims from it.

A single signed message is printed on several lines, several messages one per
line. Nothing is printed unless all of them could be signed. With --ndjson, each
line is a message; failures are reported on stderr and skipped.`

const signExample = `  jwtctl sign --type shop.Order order.json -o signed.json
  jwtctl sign --method shop.Shop/Login --key key.priv.pem response.json
  jwtctl sign --type shop.Event --ndjson - <events.ndjson`

type signOptions struct {
	messages messageFlags
	stream   streamFlags
}

// Sign returns the command.
func Sign(d command.Deps) *cobra.Command {
	var o signOptions
	cmd := &cobra.Command{
		Use:     "sign [FILE… | -]",
		Short:   "Sign messages: add the tokens that their annotations require",
		Long:    signText,
		Example: signExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSign(cmd.Context(), d, args, o)
		},
	}
	fs := cmd.Flags()
	o.messages.register(fs)
	o.stream.register(fs)
	settings.Keyed(fs, "sign")
	return cmd
}

func runSign(ctx context.Context, d command.Deps, args []string, o signOptions) error {
	if err := o.stream.check(); err != nil {
		return err
	}
	switch {
	case len(args) == 0 && d.System.InTTY:
		return fault.New(fault.UsageError, "sign", "no message given").WithHint("name a file, as in jwtctl sign msg.json, or - for stdin")
	case len(args) == 0:
		args = []string{"-"}
	}
	list, err := expand(d, "sign", args)
	if err != nil {
		return err
	}
	m, err := o.messages.load(ctx, d, list)
	if err != nil {
		return err
	}
	if o.stream.ndjson {
		return m.signStreams(ctx, list, o)
	}
	return m.signFiles(ctx, list, o)
}

func (m *messages) signFiles(ctx context.Context, list []string, o signOptions) error {
	var out []byte
	var faults []error
	for _, path := range list {
		data, err := readMessage(m.d, path)
		if err == nil {
			out, err = m.signOne(ctx, path, data, out, message.Form{Indent: len(list) == 1})
		}
		if err != nil {
			err = m.withKeyHint(err)
			faults = append(faults, verdict{file: path, err: err}.failure(true))
		}
		if fault.ClassOf(err) == fault.Usage { // the same for all others
			break
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	return m.d.WriteResult(o.stream.out, out, 0o600, append(m.inputs, list...))
}

// signOne appends the signed message to out.
func (m *messages) signOne(ctx context.Context, path string, data, out []byte, form message.Form) ([]byte, error) {
	t, err := m.target(path, data, true)
	if err != nil {
		return out, err
	}
	if t.message == nil {
		return out, fault.New(fault.UsageError, t.method.Name, "does not sign its response").
			WithHint("add sign: MESSAGE to its annotation, or sign the message with --type %s", t.name)
	}
	bearer, err := m.bearerOf(ctx, t)
	if err != nil {
		return out, err
	}
	msg, err := m.read(data, t)
	if err != nil {
		return out, err
	}
	if _, err := m.Signer.Message(t.message, msg, bearer); err != nil {
		return out, err
	}
	text, err := m.codec.Write(msg, form)
	return append(out, text...), err
}

func (m *messages) signStreams(ctx context.Context, list []string, o signOptions) error {
	var count tally
	work := func(path string) ndjson.Work {
		return func(ctx context.Context, line ndjson.Line, to *ndjson.Result) error {
			var err error
			if line.TooLong {
				err = lineTooLong()
			} else {
				to.Out, err = m.signOne(ctx, path, line.Text, to.Out, message.Form{})
				err = withoutLine(err)
			}
			count.add(err, to, func() { m.d.Report(verdict{err: err}.failureAt(path, line.Number)) })
			return nil
		}
	}
	return streams(ctx, m.d, list, o.stream.options(), &count, work)
}
