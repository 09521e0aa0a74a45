package verify

import (
	"context"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/plan"
)

// Call is one call of a method while its requests come in. It decides what no
// single message shows: whether there are as many requests as the method takes
// (A37), and whether the tokens still count when a request is delivered (S88).
//
// A transport asks Request about each request message before it delivers it,
// and End when the client has sent all of them. Nothing is delivered that was
// refused, and the request of a method that takes one (plan.Method.OneRequest)
// only after End. After an error the call is over.
//
// A Call is for one goroutine at a time.
type Call struct {
	verifier *Verifier
	method   *plan.Method
	bearer   *jws.Verified
	// requests have come so far; tokens are those of the last one.
	requests int
	tokens   []Token
}

// Call begins a call of m, which its caller keeps. bearer is the token that passed Bearer for m.Bearer,
// nil where m requires none; token_missing is the error for nil where it does.
func (v *Verifier) Call(m *plan.Method, bearer *jws.Verified) (Call, error) {
	if m.Bearer != nil && bearer == nil {
		return Call{}, noBearer()
	}
	return Call{verifier: v, method: m, bearer: bearer}, nil
}

// Request decides about the next request message. m is that message where the
// method validates it, and is then filled in as by Verifier.Message; it is not
// looked at where the method does not.
//
// Errors: request_count for a second request where the method takes one,
// token_expired for a bearer token that has expired since the call began, and
// those of Verifier.Message.
func (c *Call) Request(ctx context.Context, m protoreflect.Message) error {
	c.requests++
	if c.requests > 1 && c.method.OneRequest() {
		return requestCount("more than one request message")
	}
	if err := c.bearerCounts(); err != nil {
		return err
	}
	if c.method.Request == nil {
		return nil
	}
	var err error
	c.tokens, err = c.verifier.Message(ctx, c.method.Request, m, c.bearer)
	return err
}

// End decides about a call whose requests have all come.
//
// Errors: token_missing for a method that validates its requests and got none,
// request_count for any other that takes one and got none, and token_expired
// where a token of the one request that is delivered now has expired since it
// came.
func (c *Call) End() error {
	switch {
	case c.requests == 0 && c.method.Request != nil:
		return fault.New(fault.TokenMissing, "request", "the method validates its request messages, and the call ended without one")
	case !c.method.OneRequest():
		return nil
	case c.requests == 0:
		return requestCount("no request message")
	}
	if err := c.bearerCounts(); err != nil {
		return err
	}
	for _, t := range c.tokens {
		if err := c.verifier.tokens.StillCounts(t.Verified); err != nil {
			return inToken(t.Path, err)
		}
	}
	return nil
}

// bearerCounts returns the error of a bearer token that has expired by now.
func (c *Call) bearerCounts() error {
	if c.bearer == nil || c.method.Bearer == nil {
		return nil
	}
	return inToken(BearerPath, c.verifier.tokens.StillCounts(c.bearer))
}

func requestCount(why string) error {
	return fault.New(fault.RequestCount, "request", "%s, and the method takes exactly one", why)
}
