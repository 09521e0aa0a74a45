package proxy

import (
	"errors"
	"log/slog"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/metrics"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// refusal is the response to a call that the proxy itself ends, as a gRPC status.
type refusal struct{ *enforce.Refusal }

func (r *refusal) GRPCStatus() *status.Status { return status.New(codes.Code(r.Status), r.Text) }

// refused returns r as an error, or nil if r is nil.
func refused(r *enforce.Refusal) error {
	if r == nil {
		return nil
	}
	return &refusal{r}
}

func refuse(at enforce.Place, err error) *enforce.Refusal { return enforce.Refuse(at, err) }

// end reports the end of the call to log and observer.
func (c *call) end(err error) {
	name, path := c.names()
	done := metrics.Call{Method: name, Status: fault.GRPC(status.Code(err)), Duration: c.options.Now().Sub(c.began)}
	ctx := c.client.Context()
	var r *refusal
	if !errors.As(err, &r) {
		c.options.Observer.End(done)
		if c.options.Log.Enabled(ctx, slog.LevelDebug) { // nearly all calls end here
			attrs := append([]slog.Attr{slog.String("method", path), slog.String("grpc_code", done.Status.String()), slog.Duration("took", done.Duration)}, c.rules.KeyAttrs()...)
			c.options.Log.LogAttrs(ctx, slog.LevelDebug, "call", append(attrs, traceAttrs(ctx)...)...)
		}
		return
	}
	done.Reason = r.Fault.Code
	c.options.Observer.End(done)
	r.Log(ctx, c.options.Log, "call refused", path, func() []slog.Attr { return traceAttrs(ctx) })
}

// report reports a refusal that does not end the call to log and observer.
func (c *call) report(r *enforce.Refusal) {
	name, path := c.names()
	c.options.Observer.WouldRefuse(name, r.Fault.Code)
	ctx := c.client.Context()
	r.Log(ctx, c.options.Log, "call would be refused", path, func() []slog.Attr { return traceAttrs(ctx) })
}

// names returns the method's name for metrics and for the log. Metrics never get a name
// that a client made up: for a method that is not in the policy it is "".
func (c *call) names() (metric, path string) {
	if c.rules.IsKnown() {
		return c.method.Name, c.method.Name
	}
	full, _ := grpc.MethodFromServerStream(c.client)
	return "", quote.Shorten(full)
}

// unreachable returns the status of a call for which the upstream could not be reached.
// Clients do not learn the addresses that were tried.
func unreachable(err error) error {
	switch code := status.Code(err); code {
	case codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted:
		return err
	default:
		return status.Error(code, "Upstream is not available")
	}
}

// withoutAddresses is unreachable for a call that was interrupted. grpc-go does not
// distinguish its own statuses from those of the server, except by their first words.
func withoutAddresses(err error) error {
	s := status.Convert(err)
	if s.Code() != codes.Unavailable {
		return err
	}
	for _, own := range []string{"error reading from server", "connection error", "closing transport", "last connection error", "the connection is draining", "transport: "} {
		if strings.HasPrefix(s.Message(), own) {
			return status.Error(codes.Unavailable, "Upstream is not available")
		}
	}
	return err
}
