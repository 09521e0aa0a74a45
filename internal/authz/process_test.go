package authz_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/authz"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

// bureau is an Authority with a clock that tests set.
type bureau struct {
	*policytest.World
	authority *authz.Authority
	now       time.Time
	broken    bool // the clock panics
	seen      *seen
}

func newBureau(tb testing.TB, o authz.Options) *bureau {
	tb.Helper()
	b := &bureau{now: policytest.Now, seen: &seen{}}
	clock := func() time.Time {
		if b.broken {
			panic("no time")
		}
		return b.now
	}
	b.World = policytest.New(tb, policytest.CallSource, policytest.Setup{Verify: verify.Options{Now: clock}})
	o.Log, o.Now, o.Observer = slog.New(slog.DiscardHandler), clock, b.seen
	var err error
	if b.authority, err = authz.New(enforce.Policy{Plan: b.Plan, Verifier: b.Verifier, Signer: b.Signer}, o); err != nil {
		tb.Fatal(err)
	}
	return b
}

func (b *bureau) signed() string {
	return `{"user":"bob","tok":"` + b.Token(policytest.SignedClaims) + `"}`
}

// call makes a complete call in mode m, as both a client and a responding server.
func (b *bureau) call(tb testing.TB, m mode, c policytest.CallCase) *plane {
	tb.Helper()
	p := newPlane(tb, b.authority, m)
	p.request("/t.S/"+c.Method, false, c.Metadata...)
	method := b.Set.Method("t.S/" + c.Method)
	if method == nil {
		method = b.Set.Method("t.S/Open")
	}
	var list [][]byte
	for _, json := range c.Requests {
		list = append(list, wireOf(tb, b.World, string(method.Input().FullName()), json))
	}
	p.messages(4, true, list...)
	if p.refusal != nil {
		return p
	}
	answer := "{}"
	if method.Output().Name() == "Signed" {
		answer = `{"user":"bob"}`
	}
	p.headers(3, false, ":status", "200", "content-type", "application/grpc")
	p.messages(5, false, wireOf(tb, b.World, string(method.Output().FullName()), answer))
	p.trailers(7, "grpc-status", "0")
	return p
}

// TestProcessCallCases: calls get the same verdicts as everywhere else, in every body
// mode. A12, A30-A37, A41, A42, A50, A60, S59, S60, S61, S63, S77.
func TestProcessCallCases(t *testing.T) {
	t.Parallel()
	for name, m := range modes {
		b := newBureau(t, authz.Options{})
		for _, c := range b.CallCases() {
			p := b.call(t, m, c)
			if got := p.refusal; got == nil != (c.Status == 0) || got != nil && (got.Status != c.Status || got.Text != c.Text || got.Fault.Code != c.Code) {
				t.Errorf("%s: %s, %s: %+v", name, c.Method, c.Name, got)
			}
			delivered := len(p.up.delivered())
			if c.Status != 0 {
				if delivered > c.Passed || c.Passed == 0 && p.up.arrived || p.down.arrived {
					t.Errorf("%s: %s, %s: %d requests arrived", name, c.Method, c.Name, delivered)
				}
				continue
			}
			if delivered != c.Passed || !p.up.ended && m.request != buffered && m.request != streamed || len(p.down.delivered()) != 1 || !p.down.trailers {
				t.Errorf("%s: %s, %s: %d requests and %d answers arrived, want %d, 1",
					name, c.Method, c.Name, delivered, len(p.down.delivered()), c.Passed)
			}
			if strings.HasPrefix(c.Method, "Sign") {
				if _, err := b.Verify("Signed", b.JSON(readAs(t, b.World, "t.Signed", p.down.delivered()[0])), nil); err != nil {
					t.Errorf("%s: %s: the response: %v", name, c.Method, err)
				}
			}
			if strings.HasPrefix(c.Method, "Check") && c.Method != "CheckMine" {
				if got := b.JSON(readAs(t, b.World, "t.Signed", p.up.delivered()[0])); !strings.Contains(got, `"n":"7"`) || !strings.Contains(got, `"team":"x"`) {
					t.Errorf("%s: %s, %s: not filled in: %s", name, c.Method, c.Name, got)
				}
			}
		}
	}
}

