package proxy

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// place is what of a call was refused.
type place int

const (
	inCall place = iota
	inBearer
	inRequest
	inResponse
)

// refusal is the answer to a call that the proxy itself ends. The client gets
// status, which is the same for all who fail alike; the log gets the rest (S64).
type refusal struct {
	fault  *fault.Error
	status *status.Status
	// keyID returns the key id that the token at fault names, nil for none; only the
	// log asks.
	keyID func() *string
	stack []byte // of a crash
}

func (r *refusal) Error() string              { return string(r.fault.Code) }
func (r *refusal) GRPCStatus() *status.Status { return r.status }

// refuse returns the refusal that err, about what is at, is to the client: the
// gravest of several, and of these the first.
func refuse(at place, err error) *refusal {
	f := gravest(err)
	code := codes.Code(fault.Lookup(f.Code).GRPC)
	switch {
	case at == inResponse && code == codes.InvalidArgument:
		code = codes.Internal // the message is not the client's
	case at == inCall && f.Code == fault.LimitExceeded:
		code = codes.ResourceExhausted // as gRPC says it of metadata and messages
	}
	return &refusal{fault: f, status: status.New(code, clientText(at, f.Code, code))}
}

// signedBy returns r with what returns the key id of the token at fault.
func (r *refusal) signedBy(keyID func() *string) *refusal {
	r.keyID = keyID
	return r
}

// clientText is all that a client learns. The two texts that A36 gives are those
// of the vendor's runtime.
func clientText(at place, reason fault.Code, code codes.Code) string {
	switch {
	case reason == fault.MethodUnknown:
		return "Unknown method"
	case reason == fault.RequestCount:
		return "Method takes exactly one request message"
	case reason == fault.EncodingUnknown:
		return "Encoding of messages is not supported"
	case code == codes.ResourceExhausted:
		return "Metadata is too large"
	case code == codes.Unavailable:
		return "Tokens cannot be validated now"
	case at == inResponse:
		return "Response cannot be signed"
	case code == codes.Internal, code == codes.FailedPrecondition:
		return "Call cannot be forwarded"
	case at == inRequest && reason == fault.TokenMissing:
		return "Message token is missing"
	case at == inRequest && code == codes.Unauthenticated:
		return "Message token is not valid"
	case at == inRequest && code == codes.PermissionDenied:
		return "Message is not what its token says"
	case at == inRequest:
		return "Message is not valid"
	case reason == fault.TokenMissing:
		return "Bearer token is missing"
	case reason == fault.IssuerNotAllowed:
		return "Bearer token from wrong issuer"
	case reason == fault.StaticClaimMismatch:
		return "Bearer token does not contain required claims"
	}
	return "Bearer token is not valid"
}

// gravest returns the fault that decides about err.
func gravest(err error) *fault.Error {
	var worst *fault.Error
	var walk func(error)
	walk = func(err error) {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range many.Unwrap() {
				walk(one)
			}
			return
		}
		var f *fault.Error
		if !errors.As(err, &f) {
			f = fault.New(fault.Internal, "proxy", "%T", err)
		}
		if worst == nil || fault.ClassOf(f) > fault.ClassOf(worst) {
			worst = f
		}
	}
	walk(err)
	return worst
}

// crashed is the refusal of a call whose handling panicked with cause (S74).
// What cause says may hold anything, so that its type has to do.
func crashed(cause any) *refusal {
	r := refuse(inCall, fault.New(fault.Internal, "proxy", "it panicked: %T", cause))
	r.stack = debug.Stack()
	return r
}

// bearerKeyID returns the key id in the header of the token in values, nil where
// there is none to be read.
func bearerKeyID(values []string) *string {
	compact, err := jws.Bearer(values...)
	if err != nil {
		return nil
	}
	head, _, _ := strings.Cut(compact, ".")
	return keyID(head + ".e30.AA") // its payload does not matter, and may be long
}

// messageKeyID is that of the token which m, refused, has at its top.
func messageKeyID(p *plan.Message, m *dynamicpb.Message) *string {
	if p.Token == nil {
		return nil
	}
	v := m.Get(p.Token.Field)
	if text, ok := v.Interface().(string); ok {
		return keyID(text)
	}
	return keyID(string(v.Bytes()))
}

func keyID(compact string) *string {
	t, err := jws.ParseDevelopment(compact, jws.Limits{})
	if err != nil {
		return nil
	}
	return t.Header().KeyID
}

// end tells log and observer how the call ended.
func (c *call) end(err error) {
	name, path := c.names()
	done := Call{Method: name, Status: status.Code(err), Took: c.options.Now().Sub(c.began)}
	ctx := c.client.Context()
	var r *refusal
	if !errors.As(err, &r) {
		c.options.Observer.End(done)
		if c.options.Log.Enabled(ctx, slog.LevelDebug) { // nearly all calls end here
			c.options.Log.LogAttrs(ctx, slog.LevelDebug, "call", append([]slog.Attr{slog.String("method", path), slog.String("grpc_code", statusName(done.Status)), slog.Duration("took", done.Took)}, traceAttrs(ctx)...)...)
		}
		return
	}
	done.Reason = r.fault.Code
	c.options.Observer.End(done)
	c.log("call refused", path, r)
}

// report tells log and observer of a refusal that is reported only.
func (c *call) report(r *refusal) {
	name, path := c.names()
	c.options.Observer.WouldRefuse(name, r.fault.Code)
	c.log("call would be refused", path, r)
}

// names returns what metrics and the log call the method. What clients send must
// not name metrics: there, a method that the policy does not have is "".
func (c *call) names() (metric, path string) {
	if c.known {
		return c.method.Name, c.method.Name
	}
	full, _ := grpc.MethodFromServerStream(c.client)
	return "", quote.Shorten(full)
}

// log tells the log of a refusal. Why a token was refused is named by its code's
// meaning, never in words that could quote a claim (S64); what else went wrong is
// told as it is.
func (c *call) log(message, path string, r *refusal) {
	ctx := c.client.Context()
	row := fault.Lookup(r.fault.Code)
	level, reason := slog.LevelInfo, row.Meaning
	if row.Class != fault.Refused {
		level, reason = slog.LevelError, r.fault.Why
	}
	if !c.options.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("method", path), slog.String("code", string(row.Code)), slog.String("grpc_code", statusName(r.status.Code())), slog.String("what", r.fault.What), slog.String("reason", reason)}
	if r.keyID != nil {
		if kid := r.keyID(); kid != nil && *kid != "" {
			attrs = append(attrs, slog.String("kid", quote.Shorten(*kid)))
		}
	}
	attrs = append(attrs, traceAttrs(ctx)...)
	if r.stack != nil {
		attrs = append(attrs, slog.String("stack", string(r.stack)))
	}
	c.options.Log.LogAttrs(ctx, level, message, attrs...)
}

// unreachable is the status of a call that the upstream was not reached for.
// The addresses that were tried are not for clients.
func unreachable(err error) error {
	switch code := status.Code(err); code {
	case codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted:
		return err
	default:
		return status.Error(code, "Upstream is not available")
	}
}

// withoutAddresses is unreachable for a call that broke off. grpc-go does not
// say which statuses are its own and which came from the server, except for the
// words it begins them with.
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
