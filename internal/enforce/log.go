package enforce

import (
	"context"
	"log/slog"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Log writes r to log, as message. Why a token was refused is named by its code's
// meaning, never in words that could quote a claim (S64); what else went wrong is
// written as it is. method is what the log calls the method; more, unless nil, returns
// attributes to add.
func (r *Refusal) Log(ctx context.Context, log *slog.Logger, message, method string, more func() []slog.Attr) {
	row := fault.Lookup(r.Fault.Code)
	level, reason := slog.LevelInfo, row.Meaning
	if row.Class != fault.Refused {
		level, reason = slog.LevelError, r.Fault.Why
	}
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("method", method), slog.String("code", string(row.Code)), slog.String("grpc_code", r.Status.String()), slog.String("what", r.Fault.What), slog.String("reason", reason)}
	if kid := r.KeyID(); kid != "" {
		attrs = append(attrs, slog.String("kid", quote.Shorten(kid)))
	}
	if more != nil {
		attrs = append(attrs, more()...)
	}
	if r.Stack != nil {
		attrs = append(attrs, slog.String("stack", string(r.Stack)))
	}
	log.LogAttrs(ctx, level, message, attrs...)
}

// KeyAttrs says for the log which key verified the bearer token, and where it is
// from (S85); nothing for a call without one.
func (c *Call) KeyAttrs() []slog.Attr {
	v := c.verified()
	if v == nil {
		return nil
	}
	return []slog.Attr{slog.String("kid", quote.Shorten(v.Key.ID())), slog.String("key_from", v.Key.Source())}
}
