package authz

import (
	"context"
	"log/slog"
	"time"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// reporting returns what a call does with its first refusal where refusals are
// reported only, nil where they count.
func (a *Authority) reporting(ctx context.Context, path string) func(*enforce.Refusal) {
	if !a.options.ReportOnly {
		return nil
	}
	return func(r *enforce.Refusal) {
		metric, name := names(a.state.Load().Call(path, nil), path)
		if a.options.Observer != nil {
			a.options.Observer.WouldRefuse(metric, r.Fault.Code)
		}
		a.log(ctx, "call would be refused", name, r)
	}
}

// end tells log and observer how call was decided; refusal is nil if it passes, and
// call where it panicked before there was one.
func (a *Authority) end(ctx context.Context, call *enforce.Call, path string, refusal *enforce.Refusal, began time.Time) {
	metric, name := names(call, path)
	d := Decision{Method: metric, Took: a.options.Now().Sub(began)}
	if refusal != nil {
		d.Code, d.Reason = refusal.Status, refusal.Fault.Code
	}
	if a.options.Observer != nil {
		a.options.Observer.Decided(d)
	}
	switch {
	case refusal != nil:
		a.log(ctx, "call refused", name, refusal)
	case a.options.Log.Enabled(ctx, slog.LevelDebug):
		a.options.Log.LogAttrs(ctx, slog.LevelDebug, "call", slog.String("method", name), slog.Duration("took", d.Took))
	}
}

// log tells the log of a refusal: why a token was refused by its code's meaning,
// never in words that could quote a claim (S64).
func (a *Authority) log(ctx context.Context, message, method string, r *enforce.Refusal) {
	row := fault.Lookup(r.Fault.Code)
	level, reason := slog.LevelInfo, row.Meaning
	if row.Class != fault.Refused {
		level, reason = slog.LevelError, r.Fault.Why
	}
	if !a.options.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", method), slog.String("code", string(row.Code)), slog.String("grpc_code", r.Status.String()),
		slog.String("what", r.Fault.What), slog.String("reason", reason),
	}
	if kid := r.KeyID(); kid != "" {
		attrs = append(attrs, slog.String("kid", quote.Shorten(kid)))
	}
	if r.Stack != nil {
		attrs = append(attrs, slog.String("stack", string(r.Stack)))
	}
	a.options.Log.LogAttrs(ctx, level, message, attrs...)
}
