package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/server/temporal"

	"github.com/jwtctl/jwtctl/examples/temporal/server/standalone"
)

// server is a running Temporal server.
type server struct {
	address string
	log     *recorder
}

// startServer starts a server that fetches its keys from the URL every second, and stops
// it with the test.
func startServer(t *testing.T, jwksURL string) *server {
	t.Helper()
	var failures error
	for range 3 { // another process may take a port between the probe and the start
		s, err := tryServer(t, jwksURL)
		if err == nil {
			s.waitServing(t)
			return s
		}
		failures = errors.Join(failures, err)
	}
	t.Fatalf("no server: %v", failures)
	return nil
}

// freePort returns a port for a server. No other test gets it before this one has ended.
func freePort(t *testing.T) int {
	t.Helper()
	port, reservation, err := standalone.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reservation.Close() })
	return port
}

func tryServer(t *testing.T, jwksURL string) (*server, error) {
	t.Helper()
	port := freePort(t)
	cfg, err := standalone.Config(standalone.Options{
		JWKS:            []string{jwksURL},
		RefreshInterval: time.Second,
		Port:            port,
	})
	if err != nil {
		return nil, err
	}
	log := &recorder{}
	running, err := start(func() (temporal.Server, error) { return standalone.New(cfg, log) })
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, log.tail(20))
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Errorf("stop server: %v", err)
		}
		if t.Failed() {
			t.Logf("end of the server's log:\n%s", log.tail(40))
		}
	})
	return &server{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), log: log}, nil
}

// start creates and starts a server; a fatal log line becomes an error.
func start(create func() (temporal.Server, error)) (s temporal.Server, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case fatal:
			err = fmt.Errorf("fatal: %s", string(p))
		default:
			panic(p)
		}
	}()
	if s, err = create(); err != nil {
		return nil, err
	}
	return s, s.Start()
}

// waitServing waits for the health check, which needs no token.
func (s *server) waitServing(t *testing.T) {
	t.Helper()
	c := s.client(t, "default", authorization(""))
	eventually(t, "server healthy", func() error {
		ctx, cancel := callContext()
		defer cancel()
		_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	})
}

func callContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
