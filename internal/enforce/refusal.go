package enforce

import (
	"errors"
	"runtime/debug"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// Place is the part of a call that was refused.
type Place int

// The places of a refusal.
const (
	InCall Place = iota
	InBearer
	InRequest
	InResponse
)

// Refusal is the response to a call that the policy ends. The client gets Status and
// Text, which are the same for all calls that fail in the same way; the log gets the rest
// (S64).
type Refusal struct {
	Fault  *fault.Error
	Status fault.GRPC
	Text   string
	Stack  []byte // for a crash
	keyID  func() *string
}

func (r *Refusal) Error() string { return string(r.Fault.Code) }

// KeyID returns the key ID that the refused token names, or "".
func (r *Refusal) KeyID() string {
	if r.keyID == nil {
		return ""
	}
	if kid := r.keyID(); kid != nil {
		return *kid
	}
	return ""
}

// Refuse returns the refusal for err, about the part at. If err has several errors, the
// most severe decides, and among those the first.
func Refuse(at Place, err error) *Refusal {
	f := mostSevere(err)
	code := fault.Lookup(f.Code).GRPC
	switch {
	case at == InResponse && code == fault.GRPCInvalidArgument:
		code = fault.GRPCInternal // the client did not write the message
	case at == InCall && f.Code == fault.LimitExceeded:
		code = fault.GRPCResourceExhausted // as gRPC does for metadata and messages
	}
	return &Refusal{Fault: f, Status: code, Text: clientText(at, f.Code, code)}
}

// signedBy returns r with a function that returns the key ID of the refused token.
func (r *Refusal) signedBy(keyID func() *string) *Refusal {
	r.keyID = sync.OnceValue(keyID) // used by log, trace and metrics, and needs parsing
	return r
}

// clientText returns everything that a client learns. The texts that A36 quotes are those of
// the vendor's runtime.
func clientText(at Place, reason fault.Code, code fault.GRPC) string {
	switch {
	case reason == fault.MethodUnknown:
		return "Unknown method"
	case reason == fault.ClaimFromClient:
		return "Call has headers that look like claims"
	case reason == fault.RequestCount:
		return "Method takes exactly one request message"
	case reason == fault.EncodingUnknown:
		return "Encoding of messages is not supported"
	case code == fault.GRPCResourceExhausted:
		return "Metadata is too large"
	case code == fault.GRPCUnavailable:
		return "Tokens cannot be validated now"
	case at == InResponse:
		return "Response cannot be signed"
	case code == fault.GRPCInternal, code == fault.GRPCFailedPrecond:
		return "Call cannot be forwarded"
	case at == InRequest && reason == fault.TokenMissing:
		return "Message token is missing"
	case at == InRequest && code == fault.GRPCUnauthenticated:
		return "Message token is not valid"
	case at == InRequest && code == fault.GRPCPermissionDenied:
		return "Message is not what its token says"
	case at == InRequest:
		return "Message is not valid"
	case reason == fault.TokenMissing:
		return "Bearer token expected"
	case reason == fault.IssuerNotAllowed:
		return "Bearer token from wrong issuer"
	case reason == fault.StaticClaimMismatch:
		return "Bearer token does not contain required claims"
	}
	return "Bearer token is not valid"
}

// mostSevere returns the most severe fault in err.
func mostSevere(err error) *fault.Error {
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

// PanicRefusal returns the refusal of a call whose handling panicked with cause (S74). It only
// reports the type of cause, whose text could hold anything.
func PanicRefusal(cause any) *Refusal {
	r := Refuse(InCall, fault.New(fault.Internal, "proxy", "panicked: %T", cause))
	r.Stack = debug.Stack()
	return r
}

// bearerKeyID returns the key ID in the header of the token in values, or nil.
func bearerKeyID(values []string) *string {
	compact, err := jws.BearerToken(values...)
	if err != nil {
		return nil
	}
	head, _, _ := strings.Cut(compact, ".")
	return keyID(head + ".e30.AA") // the payload is not needed, and may be long
}

// messageKeyID returns the key ID of the token at the top level of m, which was refused.
func messageKeyID(p *plan.Message, m protoreflect.Message) *string {
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
