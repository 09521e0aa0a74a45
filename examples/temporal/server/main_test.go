package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/examples/temporal/server/standalone"
)

// runAsServer set in the environment makes the test binary the server itself, so that signals go to a real process.
const runAsServer = "JWTCTL_TEST_RUN_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(runAsServer) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestStartAndInterrupt(t *testing.T) {
	jwks := serve(t, http.StatusOK)
	file := filepath.Join(t.TempDir(), "temporal.db")
	for _, test := range []struct {
		name string
		args []string
	}{
		{name: "memory"},
		{name: "new file", args: []string{"--db", file}},
		{name: "the same file again", args: []string{"--db", file}},
	} {
		t.Run(test.name, func(t *testing.T) {
			startAndInterrupt(t, append(test.args, "--jwks", jwks, "--port", "0"))
		})
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("database file: %v", err)
	}
}

// startAndInterrupt expects the ready line, a listening frontend and a clean end.
func startAndInterrupt(t *testing.T, args []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), runAsServer+"=1")
	var log strings.Builder
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, readErr := stdout.Read(line)
	ready := regexp.MustCompile(`^Temporal server ready on (127\.0\.0\.1:\d+)\. `).FindStringSubmatch(string(line[:n]))
	if ready == nil {
		cancel()
		t.Fatalf("first line %q (%v), then %v:\n%s", line[:n], readErr, cmd.Wait(), log.String())
	}
	conn, err := net.Dial("tcp", ready[1])
	if err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v\n%s", err, log.String())
	}
}

func TestWrongOptions(t *testing.T) {
	port, reservation, err := standalone.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	defer reservation.Close()
	takenPort := strconv.Itoa(port)
	taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", takenPort))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		name    string
		args    []string
		wantErr string
	}{
		{name: "no JWKS", wantErr: "no --jwks URL\nhint: run jwtctl gen-and-serve"},
		{name: "second JWKS without scheme", args: []string{"--jwks", "http://127.0.0.1/", "--jwks", "127.0.0.1:1"}, wantErr: "want http://HOST:PORT/PATH"},
		{name: "JWKS without scheme", args: []string{"--jwks", "127.0.0.1:61884/jwks.json"}, wantErr: "want http://HOST:PORT/PATH"},
		{name: "JWKS is a file", args: []string{"--jwks", "file:///jwks.json"}, wantErr: "want http://HOST:PORT/PATH"},
		{name: "no server", args: []string{"--jwks", "http://127.0.0.1:1/jwks.json"}, wantErr: "is jwtctl gen-and-serve running"},
		{name: "not found", args: []string{"--jwks", serve(t, http.StatusNotFound)}, wantErr: "404 Not Found"},
		{name: "port too low", args: []string{"--jwks", "http://127.0.0.1:1/", "--port", "300"}, wantErr: "want 301 to 65525"},
		{name: "port too high", args: []string{"--jwks", "http://127.0.0.1:1/", "--port", "65526"}, wantErr: "want 301 to 65525"},
		{name: "port taken", args: []string{"--jwks", serve(t, http.StatusOK), "--port", takenPort}, wantErr: "hint: use another --port"},
		{name: "negative refresh", args: []string{"--jwks", "http://127.0.0.1:1/", "--refresh", "-1s"}, wantErr: "must not be negative"},
		{name: "log level", args: []string{"--jwks", "http://127.0.0.1:1/", "--log-level", "loud"}, wantErr: "want debug, info, warn or error"},
		{name: "argument", args: []string{"http://127.0.0.1:1/"}, wantErr: "unexpected argument"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // ends a server that should not have started
			defer cancel()
			err := run(ctx, test.args, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("error %v, want one with %q", err, test.wantErr)
			}
		})
	}
}

// A key set that never arrives must not delay the start for longer than a person waits.
func TestHangingJWKS(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hang.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	defer time.AfterFunc(time.Minute, func() { cancel(errors.New("the test lost patience")) }).Stop()
	if err := reach(ctx, hang.URL, 100*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want a time-out", err)
	}
}

func serve(t *testing.T, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"keys":[]}`)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/jwks.json"
}
