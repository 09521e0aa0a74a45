package grpctest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// Target is a server under a policy, whatever implements it, as a client of HTTP/2 sees
// it: the calls of a peer may have any shape.
type Target struct {
	*policytest.World
	URL    string
	Client *http.Client
	// State returns how many calls and requests the handlers have had, and the last request
	// as JSON.
	State func() (calls, got int, last string)
	// Stop returns when all calls have ended.
	Stop func()
	// Counts says that the server itself refuses a call of the wrong number of requests, in
	// its own words, where the method takes one; and that a unary call begins with its message.
	Counts bool
	// Undecoded is the code for bytes that the server cannot decode.
	Undecoded codes.Code
}

// Start starts a Target.
type Start func(*testing.T, Setup) *Target

// GRPC starts a server of grpc-go; unknown is as for Serve.
func GRPC(unknown bool) Start {
	return func(t *testing.T, setup Setup) *Target {
		s := serve(t, unknown, setup)
		return &Target{
			World: s.World, URL: s.url, Client: H2C(), Stop: s.stop, Counts: !unknown, Undecoded: codes.Internal,
			State: func() (calls, got int, last string) {
				calls, got, _ = s.State()
				_, last = s.Last()
				return calls, got, last
			},
		}
	}
}

// H2C returns a client of HTTP/2 without TLS.
func H2C() *http.Client {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: protocols}}
}

// Outcome is what a call ended with.
type Outcome struct {
	Code codes.Code
	Text string
	// Body is how many bytes came before.
	Body int
}

func (a Outcome) String() string { return fmt.Sprintf("%v %q, %d bytes", a.Code, a.Text, a.Body) }

// Post makes a call of gRPC with body, which Frame has framed; nil ends the call with its headers.
func (s *Target) Post(ctx context.Context, method, token string, body io.Reader) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/t.S/"+method, body)
	if err != nil {
		return Outcome{}, err
	}
	r.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.Client.Do(r)
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return Outcome{}, err
	}
	from := response.Trailer
	if from.Get("Grpc-Status") == "" {
		from = response.Header
	}
	code, err := strconv.ParseUint(from.Get("Grpc-Status"), 10, 32)
	if err != nil {
		return Outcome{}, fmt.Errorf("no grpc-status: %d, %v", response.StatusCode, response.Header)
	}
	text, err := url.PathUnescape(from.Get("Grpc-Message"))
	return Outcome{codes.Code(code), text, len(data)}, err
}

// Frame returns message as gRPC frames it.
func Frame(message []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(b, message...)
}

// Send makes a call with one message.
func (s *Target) Send(t *testing.T, method, token string, message []byte) Outcome {
	t.Helper()
	a, err := s.Post(t.Context(), method, token, bytes.NewReader(Frame(message)))
	if err != nil {
		t.Fatal(method, err)
	}
	return a
}

// idle fails the test if a handler was called.
func (s *Target) idle(t *testing.T) {
	t.Helper()
	if calls, got, _ := s.State(); calls != 0 || got != 0 {
		t.Errorf("%d calls with %d requests reached the handlers", calls, got)
	}
}

// clock is one that tests move.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time { return policytest.Now.Add(time.Duration(c.passed.Load())) }

// begun is an Observer that reports the calls that have begun.
type begun chan string

// Begin implements jwtpolicy.Observer, as do the methods below.
func (b begun) Begin(method string)                  { b <- method }
func (b begun) End(string, *jwtpolicy.Error)         {}
func (b begun) WouldRefuse(string, *jwtpolicy.Error) {}
func (b begun) Weakened(jwtpolicy.Change)            {}

// wireOf returns m in wire form.
func wireOf(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
