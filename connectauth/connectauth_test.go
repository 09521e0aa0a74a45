package connectauth_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/connectauth"
	"github.com/jwtctl/jwtctl/internal/grpctest"
	"github.com/jwtctl/jwtctl/internal/message"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// service is a Connect server with all methods of a World.
type service struct {
	*policytest.World
	url    string
	client *http.Client
	stop   func()

	mu    sync.Mutex
	calls int
	got   int
	last  string
	md    map[string][]string
	sub   string
}

func serve(t *testing.T, setup grpctest.Setup) *service {
	t.Helper()
	setup.Options.Log = slog.New(slog.DiscardHandler)
	s := &service{}
	var policy *jwtpolicy.Policy
	s.World, policy = setup.Load(t)
	server := connect.NewServer(connectauth.ServerInterceptor(policy))
	methods := s.Set.Services()[0].Methods()
	for i := range methods.Len() {
		server.Register(connect.Method{Spec: spec(methods.Get(i)), Handler: s.handle})
	}
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	h := httptest.NewUnstartedServer(mux)
	h.EnableHTTP2 = true
	h.StartTLS()
	t.Cleanup(h.Close)
	s.url, s.client, s.stop = h.URL, h.Client(), h.Close
	return s
}

func spec(m protoreflect.MethodDescriptor) connect.Spec {
	kind := connect.StreamTypeUnary
	if m.IsStreamingClient() {
		kind |= connect.StreamTypeClient
	}
	if m.IsStreamingServer() {
		kind |= connect.StreamTypeServer
	}
	return connect.Spec{Procedure: "/" + string(m.Parent().FullName()) + "/" + string(m.Name()), StreamType: kind, Schema: m}
}

func (s *service) handle(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
	m := spec.Schema.(protoreflect.MethodDescriptor)
	info, _ := connect.CallInfoForServerContext(ctx)
	claims, _ := jwtpolicy.FromContext(ctx)
	s.mu.Lock()
	s.calls++
	s.md, s.sub = map[string][]string{}, claims.Subject()
	for key, values := range info.RequestHeader().All() {
		s.md[strings.ToLower(key)] = values
	}
	s.mu.Unlock()
	answer := dynamicpb.NewMessage(m.Output())
	if f := answer.Descriptor().Fields().ByName("user"); f != nil {
		answer.Set(f, protoreflect.ValueOfString("bob"))
	}
	for one := false; ; one = true {
		in := grpctest.New(m.Input())
		err := stream.Receive(in)
		if errors.Is(err, io.EOF) || !m.IsStreamingClient() && one {
			break
		}
		if err != nil {
			return err
		}
		text, err := s.Codec.Write(in.ProtoReflect(), message.Form{ProtoNames: true})
		if err != nil { // nested too deeply to be printed
			text = []byte(err.Error())
		}
		s.mu.Lock()
		s.got++
		s.last = strings.TrimSpace(string(text))
		s.mu.Unlock()
		if m.IsStreamingServer() {
			if err := stream.Send(answer); err != nil {
				return err
			}
		}
	}
	if m.IsStreamingServer() {
		return nil
	}
	return stream.Send(answer)
}

// call makes a call over transport and returns the responses as JSON.
func (s *service) call(transport connect.Transport, name string, metadata []string, requests ...string) (answers []string, err error) {
	s.TB.Helper()
	ctx, cancel := context.WithTimeout(s.TB.Context(), time.Minute)
	defer cancel()
	m := s.Set.Method("t.S/" + name)
	method := spec(s.Set.Method("t.S/Open"))
	if m == nil {
		m = s.Set.Method("t.S/Open")
		method.Procedure = "/t.S/" + name
	} else {
		method = spec(m)
	}
	ctx, info := connect.NewClientContext(ctx)
	for i := 0; i < len(metadata); i += 2 {
		info.RequestHeader().Add(metadata[i], metadata[i+1])
	}
	stream, err := connect.NewClient(transport).CallClientStream(ctx, method)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for _, text := range requests {
		in, err := s.Codec.Read([]byte(text), m.Input())
		if err != nil {
			s.TB.Fatal(err)
		}
		if stream.Send(in) != nil {
			break
		}
	}
	_ = stream.CloseSend()
	for {
		out := dynamicpb.NewMessage(m.Output())
		if err := stream.Receive(out); errors.Is(err, io.EOF) {
			return answers, nil
		} else if err != nil {
			return answers, err
		}
		answers = append(answers, s.JSON(out))
	}
}

