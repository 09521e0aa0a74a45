package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwttest"
)

// addresses starts both servers like main does.
func addresses(t *testing.T, policy *jwtpolicy.Policy) (grpc, connect string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpcServer(policy)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	h := httptest.NewUnstartedServer(connectHandler(policy))
	h.Config.Protocols = &http.Protocols{}
	h.Config.Protocols.SetHTTP1(true)
	h.Config.Protocols.SetUnencryptedHTTP2(true)
	h.Start()
	t.Cleanup(h.Close)
	return l.Addr().String(), strings.TrimPrefix(h.URL, "http://")
}

// run runs a program and returns its stdout and its error.
func run(t *testing.T, in []byte, dir, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = dir, bytes.NewReader(in), time.Minute
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		t.Logf("%s %s: %s", program, strings.Join(args, " "), errs.String())
	}
	return out.String(), err
}

// tokenFile returns a file with token in it.
func tokenFile(t *testing.T, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token.jwt")
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGoClient: the client in Go buys and shows with a token from a file, from both
// servers, and ends with an error if it is refused. A32, S59.
func TestGoClient(t *testing.T) {
	kit := jwttest.New(t, jwtpolicy.Linked())
	program := filepath.Join(t.TempDir(), "client")
	if _, err := run(t, nil, "", "go", "build", "-o", program, "./client/go"); err != nil {
		t.Fatal(err)
	}
	good := tokenFile(t, kit.Token("shop.Shop/Buy", map[string]any{"sub": "alice"}))
	bad := tokenFile(t, kit.Token("shop.Shop/Buy", map[string]any{"sub": "alice", "role": "guest"}))
	grpc, connect := addresses(t, kit.Policy)
	for name, address := range map[string]string{"grpc-go": grpc, "Connect": connect} {
		if out, err := run(t, nil, "", program, address, good, "tea"); err != nil || out != "alice bought tea\n" {
			t.Errorf("%s: got %q, %v, want %q", name, out, err, "alice bought tea\n")
		}
		if out, err := run(t, nil, "", program, address, bad, "tea"); err == nil || out != "" {
			t.Errorf("%s, a guest: got %q, want none", name, out)
		}
	}
}

// TestTypeScriptClient: the client in TypeScript buys, shows and watches with a token from
// a file, over every protocol and from both servers, as Node and as browsers call them;
// each bad token is refused with the promised code. A32, A33, A44, S59.
func TestTypeScriptClient(t *testing.T) {
	const dir = "client/typescript"
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".bin", "tsc")); err != nil {
		t.Fatal("install the packages with make tools: ", err)
	}
	if out, err := run(t, nil, dir, "npm", "run", "--silent", "build"); err != nil {
		t.Fatal(out)
	}
	kit := jwttest.New(t, jwtpolicy.Linked())
	grpc, connect := addresses(t, kit.Policy)
	claims := map[string]any{"sub": "alice"}
	token, wrong := kit.Token("shop.Shop/Buy", claims), kit.Wrong("shop.Shop/Buy", claims)
	type server struct {
		URL        string   `json:"url"`
		Transports []string `json:"transports"`
	}
	world, err := json.Marshal(map[string]any{"token": token, "wrong": wrong, "servers": map[string]server{
		"grpc-go": {"http://" + grpc, []string{"grpc"}},
		"Connect": {"http://" + connect, []string{"grpc", "connect", "grpc-web", "connect by fetch", "grpc-web by fetch"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := 6 * (len(wrong) + 5)
	if out, err := run(t, world, dir, "node", "dist/src/test.js"); err != nil || out != fmt.Sprintf("%d calls\n", want) {
		t.Errorf("got %q, want %d calls; %v", out, want, err)
	}
	for transport, address := range map[string]string{"grpc": grpc, "connect": connect} {
		if out, err := run(t, nil, dir, "node", "dist/src/main.js", transport, "http://"+address, tokenFile(t, token), "tea"); err != nil || out != "alice bought tea\n" {
			t.Errorf("%s: got %q, %v, want %q", transport, out, err, "alice bought tea\n")
		}
	}
}
