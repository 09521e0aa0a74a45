package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/testkit/ports"
)

// TestReload: a changed policy is soon in force, a method whose messages are not sent is
// refused, an invalid policy leaves the old one in force, metrics count, and an interrupt
// ends the server with 0.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	key, policy := filepath.Join(dir, "key.pem"), filepath.Join(dir, "shop.proto")
	run(t, "keygen", "-o", key)
	before, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(string(before))
	grpcAt, httpAt, metricsAt := ports.Address(t), ports.Address(t), ports.Address(t)
	p := start(t, program(t), "authz", "--proto", policy, "--key", key, "--listen", grpcAt, "--http", httpAt, "--metrics", metricsAt, "--reload-interval", "20ms")
	p.answering(t, httpAt)
	get := func(url, path string) (int, string) {
		t.Helper()
		r, _ := http.NewRequest(http.MethodGet, url, nil)
		r.Header.Set("X-Original-URI", path)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(body)
	}
	soon := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("got %s:\n%s", what, p.out)
			}
		}
	}
	look := func() int { status, _ := get("http://"+httpAt, "/shop.Open/Look"); return status }
	if status := look(); status != http.StatusOK {
		t.Fatalf("open method: got %d, want %d", status, http.StatusOK)
	}
	guarded := strings.Replace(string(before), "service Open {", "service Open {\n  option (jwtctl.v1.service) = {validate: BEARER_TOKEN};", 1)
	put(guarded)
	soon("the method is still open", func() bool { return look() == http.StatusUnauthorized })
	put(strings.Replace(string(before), "rpc Look(Item) returns (Item);", "rpc Look(Signed) returns (Item) { option (jwtctl.v1.method) = {validate: MESSAGE}; }", 1) +
		"\nmessage Signed { string token = 1 [(jwtctl.v1.field) = {token: true}]; }\n")
	soon("the method passes without its messages", func() bool { return look() == http.StatusInternalServerError })
	put("syntax = \"proto3\";\nmessage Broken {")
	soon("the policy is not refused", func() bool { return strings.Contains(p.out.String(), "reload failed") })
	if status := look(); status != http.StatusInternalServerError {
		t.Errorf("after a failed reload: got %d, want %d", status, http.StatusInternalServerError)
	}
	if _, text := get("http://"+metricsAt+"/metrics", ""); !strings.Contains(text, `jwtctl_authz_calls_total{method="shop.Open/Look",grpc_code="UNAUTHENTICATED",reason="token_missing"}`) || !strings.Contains(text, "jwtctl_authz_reload_failing 1") {
		t.Errorf("metrics:\n%s", text)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(p.out.String(), "stopped") {
		t.Errorf("exit code %d, want 0:\n%s", code, p.out)
	}
}
