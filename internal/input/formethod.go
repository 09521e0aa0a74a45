package input

import (
	"context"

	"github.com/jwtctl/jwtctl/internal/bearer"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// MethodToken is what a method requires of its bearer token.
type MethodToken struct {
	method string
	need   *plan.Bearer
	// Claims are those that a token needs, besides the caller's.
	Claims []strictjson.Member
}

// LoadMethod returns what the method called name requires, of a policy that is loaded as
// for the proxy. given reports which claims the caller sets.
func (p *ProtoFlags) LoadMethod(ctx context.Context, d command.Deps, name string, given func(string) bool) (*MethodToken, error) {
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
		return nil, fault.New(fault.UsageError, "--for-method", "%s requires no bearer token", quote.Shorten(name)).
			WithHint("jwtctl explain %s says what it requires", quote.Shell(name))
	}
	t := &MethodToken{method: name, need: m.Bearer}
	t.Claims, err = bearer.Claims(m.Bearer, given)
	return t, err
}

// Check returns why the method would refuse a token with these claims, which the caller
// may have chosen.
func (t *MethodToken) Check(c *jws.Claims) error {
	if err := verify.Meets(c, t.need); err != nil {
		return fault.New(fault.UsageError, "--for-method", "%s would refuse the token: %w", quote.Shorten(t.method), err)
	}
	return nil
}
