package authz

import (
	"context"
	"log/slog"
	"time"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/metrics"
)

// begin begins the call of path. With ReportOnly its first refusal is reported.
func (a *Authority) begin(ctx context.Context, path string) (call *enforce.Call) {
	var report func(*enforce.Refusal)
	if a.options.ReportOnly {
		report = func(r *enforce.Refusal) {
			metric, name := names(call, path)
			a.options.Observer.WouldRefuse(metric, r.Fault.Code)
			r.Log(ctx, a.options.Log, "call would be refused", name, nil)
		}
	}
	call = a.state.Load().Call(path, report)
	return call
}

// cancelled is the status of a call whose client has left.
const cancelled fault.GRPC = 1

// end reports the decision about call to log and observer. refusal is nil if the call
// passes, or if its client left before; call is nil if there was a panic before it began.
func (a *Authority) end(ctx context.Context, call *enforce.Call, path string, refusal *enforce.Refusal, left bool, start time.Time) {
	metric, name := names(call, path)
	done := metrics.Call{Method: metric, Duration: a.options.Now().Sub(start)}
	if left {
		done.Status = cancelled
	}
	if refusal != nil {
		done.Status, done.Reason = refusal.Status, refusal.Fault.Code
	}
	a.options.Observer.End(done)
	switch {
	case refusal != nil:
		refusal.Log(ctx, a.options.Log, "call refused", name, nil)
	case a.options.Log.Enabled(ctx, slog.LevelDebug):
		attrs := []slog.Attr{slog.String("method", name), slog.Duration("took", done.Duration)}
		if call != nil {
			attrs = append(attrs, call.KeyAttrs()...)
		}
		a.options.Log.LogAttrs(ctx, slog.LevelDebug, "call", attrs...)
	}
}
