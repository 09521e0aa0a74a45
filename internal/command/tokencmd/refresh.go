package tokencmd

import (
	"context"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// retryAfter is the delay after a failed refresh.
const retryAfter = 5 * time.Second

// refreshToken keeps a token with at least a third of its lifetime left in the file of
// --out, until interrupted. It reads the keys each time, so that a rotated key is used.
// After the first token, failures are reported and retried: the file still has a valid
// one.
func refreshToken(ctx context.Context, d command.Deps, o tokenOptions) error {
	switch {
	case o.out == "" || o.out == "-":
		return fault.New(fault.UsageError, "--refresh", "needs --out FILE")
	case o.at != "":
		return fault.New(fault.UsageError, "--refresh", "cannot be combined with --at")
	case o.choosesExpiry():
		return fault.New(fault.UsageError, "--refresh", "cannot be combined with an exp claim").WithHint("set the lifetime of each token with --ttl")
	case o.notBefore > 0:
		return fault.New(fault.UsageError, "--refresh", "cannot be combined with --nbf in the future: the file would hold a token that is not valid yet")
	case o.noExpiry:
		return fault.New(fault.UsageError, "--refresh", "cannot be combined with --no-expiry")
	}
	d.Stay()
	d.Console = d.WarningOnce()
	pause, err := writeToken(d, o)
	if err != nil {
		return err
	}
	o.note(d)
	o.keys.Passphrase.DisablePrompt()
	for {
		select {
		case <-ctx.Done():
			d.Info("stopped; %s keeps its last token", o.out)
			return nil
		case <-time.After(pause):
		}
		if pause, err = writeToken(d, o); err != nil {
			d.Report(err)
			pause = retryAfter
		}
	}
}

// writeToken writes a token and returns how long it is fresh.
func writeToken(d command.Deps, o tokenOptions) (time.Duration, error) {
	now := d.System.Now()
	m, err := mint(d, o, now)
	if err != nil {
		return 0, err
	}
	text, err := o.tokenForm.render(m)
	if err != nil {
		return 0, err
	}
	if err := d.WriteResult(o.out, text, files.Private, o.keys.Files); err != nil {
		return 0, err
	}
	o.warn(d, m, now)
	o.warnOfRoles(d)
	d.Info("%s: new token, valid until %s", o.out, m.expires.Local().Format(time.RFC3339))
	return m.expires.Sub(now) * 2 / 3, nil
}
