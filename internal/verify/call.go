package verify

import (
	"context"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// Call checks what single messages cannot show about a call: whether it has as many
// requests as the method takes (A37), and whether its tokens are still valid when a
// request is delivered (S88).
//
// A transport calls Request for each request message before it delivers it, and End when
// the client has sent all of them. It never delivers a refused message, and delivers the
// request of a method that takes one (plan.Method.OneRequest) only after End. An error
// ends the call.
//
// A Call is not safe for concurrent use.
type Call struct {
	verifier *Verifier
	method   *plan.Method
	bearer   *jws.Verified
	// requests counts the requests so far; tokens are those of the last one.
	requests int
	tokens   []Token
}

// Call begins a call of m. bearer is the token that Bearer accepted for m.Bearer, or nil
// if m requires none. If m requires one and bearer is nil, the error is token_missing.
func (v *Verifier) Call(m *plan.Method, bearer *jws.Verified) (Call, error) {
	if m.Bearer != nil && bearer == nil {
		return Call{}, noBearer()
	}
	return Call{verifier: v, method: m, bearer: bearer}, nil
}

// Request checks the next request message. If the method validates m, it is then filled
// in as by Verifier.Message; otherwise m is ignored.
//
// Errors are request_count for a second request if the method takes one, token_expired
// for a bearer token that has expired since the call began, and those of
// Verifier.Message.
func (c *Call) Request(ctx context.Context, m protoreflect.Message) error {
	c.requests++
	if c.requests > 1 && c.method.OneRequest() {
		return requestCount("more than one request message")
	}
	if err := c.checkBearerTime(); err != nil {
		return err
	}
	if c.method.Request == nil {
		return nil
	}
	var err error
	c.tokens, err = c.verifier.Message(ctx, c.method.Request, m, c.bearer)
	return err
}

// End checks a call after its last request.
//
// Errors are token_missing for a method that validates its requests and got none,
// request_count for any other method that takes one and got none, and token_expired if a
// token of the only request has expired since the request arrived.
func (c *Call) End() error {
	switch {
	case c.requests == 0 && c.method.Request != nil:
		return fault.New(fault.TokenMissing, "request", "the method validates its request messages, but the call ended without one")
	case !c.method.OneRequest():
		return nil
	case c.requests == 0:
		return requestCount("no request message")
	}
	if err := c.checkBearerTime(); err != nil {
		return err
	}
	for _, t := range c.tokens {
		if err := c.verifier.tokens.CheckTime(t.Verified); err != nil {
			return inToken(t.Path, err)
		}
	}
	return nil
}

// checkBearerTime returns an error if the bearer token has expired.
func (c *Call) checkBearerTime() error {
	if c.bearer == nil || c.method.Bearer == nil {
		return nil
	}
	return inToken(BearerPath, c.verifier.tokens.CheckTime(c.bearer))
}

func requestCount(reason string) error {
	return fault.New(fault.RequestCount, "request", "%s, but the method takes exactly one", reason)
}
