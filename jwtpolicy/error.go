package jwtpolicy

import (
	"errors"

	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// Error is why a policy was not loaded, or a call, token or message was refused. Its
// text is for logs of the service: it never holds a key or a whole token, but may name
// the value of a claim. Clients get Status and Message.
type Error struct {
	// Code names the kind of failure, such as "token_expired". Codes never change
	// their meaning; jwtctl help exit-codes lists them.
	Code string
	// Path is what is at fault: "bearer token", a field such as "friends[2].tok", a
	// file, an annotation with its position.
	Path string
	// Reason says what is wrong with it, and Hint what to do about it; "" where
	// nothing helps.
	Reason, Hint string
	// Status is the gRPC status code (google.rpc.Code), and Message all that a client
	// gets. They are 0 and "" in errors of loading a policy.
	Status  uint32
	Message string

	cause error
}

// Error returns path and reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// Unwrap returns the error below, such as that of a context.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, &Error{Code: code}) compare the code alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Path == "" && t.Reason == ""
}

func newError(f *fault.Error) *Error {
	return &Error{Code: string(f.Code), Path: f.What, Reason: f.Why, Hint: f.Hint, cause: f.Cause}
}

// refused returns r as an error; nil for nil.
func refused(r *enforce.Refusal) *Error {
	if r == nil {
		return nil
	}
	e := newError(r.Fault)
	e.Status, e.Message = uint32(r.Status), r.Text
	return e
}

// about is refused for err, which is about what is at.
func about(at enforce.Place, err error) error {
	if err == nil {
		return nil
	}
	return refused(enforce.Refuse(at, err))
}

// loading returns the errors in err as *Error, joined.
func loading(err error) error {
	if err == nil {
		return nil
	}
	var all []error
	for _, one := range fault.All(err) {
		var f *fault.Error
		if errors.As(one, &f) {
			one = newError(f)
		}
		all = append(all, one)
	}
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}
