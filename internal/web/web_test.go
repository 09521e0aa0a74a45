package web_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/web"
)

const source = `syntax = "proto3"; package t;
import "kalix/annotations.proto"; import "google/api/annotations.proto";
message Item { string id = 1; string name = 2; }
message Signed {
  string id = 1 [(kalix.field).jwt = {claim: INCLUDE}];
  string tok = 2 [(kalix.field).jwt = {token: true, issuer: "maker"}];
}
service S {
  rpc Open(Item) returns (Item) { option (google.api.http) = {get: "/v1/open/{id}"}; }
  rpc Put(Item) returns (Item) { option (google.api.http) = {put: "/v1/items/{id}" body: "*"}; }
  rpc Who(Item) returns (Item) {
    option (kalix.method).jwt = {validate: BEARER_TOKEN, bearer_token_issuer: "me", static_claim: {claim: "role", value: "admin"}};
    option (google.api.http) = {post: "/v1/who" body: "*"};
  }
  rpc WhoServer(Item) returns (stream Item) { option (kalix.method).jwt = {validate: BEARER_TOKEN, bearer_token_issuer: "me"}; }
  rpc Collect(stream Item) returns (Item);
  rpc Check(Signed) returns (Item) {
    option (kalix.method).jwt = {validate: MESSAGE};
    option (google.api.http) = {post: "/v1/check/{id}" body: "*"};
  }
  rpc Count(stream Item) returns (Item);
  rpc Sign(Item) returns (Signed) { option (kalix.method).jwt = {sign: MESSAGE}; option (google.api.http) = {get: "/v1/sign/{id}"}; }
}
`

const goodClaims = `{"iss":"me","sub":"alice","role":"admin","exp":1769864400}`

// rig is an upstream that echoes requests, a proxy, and a Server in front.
type rig struct {
	*policytest.World
	t   *testing.T
	url string
	log *testkit.Buffer

	mu    sync.Mutex
	calls int
	md    metadata.MD
	// open are the current calls of Collect, whole those whose last message was followed
	// by the end of the stream.
	open, whole int
}

func start(t *testing.T, origins ...string) *rig {
	t.Helper()
	r := &rig{t: t, World: policytest.New(t, source, policytest.Setup{}), log: &testkit.Buffer{}}
	upstream := grpc.NewServer(grpc.UnknownServiceHandler(r.echo))
	l := testkit.Listen(t)
	go func() { _ = upstream.Serve(l) }()
	t.Cleanup(upstream.Stop)
	up, err := proxy.Dial(l.Addr().String(), nil, proxy.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = up.Close() })
	log := slog.New(slog.NewTextHandler(r.log, nil))
	p, err := proxy.New(proxy.Policy{Plan: r.Plan, Verifier: r.Verifier, Signer: r.Signer}, proxy.Options{
		Upstream: up, Log: log, Now: func() time.Time { return policytest.Now },
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(r.Set.Services(), web.Options{
		Dial: p.DialInMemory(), Origins: origins, Log: log,
		MessageBytes: proxy.MaxMessageBytes, MetadataBytes: proxy.MaxMetadataBytes, Streams: proxy.MaxStreams,
	})
	if err != nil {
		t.Fatal(err)
	}
	front := testkit.Listen(t)
	r.url = "http://" + front.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(front) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := p.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

// echo responds with the request, field by number.
func (r *rig) echo(_ any, ss grpc.ServerStream) error {
	r.mu.Lock()
	r.calls++
	r.md, _ = metadata.FromIncomingContext(ss.Context())
	r.mu.Unlock()
	item := r.Set.Message("t.Item")
	in := dynamicpb.NewMessage(item)
	if method, _ := grpc.MethodFromServerStream(ss); method == "/t.S/Count" {
		return respondCount(ss, in)
	}
	err := ss.RecvMsg(in)
	if method, _ := grpc.MethodFromServerStream(ss); method == "/t.S/Collect" {
		r.count(1, 0)
		for err == nil {
			err = ss.RecvMsg(dynamicpb.NewMessage(item))
		}
		if err == io.EOF {
			err = nil
			r.count(-1, 1)
		} else {
			r.count(-1, 0)
		}
	}
	if err != nil {
		return err
	}
	return ss.SendMsg(in)
}

// respondCount reads all requests, and responds with their number.
func respondCount(ss grpc.ServerStream, in *dynamicpb.Message) error {
	for n := 0; ; n++ {
		switch err := ss.RecvMsg(in); {
		case err == io.EOF:
			in.Set(in.Descriptor().Fields().ByName("name"), protoreflect.ValueOfString(strconv.Itoa(n)))
			return ss.SendMsg(in)
		case err != nil:
			return err
		}
	}
}

func (r *rig) seen() (int, metadata.MD) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls, r.md
}

func (r *rig) count(open, whole int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open, r.whole = r.open+open, r.whole+whole
}

// ended returns how many calls of Collect are open, and how many ended whole.
func (r *rig) ended() (open, whole int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open, r.whole
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request with headers "Name: value".
func (r *rig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header[name] = append(request.Header[name], value) // with its exact spelling
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// grpcWeb sends a message as gRPC-Web and returns the trailers of the response.
func (r *rig) grpcWeb(path string, message []byte, headers ...string) (answer, map[string]string) {
	r.t.Helper()
	frame := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	a := r.do(http.MethodPost, path, string(frame), append(headers, "Content-Type: application/grpc-web+proto")...)
	trailers := map[string]string{}
	for rest := []byte(a.body); len(rest) >= 5; {
		n := 5 + int(binary.BigEndian.Uint32(rest[1:5]))
		if rest[0]&0x80 != 0 {
			for line := range strings.Lines(string(rest[5:n])) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
				trailers[name] = strings.TrimSpace(value)
			}
		}
		rest = rest[n:]
	}
	if status := a.header.Get("Grpc-Status"); status != "" { // a trailers-only response
		trailers["grpc-status"] = status
	}
	return a, trailers
}

func (r *rig) bearer(claims string) string {
	return "Authorization: Bearer " + r.Token(claims)
}