// TestProcessNoMessage: a call to a method that validates MESSAGE is refused if it ends
// without a message by its headers, an empty body, or trailers; nothing is delivered or
// signed. A37, S77.
func TestProcessNoMessage(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	bearer := []string{"authorization", "Bearer " + b.Token(policytest.GoodClaims)}
	for name, m := range modes {
		for _, method := range []string{"Check", "CheckClient", "CheckServer", "CheckBidi", "CheckMine"} {
			for how, end := range map[string]func(p *plane){
				"headers":  func(p *plane) { p.request("/t.S/"+method, true, bearer...) },
				"body":     func(p *plane) { p.request("/t.S/"+method, false, bearer...); p.messages(4, true) },
				"trailers": func(p *plane) { p.request("/t.S/"+method, false, bearer...); p.trailers(6, "x", "y") },
			} {
				p := newPlane(t, b.authority, m)
				if end(p); p.refusal == nil || p.refusal.Fault.Code != fault.TokenMissing || p.up.arrived {
					t.Errorf("%s: %s ended by its %s: %+v", name, method, how, p.refusal)
				}
			}
		}
	}
}

// TestProcessOrder: if parts are out of order, nothing of a call that needs a message
// passes, and nothing is signed. S59, S77.
func TestProcessOrder(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	good := wireOf(t, b.World, "t.Signed", b.signed())
	signed := wireOf(t, b.World, "t.Signed", `{"user":"bob"}`)
	ok := []string{":status", "200", "content-type", "application/grpc"}
	for name, m := range modes {
		for how, send := range map[string]func(p *plane){
			"body first":                              func(p *plane) { p.body(4, true, frames(good)) },
			"trailers first":                          func(p *plane) { p.trailers(6) },
			"response headers first":                  func(p *plane) { p.headers(3, false, ok...) },
			"response body first":                     func(p *plane) { p.body(5, true, frames(signed)) },
			"response trailers first":                 func(p *plane) { p.trailers(7) },
			"headers twice":                           func(p *plane) { p.request("/t.S/Check", false); p.request("/t.S/Open", false) },
			"body after the end":                      func(p *plane) { p.request("/t.S/Sign", false); p.messages(4, true, nil); p.messages(4, true, nil) },
			"body after headers that end the request": func(p *plane) { p.request("/t.S/WhoClient", true); p.body(4, true, nil) },
			"trailers twice":                          func(p *plane) { p.request("/t.S/OpenClient", false); p.trailers(6); p.trailers(6) },
			"body after trailers":                     func(p *plane) { p.request("/t.S/OpenClient", false); p.trailers(6); p.messages(4, true, nil) },
			"response before the request": func(p *plane) {
				p.request("/t.S/Sign", false)
				p.headers(3, false, ok...)
				p.messages(5, false, signed)
			},
			"response without headers": func(p *plane) { p.request("/t.S/Sign", false); p.messages(4, true, nil); p.messages(5, true, signed) },
			"response headers twice": func(p *plane) {
				p.request("/t.S/OpenBidi", false)
				p.headers(3, false, ok...)
				p.headers(3, false, ok...)
			},
			"response after trailers": func(p *plane) {
				p.request("/t.S/OpenBidi", false)
				p.headers(3, false, ok...)
				p.trailers(7)
				p.body(5, true, frames(signed))
			},
		} {
			p := newPlane(t, b.authority, m)
			if send(p); p.refusal == nil || len(p.down.body) > 0 {
				t.Errorf("%s, %s: got %+v", name, how, p.refusal)
			}
		}
	}
	// A data plane that buffers and does not send trailers forwards a request without a
	// body without asking: its response is refused.
	p := newPlane(t, b.authority, modes["buffered"])
	p.request("/t.S/CheckClient", false)
	if p.headers(3, false, ok...); p.refusal == nil {
		t.Error("the response to a refused request passed")
	}
}

