package authz

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// ReadCheck exports checkRequest.
func ReadCheck(wire []byte) (Request, error) { return checkRequest(wire) }

// Exchange begins a call by ext_proc. It returns functions that handle a part and end the
// call.
func (a *Authority) Exchange(ctx context.Context) (step func([]byte) ([][]byte, *enforce.Refusal), end func(*enforce.Refusal)) {
	x := a.exchange(ctx)
	return x.step, x.end
}
