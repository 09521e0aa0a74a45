package cli

import (
	"context"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// retryAfter is the pause after a refresh that failed.
const retryAfter = 5 * time.Second

// refreshToken keeps the file of --out holding a token with at least a third
// of its life left, until interrupted. The keys are read anew each time, so a
// rotated key is taken up. After the first token a failure is reported and
// tried again: the file still holds a good one.
func (a *app) refreshToken(ctx context.Context, o tokenOptions) error {
	switch {
	case o.out == "" || o.out == "-":
		return fault.New(fault.UsageError, "--refresh", "needs --out FILE")
	case o.at != "":
		return fault.New(fault.UsageError, "--refresh", "does not go with --at")
	case o.noExpiry:
		return fault.New(fault.UsageError, "--refresh", "does not go with --no-expiry")
	}
	a.Stay()
	pause, err := a.writeToken(o)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			a.Say("stopped; %s keeps its last token", o.out)
			return nil
		case <-time.After(pause):
		}
		if pause, err = a.writeToken(o); err != nil {
			a.Report(err)
			pause = retryAfter
		}
	}
}

// writeToken writes one token and returns how long it is fresh.
func (a *app) writeToken(o tokenOptions) (time.Duration, error) {
	now := a.System.Now()
	m, err := a.mint(o, now)
	if err != nil {
		return 0, err
	}
	text, err := o.tokenForm.render(m)
	if err != nil {
		return 0, err
	}
	if err := a.WriteResult(o.out, text, files.Private, o.keys.files); err != nil {
		return 0, err
	}
	a.Say("%s: a fresh token until %s", o.out, m.expires.Local().Format(time.RFC3339))
	return m.expires.Sub(now) * 2 / 3, nil
}