// TestProcessForeignErrors: a response to a request that was not sent here is accepted if
// it is an error of an earlier filter, but not if it looks like a server's response.
func TestProcessForeignErrors(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	for name, m := range modes {
		for how, row := range map[string]struct {
			headers []string
			end     bool
			passes  bool
		}{
			"gRPC":                {[]string{":status", "200", "grpc-status", "16"}, true, true},
			"HTTP":                {[]string{":status", "401"}, false, true},
			"success":             {[]string{":status", "200", "grpc-status", "0"}, true, false},
			"successful response": {[]string{":status", "200", "grpc-status", "16"}, false, false},
			"no status":           {nil, true, false},
			"two HTTP statuses":   {[]string{":status", "401", ":status", "200"}, false, false},
		} {
			p := newPlane(t, b.authority, m)
			p.headers(3, row.end, row.headers...)
			if !row.end {
				p.body(5, true, []byte("no"))
			}
			if p.refusal == nil != row.passes {
				t.Errorf("%s, %s: got %+v", name, how, p.refusal)
			}
			if p.ask(4, sub(1, []byte("x"))); p.refusal == nil {
				t.Errorf("%s, %s: a later request passed", name, how)
			}
		}
	}
}

// TestProcessModes: what must be checked but is not sent, or is sent only after the server
// has heard of the call, is refused; anything else passes.
func TestProcessModes(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		mode        mode
		check, sign bool
	}{
		"none":                {mode{}, false, false},
		"partial":             {mode{partial, partial, false}, false, false},
		"streamed, not eager": {mode{streamed, streamed, false}, false, true},
		"streamed":            {mode{streamed, streamed, true}, true, true},
		"only requests":       {mode{duplex, none, false}, true, false},
		"only responses":      {mode{none, duplex, false}, false, true},
		"buffered responses":  {mode{duplex, buffered, false}, true, true},
		"unknown":             {mode{6, 6, false}, false, false},
	}
	for _, bearerOnly := range []bool{false, true} {
		b := newBureau(t, authz.Options{BearerOnly: bearerOnly})
		for name, row := range rows {
			for method, passes := range map[string]bool{"Check": row.check, "Sign": row.sign, "Open": true} {
				c := policytest.CallCase{Method: method, Requests: []string{"{}"}}
				if method == "Check" {
					c.Requests = []string{b.signed()}
				}
				unsent := method == "Check" && row.mode.request == none || method == "Sign" && row.mode.response == none
				p := b.call(t, row.mode, c)
				if passed := p.refusal == nil; passed != (passes || bearerOnly && unsent) || !passed && p.up.arrived {
					t.Errorf("%s, %s, bearer only %v: %+v", name, method, bearerOnly, p.refusal)
				}
				if p.refusal != nil && (p.refusal.Status != fault.GRPCFailedPrecond || p.refusal.Text != "Call cannot be forwarded") {
					t.Errorf("%s, %s: got %+v", name, method, p.refusal)
				}
			}
		}
	}
}

// TestProcessPanic: a panic during the check of a part refuses the call. S74.
func TestProcessPanic(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	step, end := b.authority.Exchange(t.Context())
	defer end(nil)
	question := sub(2, sub(1, headerMap([]string{":path", "/t.S/Who", "authorization", "Bearer " + b.Token(policytest.GoodClaims)})))
	b.broken = true
	answers, refusal := step(question)
	if b.broken = false; len(answers) > 0 || refusal == nil || refusal.Stack == nil || refusal.Status != fault.GRPCInternal {
		t.Errorf("got %x, %+v", answers, refusal)
	}
}

// TestProcessObservability: nothing passes if responses are ignored.
func TestProcessObservability(t *testing.T) {
	t.Parallel()
	b := newBureau(t, authz.Options{})
	step, end := b.authority.Exchange(t.Context())
	question := slices.Concat(sub(2, sub(1, headerMap([]string{":path", "/t.S/Open"}))), number(10, 1))
	_, refusal := step(question)
	if refusal == nil || refusal.Fault.Code != fault.PolicyInvalid {
		t.Errorf("got %+v", refusal)
	}
	end(refusal)
}
