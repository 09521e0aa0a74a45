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

// Place is what of a call was refused.
type Place int

// The places of a refusal.
const (
	InCall Place = iota
	InBearer
	InRequest
	InResponse
)

// Refusal is the answer to a call that the policy ends. The client gets Status and
// Text, which are the same for all who fail alike; the log gets the rest (S64).
type Refusal struct {
	Fault  *fault.Error
	Status fault.GRPC
	Text   string
	Stack  []byte // of a crash
	keyID  func() *string
}

func (r *Refusal) Error() string { return string(r.Fault.Code) }

// KeyID returns the key id that the token at fault names, "" for none.
func (r *Refusal) KeyID() string {
	if r.keyID == nil {
		return ""
	}
	if kid := r.keyID(); kid != nil {
		return *kid
	}
	return ""
}

// Refuse returns the refusal that err, about what is at, is to the client: the
// gravest of several, and of these the first.
func Refuse(at Place, err error) *Refusal {
	f := gravest(err)
	code := fault.Lookup(f.Code).GRPC
	switch {
	case at == InResponse && code == fault.GRPCInvalidArgument:
		code = fault.GRPCInternal // the message is not the client's
	case at == InCall && f.Code == fault.LimitExceeded:
		code = fault.GRPCResourceExhausted // as gRPC says it of metadata and messages
	}
	return &Refusal{Fault: f, Status: code, Text: clientText(at, f.Code, code)}
}

// signedBy returns r with what returns the key id of the token at fault.
func (r *Refusal) signedBy(keyID func() *string) *Refusal {
	r.keyID = sync.OnceValue(keyID) // log, trace and metrics need it, and it is parsed
	return r
}

// clientText is all that a client learns. The two texts that A36 gives are those
// of the vendor's runtime.
func clientText(at Place, reason fault.Code, code fault.GRPC) string {
	switch {
	case reason == fault.MethodUnknown:
		return "Unknown method"
	case reason == fault.ClaimFromClient:
		return "Call has claims of its own"
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

// Crashed is the refusal of a call whose handling panicked with cause (S74).
// What cause says may hold anything, so that its type has to do.
func Crashed(cause any) *Refusal {
	r := Refuse(InCall, fault.New(fault.Internal, "proxy", "it panicked: %T", cause))
	r.Stack = debug.Stack()
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
