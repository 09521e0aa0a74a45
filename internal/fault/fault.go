// Package fault is the one vocabulary of what can go wrong: an error names
// what is at fault, why, and where it helps what to do about it, and carries a
// code. The table in this package says what each code means for an exit status
// and for a gRPC caller.
//
// It imports nothing of jwtctl and knows neither flags nor streams.
package fault

import (
	"errors"
	"fmt"
)

// Error is a failure with a code. Its text never contains a private key, a
// secret or a whole token (S69).
type Error struct {
	Code Code
	// What is the file, flag, variable, annotation or part of a token at fault,
	// with its position where it has one.
	What string
	// Why says what is wrong with it: lower case, no full stop at the end.
	Why string
	// Hint says what to do about it; empty where nothing helps.
	Hint string
	// Remedy is the kind of Hint, for callers that have better words for it; "" for
	// a hint of its own.
	Remedy Remedy
	// Cause is the error below, for errors.Is and errors.As. Its text is not
	// printed: what matters of it is in Why.
	Cause error
}

// New returns an error with code about what; format and args make the reason.
// A %w among them becomes the cause.
func New(code Code, what, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, What: what, Why: wrapped.Error(), Cause: errors.Unwrap(wrapped)}
}

// WithHint returns a copy of e that says what to do about it.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// About returns a copy of e that names what, for callers that know better
// where the bytes came from.
func (e *Error) About(what string) *Error {
	c := *e
	c.What = what
	return &c
}

func (e *Error) Error() string {
	if e.What == "" {
		return e.Why
	}
	return e.What + ": " + e.Why
}

func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, &fault.Error{Code: c}) compare the code alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.What == "" && t.Why == ""
}

// CodeOf returns the code of the first Error in err's tree, "" if there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Has reports whether err's tree holds an Error with this code.
func Has(err error, code Code) bool { return errors.Is(err, &Error{Code: code}) }

// All returns the single errors of err's tree in the order they were joined.
func All(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range many.Unwrap() {
		list = append(list, All(e)...)
	}
	return list
}
