package policies

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/bearer"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// ForMethod is an input.MethodReader that loads the policy as the proxy does.
func ForMethod(ctx context.Context, d command.Deps, protos input.ProtoFlags, name string, given func(string) bool) (*input.MethodToken, error) {
	p := ProtoFlags{protos}
	set, err := p.Load(ctx, d)
	if err != nil {
		return nil, err
	}
	compiled, err := plan.Compile(policy.Read(set), d.System.Getenv)
	if err != nil {
		return nil, err
	}
	m, err := compiled.Method(name)
	if err != nil {
		return nil, command.AsUsage(err, "--for-method")
	}
	if m.Bearer == nil {
		return nil, fault.New(fault.UsageError, "--for-method", "%s does not require a bearer token", quote.Shorten(name)).
			WithHint("for what it requires, see jwtctl explain %s", quote.Shell(name))
	}
	needed, examples, err := bearer.Claims(m.Bearer, given)
	if err != nil {
		return nil, err
	}
	return &input.MethodToken{Claims: needed, Examples: examples, Check: func(c *jws.Claims) error {
		if err := verify.CheckBearer(c, m.Bearer); err != nil {
			return fault.New(fault.UsageError, "--for-method", "%s would refuse the token: %w", quote.Shorten(name), err)
		}
		return nil
	}}, nil
}