// protocols returns a transport for each of the three protocols that a handler speaks.
func (s *service) protocols() map[string]connect.Transport {
	return map[string]connect.Transport{
		"connect":  connecthttp.NewTransport(s.client, s.url),
		"gRPC":     connecthttp.NewTransport(s.client, s.url, connecthttp.WithGRPC()),
		"gRPC-Web": connecthttp.NewTransport(s.client, s.url, connecthttp.WithGRPCWeb()),
	}
}

// TestCallCases: every call gets the same verdict, code and message as in the proxy, over
// each protocol. A12, A30-A37, A41, A42, A50, S59, S60, S61, S63, S77.
func TestCallCases(t *testing.T) {
	s := serve(t, grpctest.Setup{Source: policytest.CallSource})
	for protocol, transport := range s.protocols() {
		for _, c := range s.CallCases() {
			name := protocol + ": " + c.Method + ", " + c.Name
			calls, got := s.calls, s.got
			_, err := s.call(transport, c.Method, c.Metadata, c.Requests...)
			code, text := connect.Code(0), ""
			if e, ok := errors.AsType[*connect.Error](err); ok {
				code, text = e.Code(), e.Message()
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			own := s.Set.Method("t.S/"+c.Method) == nil // refused by Connect itself
			if code != connect.Code(c.Status) || text != c.Text && !own {
				t.Errorf("%s: %v %q, want %v %q", name, code, text, connect.Code(c.Status), c.Text)
			}
			s.mu.Lock()
			if passed := s.got - got; passed > c.Passed || c.Status == 0 && passed != c.Passed || c.Passed == 0 && s.calls != calls {
				t.Errorf("%s: got %d requests in %d calls at the service", name, passed, s.calls-calls)
			}
			s.mu.Unlock()
		}
	}
}

// TestS62_HandlersGetNoClaimsOfClients: handlers get the claims of the token and none of
// those that a client sends.
func TestS62_HandlersGetNoClaimsOfClients(t *testing.T) {
	s := serve(t, grpctest.Setup{Source: policytest.CallSource})
	metadata := []string{"authorization", "Bearer " + s.Token(policytest.GoodClaims), "_kalix-jwt-claim-sub", "mallory", "_Kalix-Jwt-Claim-None", "x", "_kalix_jwt_claim_sub", "mallory", "x-other", "1"}
	for protocol, transport := range s.protocols() {
		for _, method := range []string{"Who", "WhoBidi", "Open"} {
			if _, err := s.call(transport, method, metadata, `{}`); err != nil {
				t.Fatal(protocol, method, err)
			}
			want := map[string]string{"x-other": "1", "authorization": metadata[1]}
			sub := ""
			if method != "Open" {
				want = map[string]string{"x-other": "1", "_kalix-jwt-claim-sub": "alice", "_kalix-jwt-claim-role": "admin", "_kalix-jwt-claim-iss": "me", "_kalix-jwt-claim-exp": "1769864400"}
				sub = "alice"
			}
			s.mu.Lock()
			for key, values := range s.md {
				if jwtpolicy.IsClaimKey(key) || key == "authorization" || key == "x-other" {
					if strings.Join(values, " ") != want[key] {
						t.Errorf("%s, %s: %s: %q", protocol, method, key, values)
					}
					delete(want, key)
				}
			}
			if len(want) > 0 || s.sub != sub {
				t.Errorf("%s, %s: lacks %v; sub %q, want %q", protocol, method, want, s.sub, sub)
			}
			s.mu.Unlock()
		}
	}
}

// TestA60_ResponsesAreSignedOnTheWire: every response verifies.
func TestA60_ResponsesAreSignedOnTheWire(t *testing.T) {
	s := serve(t, grpctest.Setup{Source: policytest.CallSource})
	for protocol, transport := range s.protocols() {
		for _, method := range []string{"Sign", "SignServer"} {
			answers, err := s.call(transport, method, nil, `{}`)
			if err != nil || len(answers) != 1 {
				t.Fatal(protocol, method, err)
			}
			if _, err := s.Verify("Signed", answers[0], nil); err != nil {
				t.Errorf("%s, %s: %s: %v", protocol, method, answers[0], err)
			}
		}
	}
}
