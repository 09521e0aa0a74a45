package authz

import (
	"context"
	"log/slog"
	"time"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// begin begins the call of path. Where refusals are reported only, its first one is.
func (a *Authority) begin(ctx context.Context, path string) (call *enforce.Call) {
	var report func(*enforce.Refusal)
	if a.options.ReportOnly {
		report = func(r *enforce.Refusal) {
			metric, name := names(call, path)
			if a.options.Observer != nil {
				a.options.Observer.WouldRefuse(metric, r.Fault.Code)
			}
			r.Log(ctx, a.options.Log, "call would be refused", name, nil)
		}
	}
	call = a.state.Load().Call(path, report)
	return call
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
		refusal.Log(ctx, a.options.Log, "call refused", name, nil)
	case a.options.Log.Enabled(ctx, slog.LevelDebug):
		a.options.Log.LogAttrs(ctx, slog.LevelDebug, "call", slog.String("method", name), slog.Duration("took", d.Took))
	}
}
