// Package e2e puts real proxies between clients and a server, with jwtctl authz deciding
// for them, and compares the outcome with that of jwtctl proxy.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

// patience is a generous limit for what normally takes moments.
const patience = 2 * time.Minute

// jwtctl returns the path of the program: JWTCTL_BIN, or one built here.
var jwtctl = sync.OnceValues(func() (string, error) {
	if name := os.Getenv("JWTCTL_BIN"); name != "" {
		return name, nil
	}
	name, err := filepath.Abs("../../../bin/jwtctl-e2e")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-o", name, "./cmd/jwtctl")
	build.Dir, build.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return name, nil
})

func program(t *testing.T) string {
	t.Helper()
	name, err := jwtctl()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// run runs jwtctl and returns what it printed.
func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program(t), args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

// process is a program that runs until the test ends or stop is called.
type process struct {
	cmd  *exec.Cmd
	out  *locked
	done chan struct{}
}

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), out: &locked{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.stop)
	return p
}

func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// answering waits until something listens at address.
func (p *process) answering(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-p.done:
			t.Fatalf("%v ended:\n%s", p.cmd.Args, p.out)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("%v does not respond at %s:\n%s", p.cmd.Args, address, p.out)
}

// upstream is a gRPC server that echoes every request, and remembers the metadata of each
// call.
type upstream struct {
	address string
	mu      sync.Mutex
	calls   []metadata.MD
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{address: l.Addr().String()}
	s := grpc.NewServer(grpc.ForceServerCodecV2(codec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		method, _ := grpc.MethodFromServerStream(stream)
		md.Set(":path", method)
		u.mu.Lock()
		u.calls = append(u.calls, md)
		u.mu.Unlock()
		for {
			var m []byte
			if stream.RecvMsg(&m) != nil {
				return nil
			}
			if err := stream.SendMsg(m); err != nil {
				return err
			}
		}
	}))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return u
}

// taken returns the calls since the last time.
func (u *upstream) taken() []metadata.MD {
	u.mu.Lock()
	defer u.mu.Unlock()
	calls := u.calls
	u.calls = nil
	return calls
}

// codec passes messages as bytes.
type codec struct{}

func (codec) Name() string { return proto.Name }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	return connect(t, address, grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})))
}

// connect returns a connection without TLS, closed at the end of the test.
func connect(t *testing.T, address string, more ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, append(more, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// write writes text to a file in the test's temporary folder.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// installed returns the program called name, or the one that variable names; "" if no
// program.
func installed(name, variable string) string {
	if path := os.Getenv(variable); variable != "" && path != "" {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}
