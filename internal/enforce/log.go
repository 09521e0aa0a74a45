package enforce

import (
	"context"
	"log/slog"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Log writes r to log with message. method is the method's name for the log. more, if not
// nil, returns further attributes.
func (r *Refusal) Log(ctx context.Context, log *slog.Logger, message, method string, more func() []slog.Attr) {
	row := fault.Lookup(r.Fault.Code)
	level := slog.LevelInfo
	if row.Class != fault.Refused {
		level = slog.LevelError
	}
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("method", method), slog.String("code", string(row.Code)), slog.String("grpc_code", r.Status.String()), slog.String("what", r.Fault.What), slog.String("reason", reason(r.Fault, row))}
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

// reason returns why a call was refused, for the log: the reason of f, or the meaning of
// its code if the reason could quote a claim (S64).
func reason(f *fault.Error, row fault.Row) string {
	if row.Class != fault.Refused {
		return f.Reason
	}
	switch f.Code {
	case fault.TokenMissing, fault.TokenMalformed, fault.SignatureInvalid, fault.KeyNotFound, fault.AlgorithmNotAllowed, fault.TypeNotAllowed,
		fault.TokenExpired, fault.TokenNotYetValid, fault.TokenTooOld, fault.LifetimeTooLong,
		fault.InvalidClaim, fault.PayloadNotClaims, fault.ClaimMissing, fault.ClaimMismatch, fault.StaticClaimMismatch,
		fault.LimitExceeded, fault.MethodUnknown, fault.RequestCount, fault.EncodingUnknown, fault.ClaimFromClient:
		if !f.Quotes {
			return f.Reason
		}
	}
	return row.Meaning
}

// KeyAttrs returns log attributes with the key that verified the bearer token and its
// source (S85); none for a call without a token.
func (c *Call) KeyAttrs() []slog.Attr {
	v := c.verified()
	if v == nil {
		return nil
	}
	return []slog.Attr{slog.String("kid", quote.Shorten(v.Key.ID())), slog.String("key_from", v.Key.Source())}
}
