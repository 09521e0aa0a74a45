package input

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// MethodToken is what a method requires of its bearer token.
type MethodToken struct {
	// Claims are those that a token needs, besides the caller's.
	Claims []strictjson.Member
	// Check returns why the method would refuse a token with these claims, which the
	// caller may have chosen.
	Check func(*jws.Claims) error
}

// A MethodReader returns what the method called name requires, of the policy that protos
// name. given reports which claims the caller sets.
type MethodReader func(ctx context.Context, d command.Deps, protos ProtoFlags, name string, given func(string) bool) (*MethodToken, error)
