package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS77_NoMessageNoCall: a call of a method that validates messages, which ends without
// one, is refused before it reaches the server, however it ends (A37).
func TestS77_NoMessageNoCall(t *testing.T) {
	t.Parallel()
	r := start(t, setup{source: policytest.GuardedSource()})
	token := "Bearer " + r.Token(goodClaims)
	endings := map[string]func(c *rawConn, id uint32, path string){
		"headers with END_STREAM": func(c *rawConn, id uint32, path string) { c.begin(id, path, true, "authorization", token) },
		"empty frame with END_STREAM": func(c *rawConn, id uint32, path string) {
			c.begin(id, path, false, "authorization", token)
			_ = c.WriteData(id, true, nil)
		},
		"two empty frames": func(c *rawConn, id uint32, path string) {
			c.begin(id, path, false, "authorization", token)
			_ = c.WriteData(id, false, nil)
			_ = c.WriteData(id, true, nil)
		},
	}
	methods := r.Set.Services()[0].Methods()
	if methods.Len() != 4*3*2 {
		t.Fatalf("%d methods, want %d", methods.Len(), 4*3*2)
	}
	for name, end := range endings {
		raw := r.raw()
		paths := map[uint32]string{}
		for i := range methods.Len() {
			id := uint32(2*i + 1)
			paths[id] = "/t.S/" + string(methods.Get(i).Name())
			end(raw, id, paths[id])
		}
		ended := raw.answers(methods.Len())
		for id, path := range paths {
			if got := ended[id]; got != (answer{fmt.Sprint(int(codes.Unauthenticated)), "Message token is missing"}) {
				t.Errorf("%s, %s: got %+v", path, name, got)
			}
		}
	}
	raw := r.raw()
	for i := range methods.Len() { // only headers
		raw.begin(uint32(2*i+1), "/t.S/"+string(methods.Get(i).Name()), false, "authorization", token)
	}
	for i := range methods.Len() {
		_ = raw.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel)
	}
	for i := range methods.Len() { // a client that ends its half of the stream
		name := string(methods.Get(i).Name())
		if got := r.call(bearing(strings.TrimPrefix(token, "Bearer ")), r.conn, name); status.Code(got.err) != codes.Unauthenticated || len(got.messages) != 0 {
			t.Errorf("%s: got %+v, want %v", name, got, codes.Unauthenticated)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
	defer cancel()
	if err := r.proxy.Shutdown(ctx); err != nil { // so that all have been decided
		t.Error(err)
	}
	r.noCalls()
	if text := r.logged.String(); strings.Count(text, `"code":"token_missing"`) != 4*methods.Len() {
		t.Errorf("got %d refusals logged as token_missing, want %d", strings.Count(text, `"code":"token_missing"`), 4*methods.Len())
	}
}

// TestS88_TheFirstMessageMayNotComeLate: a bearer token is accepted until its exp
// whenever a message arrives, even the first, whichever part of it is late.
func TestS88_TheFirstMessageMayNotComeLate(t *testing.T) {
	t.Parallel()
	text, err := proto.Marshal(policyMessage(t))
	if err != nil {
		t.Fatal(err)
	}
	frame := wire(text)
	type send struct {
		data []byte
		end  bool
	}
	late := map[string]struct {
		before []send // before the expiry
		after  []send
	}{
		"whole message":                         {nil, []send{{frame, true}}},
		"only the end of the stream":            {[]send{{frame[:len(frame)-1], false}}, []send{{frame[len(frame)-1:], true}}},
		"all except one byte":                   {[]send{{frame[:1], false}}, []send{{frame[1:], true}}},
		"message without the end of the stream": {nil, []send{{frame, false}, {nil, true}}},
	}
	for _, kind := range []string{"Who", "WhoClient", "WhoServer", "WhoBidi"} {
		for name, c := range late {
			for _, wait := range []time.Duration{time.Hour - 1, time.Hour} { // the last valid moment, and the first one after
				r := start(t, setup{})
				raw := r.raw()
				raw.headers(1, "/t.S/"+kind, "authorization", "Bearer "+r.Token(goodClaims))
				for _, s := range c.before {
					_ = raw.WriteData(1, s.end, s.data)
				}
				r.waitAsked(1)
				r.advance(wait)
				for _, s := range c.after {
					_ = raw.WriteData(1, s.end, s.data)
				}
				got, received := raw.answers(1)[1], r.upstream.received()
				if wait < time.Hour {
					if got.status != "0" || len(received) != 1 {
						t.Errorf("%s, %s late, in time: %+v, the upstream got %v", kind, name, got, received)
					}
					continue
				}
				if got != (answer{"16", "Bearer token is not valid"}) || len(received) != 0 {
					t.Errorf("%s, %s late: %+v, the upstream got %v", kind, name, got, received)
				}
				if line := r.waitLog(0, "call refused"); !strings.Contains(line, `"code":"token_expired"`) || !strings.Contains(line, `"kid":"test"`) {
					t.Errorf("%s, %s late: logged %s", kind, name, line)
				}
				if n := r.upstream.calls.Load(); n != 0 && (kind == "Who" || kind == "WhoServer") {
					t.Errorf("%s, %s late: %d calls reached the upstream", kind, name, n)
				}
			}
		}
	}
}

func policyMessage(t *testing.T) proto.Message {
	t.Helper()
	r := start(t, setup{})
	m, err := r.Codec.Read([]byte(`{"text":"x"}`), r.Set.Services()[0].Methods().ByName("Open").Input())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestS88_TheOnlyRequestIsDeliveredInTime: the only request of a method is delivered when
// its stream has ended, and its tokens must be valid then.
func TestS88_TheOnlyRequestIsDeliveredInTime(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, bearer, message string
		asked                   int64 // the time until the message is accepted
		text                    string
	}{
		"bearer token":                 {"Who", goodClaims, `{"text":"x"}`, 2, "Bearer token is not valid"},
		"bearer token, server stream":  {"WhoServer", goodClaims, `{"text":"x"}`, 2, "Bearer token is not valid"},
		"message token":                {"Check", "", `{"tok":"$"}`, 1, "Message token is not valid"},
		"message token, server stream": {"CheckServer", "", `{"tok":"$"}`, 1, "Message token is not valid"},
	}
	for name, c := range tests {
		for _, wait := range []time.Duration{time.Hour - 1, time.Hour} {
			r := start(t, setup{})
			claims := `{"iss":"maker","role":"r","exp":1769864400}`
			m, err := r.Codec.Read([]byte(strings.ReplaceAll(c.message, "$", r.Token(claims))), r.Set.Services()[0].Methods().ByName(protoreflect.Name(c.method)).Input())
			if err != nil {
				t.Fatal(err)
			}
			data, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			raw := r.raw()
			var more []string
			if c.bearer != "" {
				more = []string{"authorization", "Bearer " + r.Token(c.bearer)}
			}
			raw.headers(1, "/t.S/"+c.method, more...)
			_ = raw.WriteData(1, false, wire(data))
			r.waitAsked(c.asked)
			r.advance(wait)
			_ = raw.WriteData(1, true, nil)
			got, calls := raw.answers(1)[1], r.upstream.calls.Load()
			if wait < time.Hour && (got.status != "0" || calls != 1) || wait == time.Hour && (got != (answer{"16", c.text}) || calls != 0) {
				t.Errorf("%s, after %s: got %+v, %d calls at the upstream", name, wait, got, calls)
			}
		}
	}
}
