// Package fault defines the errors of jwtctl: each has a code, the thing at fault, a
// reason, and often a hint. A table maps codes to exit statuses and gRPC codes.
//
// The package imports nothing else of jwtctl, and knows neither flags nor streams.
package fault

import (
	"errors"
	"fmt"
)

// Error is a failure with a code. Its text never contains a private key, a
// secret or a whole token (S69).
type Error struct {
	Code Code
	// What is the file, flag, variable, annotation or part of a token at fault, with its
	// position if known.
	What string
	// Reason is the reason: lower case, without a final full stop.
	Reason string
	// Hint says how to fix the problem; may be empty.
	Hint string
	// Remedy is the kind of Hint, which callers may replace by their own wording; "" if
	// the Hint is specific to this error.
	Remedy Remedy
	// Cause is the underlying error, for errors.Is and errors.As. It is not printed: Reason
	// has the relevant part.
	Cause error
	// Quotes reports whether Why quotes the token or message that it is about, which no
	// log may do (S64).
	Quotes bool
}

// New returns an error about what. format and args make the reason; an error formatted
// with %w becomes the cause.
func New(code Code, what, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, What: what, Reason: wrapped.Error(), Cause: errors.Unwrap(wrapped)}
}

// WithHint returns a copy of e with a hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// About returns a copy of e about what, for callers that know better where the data came
// from.
func (e *Error) About(what string) *Error {
	c := *e
	c.What = what
	return &c
}

// Quoting returns a copy of e with Quotes set.
func (e *Error) Quoting() *Error {
	c := *e
	c.Quotes = true
	return &c
}

func (e *Error) Error() string {
	if e.What == "" {
		return e.Reason
	}
	return e.What + ": " + e.Reason
}

func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is an Error with the same code, so that errors.Is(err,
// &fault.Error{Code: c}) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.What == "" && t.Reason == ""
}

// CodeOf returns the code of the first Error in err's tree, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Has reports whether err's tree holds an Error with this code.
func Has(err error, code Code) bool { return errors.Is(err, &Error{Code: code}) }

// All returns the leaf errors of err's tree, in the order in which they were joined.
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

// Map returns err with what change makes of each Error in it.
func Map(err error, change func(*Error) error) error {
	list := All(err)
	for i, one := range list {
		if f, ok := errors.AsType[*Error](one); ok {
			if changed := change(f); changed != error(f) {
				list[i] = changed
			}
		}
	}
	if len(list) == 1 {
		return list[0]
	}
	return errors.Join(list...)
}

// refusal has the class Refused, whatever else is in its tree.
type refusal struct{ error }

func (r refusal) Unwrap() []error { return []error{r.error} }

// RefuseIfAny returns err with the class Refused if it includes a refusal: a batch with a
// refused message is refused, even if other messages are undecided (S42).
func RefuseIfAny(err error) error {
	for _, one := range All(err) {
		if ClassOf(one) == Refused {
			return refusal{err}
		}
	}
	return err
}
