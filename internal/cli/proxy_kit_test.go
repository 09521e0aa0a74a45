package cli

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// guarded is a service whose method Who accepts tokens of one issuer. A StringValue has
// the same encoding as a Plain.
func guarded(service, issuer string) string {
	return `syntax = "proto3"; package t; import "kalix/annotations.proto";
message Plain` + service + ` { string text = 1; }
service ` + service + ` {
  rpc Open(Plain` + service + `) returns (Plain` + service + `);
  rpc Who(Plain` + service + `) returns (Plain` + service + `) { option (kalix.method).jwt = {validate: BEARER_TOKEN, bearer_token_issuer: "` + issuer + `"}; }
}`
}

// echoServer is a real gRPC server that echoes every request.
type echoServer struct {
	addr  string
	calls atomic.Int64
	told  atomic.Int64  // calls with authorization
	hold  chan struct{} // unless nil, responses wait for it
}

func startEcho(t *testing.T, o ...grpc.ServerOption) *echoServer {
	t.Helper()
	u := &echoServer{}
	srv := grpc.NewServer(append(o, grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
		u.calls.Add(1)
		if md, _ := metadata.FromIncomingContext(ss.Context()); len(md["authorization"]) > 0 {
			u.told.Add(1)
		}
		if u.hold != nil {
			select {
			case <-u.hold:
			case <-ss.Context().Done():
			}
		}
		var m wrapperspb.StringValue
		if err := ss.RecvMsg(&m); err != nil {
			return err
		}
		return ss.SendMsg(&m)
	}))...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.addr = l.Addr().String()
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	return u
}

// proxyRun is jwtctl proxy running in this process, and a client of it.
type proxyRun struct {
	*fake
	t         *testing.T
	dir       string
	addr      string
	conn      *grpc.ClientConn
	interrupt context.CancelFunc
	hangup    chan struct{}
	code      chan int
	later     atomic.Int64 // how far its clock is ahead, in ns
}

// startProxy runs jwtctl proxy in dir with its own proto folder and key, and more
// arguments.
func startProxy(t *testing.T, dir, upstream string, args ...string) *proxyRun {
	t.Helper()
	return startProxyIn(t, nil, dir, upstream, args...)
}

// startProxyIn is startProxy with environment variables; an empty value unsets one.
func startProxyIn(t *testing.T, env map[string]string, dir, upstream string, args ...string) *proxyRun {
	t.Helper()
	return startProxyAs(t, newFake(t), env, dir, upstream, args...)
}

// startProxyAs is startProxyIn with the system f.
func startProxyAs(t *testing.T, f *fake, env map[string]string, dir, upstream string, args ...string) *proxyRun {
	t.Helper()
	r := &proxyRun{fake: f, t: t, dir: dir, hangup: make(chan struct{}), code: make(chan int, 1)}
	for name, value := range env {
		if value != "" {
			r.env[name] = value
		}
	}
	r.ctx, r.interrupt = context.WithCancel(context.Background())
	r.Reload = func(context.Context) <-chan struct{} { return r.hangup }
	now := r.Now
	r.Now = func() time.Time { return now().Add(time.Duration(r.later.Load())) }
	addrFile := filepath.Join(dir, "addr")
	args = append([]string{"proxy", "--upstream", upstream, "--addr-file", addrFile, "--reload-interval", "20ms"}, args...)
	go func() { r.code <- Main(args, r.System) }()
	r.eventually("the address", func() bool {
		select {
		case code := <-r.code:
			t.Fatalf("exit code %d\n%s", code, r.err.String())
		default:
		}
		data, _ := os.ReadFile(addrFile)
		r.addr = strings.TrimSpace(string(data))
		return r.addr != ""
	})
	r.conn = r.dial(insecure.NewCredentials())
	t.Cleanup(func() { r.stop(0) })
	return r
}

// stop interrupts the proxy, unless it has ended, and expects the exit code.
func (r *proxyRun) stop(want int) {
	r.t.Helper()
	if r.interrupt == nil {
		return
	}
	r.interrupt()
	r.interrupt = nil
	select {
	case code := <-r.code:
		if code != want {
			r.t.Errorf("exit code %d, want %d\n%s", code, want, r.err.String())
		}
	case <-time.After(testkit.Timeout):
		r.t.Error("the proxy does not end")
	}
}

func (r *proxyRun) dial(c credentials.TransportCredentials, more ...grpc.DialOption) *grpc.ClientConn {
	r.t.Helper()
	conn, err := grpc.NewClient(r.addr, append(more, grpc.WithTransportCredentials(c))...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// connections counts the connections of a client.
type connections struct {
	atomic.Int64
}

func (c *connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (c *connections) HandleRPC(context.Context, stats.RPCStats)                         {}
func (c *connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c *connections) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, begun := s.(*stats.ConnBegin); begun {
		c.Add(1)
	}
}

// call makes a call with a bearer token, or without one if it is "".
func (r *proxyRun) call(conn *grpc.ClientConn, method, token string) codes.Code {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Timeout)
	defer cancel()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	var out wrapperspb.StringValue
	err := conn.Invoke(ctx, path(method), wrapperspb.String("hello"), &out)
	if err == nil && out.Value != "hello" {
		r.t.Errorf("%s answered %q", method, out.Value)
	}
	return status.Code(err)
}

// path returns the path of a method; a short name is in package t.
func path(method string) string {
	if strings.HasPrefix(method, "/") {
		return method
	}
	return "/t." + method
}

func (r *proxyRun) want(method, token string, want codes.Code) {
	r.t.Helper()
	if got := r.call(r.conn, method, token); got != want {
		r.t.Errorf("%s: got %v, want %v\n%s", method, got, want, r.err.String())
	}
}

func (r *proxyRun) eventually(what string, done func() bool) {
	r.t.Helper()
	for end := time.Now().Add(testkit.Timeout); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("timed out waiting for %s\n%s", what, r.err.String())
		}
	}
}

// eventuallyIs makes calls until one ends with want.
func (r *proxyRun) eventuallyIs(method, token string, want codes.Code) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%s: %v", method, want), func() bool { return r.call(r.conn, method, token) == want })
}

func (r *proxyRun) eventuallyLogs(text string) {
	r.t.Helper()
	r.eventually("the log "+text, func() bool { return strings.Contains(r.err.String(), text) })
}

// makeKey writes a new key to path, and returns a function that signs tokens with it.
func makeKey(t *testing.T, path string) func(claims string) string {
	t.Helper()
	newFake(t).run(t, 0, "keygen", "-q", "--force", "--format", "jwk", "-o", path)
	loaded, err := keys.Parse(testkit.Must(os.ReadFile(path)), keys.Attributes{})
	if err != nil {
		t.Fatal(err)
	}
	return func(claims string) string {
		token, err := jws.Sign(loaded.Keys[0], []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
}

const ofMe = `{"iss":"me","sub":"alice","exp":4102444800}`

// world makes a folder with protos and a key, and returns the flags for them.
func world(t *testing.T) (dir string, sign func(string) string, args []string) {
	t.Helper()
	dir = t.TempDir()
	testkit.File(t, filepath.Join(dir, "proto", "s.proto"), guarded("S", "me"))
	key := filepath.Join(dir, "key.jwk")
	return dir, makeKey(t, key), []string{"--proto", filepath.Join(dir, "proto"), "--key", key}
}
