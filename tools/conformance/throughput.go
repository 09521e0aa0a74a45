package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

const (
	throughputConns = 4  // connections
	throughputCalls = 32 // at once on each
	throughputRound = 3 * time.Second
	throughputRuns  = 5
)

// compareWithNginx prints how many unary calls a second pass through the proxy, on
// a method without annotations, and through nginx's grpc_pass, with the same server
// behind and in turns. It fails if the proxy's median is less than nginx's.
func compareWithNginx(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		fmt.Println("nginx is not installed (apt-get install nginx): nothing to compare with")
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.work, err = os.MkdirTemp("", "throughput"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(o.work) }()
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	s, err := interopSetup(ctx, b, "throughput", false)
	if err != nil {
		return err
	}
	port, err := startInteropServer(ctx, b, false, "", "")
	if err != nil {
		return err
	}
	p, err := s.startProxy(ctx, "127.0.0.1:"+port, tlsFiles{})
	if err != nil {
		return err
	}
	defer p.stop()
	front, stop, err := startNginx(ctx, nginx, o.work, port)
	if err != nil {
		return err
	}
	defer stop()

	targets := []*target{{name: "direct", address: "127.0.0.1:" + port}, {name: "nginx", address: front}, {name: "jwtctl", address: net.JoinHostPort(p.host, fmt.Sprint(p.port))}}
	for range throughputRuns {
		for _, t := range targets {
			n, err := t.load(ctx, throughputRound)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			t.rates = append(t.rates, n)
		}
	}
	for _, t := range targets {
		fmt.Printf("%-8s %8.0f calls/s  %v\n", t.name, t.median(), t.rates)
	}
	if ours, theirs := targets[2].median(), targets[1].median(); ours < theirs {
		fmt.Printf("jwtctl passes %.2f of what nginx does\n", ours/theirs)
		return errNotConformant
	}
	return nil
}

// target is where calls go.
type target struct {
	name, address string
	rates         []int
}

func (t *target) median() float64 {
	sorted := slices.Sorted(slices.Values(t.rates))
	return float64(sorted[len(sorted)/2])
}

// load makes calls for so long and returns how many ended well in a second.
func (t *target) load(ctx context.Context, during time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var running sync.WaitGroup
	began := time.Now()
	for range throughputConns {
		conn, err := grpc.NewClient(t.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		client := testpb.NewTestServiceClient(conn)
		for range throughputCalls {
			running.Go(func() {
				request := &testpb.SimpleRequest{ResponseSize: 100, Payload: &testpb.Payload{Body: make([]byte, 100)}}
				for ctx.Err() == nil {
					if _, err := client.UnaryCall(ctx, request); err == nil {
						done.Add(1)
					} else if code := status.Code(err); code != codes.DeadlineExceeded && code != codes.Canceled { // of ctx
						failed.Store(&err)
					}
				}
			})
		}
	}
	running.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return int(float64(done.Load()) / time.Since(began).Seconds()), nil
}

// nginxConfig has nginx pass gRPC on, with connections to the server kept open and
// as many workers as there are processors.
const nginxConfig = `
daemon off;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx.log;
worker_processes auto;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  upstream server { server 127.0.0.1:%[2]s; keepalive 256; keepalive_requests 1000000; }
  server {
    listen %[3]s http2;
    http2_max_concurrent_streams 1000;
    keepalive_requests 10000000;
    location / { grpc_pass grpc://server; }
  }
}
`

// startNginx starts nginx in front of the server at port and returns its address.
func startNginx(ctx context.Context, nginx, work, port string) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	config := filepath.Join(work, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, work, port, address), 0o600); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, nginx, "-p", work, "-c", config)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			return address, stop, conn.Close()
		}
	}
	stop()
	text, _ := os.ReadFile(filepath.Join(work, "nginx.log"))
	return "", nil, errors.New("nginx did not start: " + string(text))
}
