package console

import (
	"errors"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// NegativeAnswer is the exit code of an answer that is already on stdout: nothing more is
// printed for it.
type NegativeAnswer struct{ Code fault.Code }

func (n NegativeAnswer) Error() string { return string(n.Code) }

func (n NegativeAnswer) Unwrap() error { return &fault.Error{Code: n.Code} }

// Report prints err: a line `jwtctl: what: why` for each fault, then its hint, once for
// consecutive faults with the same hint. place replaces each fault by one in terms of the
// user's input.
func (c *Console) Report(err error, place func(*fault.Error) *fault.Error) {
	c.reporting.Lock()
	defer c.reporting.Unlock()
	var list []*fault.Error
	for _, e := range fault.All(err) {
		if _, said := e.(NegativeAnswer); said {
			continue
		}
		var f *fault.Error
		if !errors.As(e, &f) {
			f = &fault.Error{Reason: e.Error()}
		}
		list = append(list, place(f))
	}
	for i, f := range list {
		c.line(c.Styles().Bad, "jwtctl:", f.Error())
		again := i+1 < len(list) && list[i+1].Hint == f.Hint // printed once, after the last
		if f.Hint != "" && !again {
			c.line(c.Styles().Dim, "hint:", f.Hint)
		}
	}
}
