package input

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// MethodToken is what a method requires of its bearer token.
type MethodToken struct {
	// Claims are the required claims that the caller does not set.
	Claims []strictjson.Member
	// Examples are the names of those whose value is only an example of a pattern.
	Examples []string
	// Check returns why the method would refuse a token with these claims, some of which
	// the caller may have set.
	Check func(*jws.Claims) error
}

// A MethodReader returns the requirements of the method called name in the policy given
// by protos. given reports which claims the caller sets.
type MethodReader func(ctx context.Context, d command.Deps, protos ProtoFlags, name string, given func(string) bool) (*MethodToken, error)
