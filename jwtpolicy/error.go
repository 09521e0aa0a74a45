package jwtpolicy

import (
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// Error describes why a policy was not loaded, or why a call, token or message was
// refused. Its text is for the service's logs: it never holds a key or a whole token, but
// may hold the value of a claim. Clients get Status and Message only.
type Error struct {
	// Code is the kind of failure, such as "token_expired". The meaning of a code never
	// changes; jwtctl help exit-codes lists them all.
	Code string
	// Path is where the problem is: "bearer token", a field such as "friends[2].tok", a
	// file, or an annotation with its position.
	Path string
	// Reason describes the problem, and Hint how to fix it; Hint may be empty.
	Reason, Hint string
	// Status is the gRPC status code (google.rpc.Code), and Message the text for the
	// client. They are 0 and "" for errors from loading a policy.
	Status  uint32
	Message string

	cause error
}

// Error returns the path and the reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// Unwrap returns the underlying error, such as that of a context.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error with the same code, so that errors.Is(err,
// &Error{Code: code}) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Path == "" && t.Reason == ""
}

func newError(f *fault.Error) *Error {
	return &Error{Code: string(f.Code), Path: f.What, Reason: f.Reason, Hint: f.Hint, cause: f.Cause}
}

// refused returns r as an error, or nil if r is nil.
func refused(r *enforce.Refusal) *Error {
	if r == nil {
		return nil
	}
	e := newError(r.Fault)
	e.Status, e.Message = uint32(r.Status), r.Text
	return e
}

// errorAt is like refused, for an error at a place.
func errorAt(at enforce.Place, err error) error {
	if err == nil {
		return nil
	}
	return refused(enforce.Refuse(at, err))
}

// loadErrors returns the errors in err as *Error, joined.
func loadErrors(err error) error {
	return fault.Map(err, func(f *fault.Error) error { return newError(f) })
}
