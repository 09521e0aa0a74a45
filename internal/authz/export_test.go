package authz

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/enforce"
)

// ReadCheck is checkRequest.
func ReadCheck(wire []byte) (Request, error) { return checkRequest(wire) }

// Exchange begins a call by ext_proc, and returns what answers its parts, and what ends
// it.
func (a *Authority) Exchange(ctx context.Context) (step func([]byte) ([][]byte, *enforce.Refusal), end func(*enforce.Refusal)) {
	x := a.exchange(ctx)
	return x.step, x.end
}

// Immediate is the answer to a call that is refused.
func Immediate(r *enforce.Refusal, grpc string, frameless bool) []byte {
	return immediate(r, grpc, frameless)
}
