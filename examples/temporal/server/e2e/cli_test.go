package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testCLI runs the temporal CLI with only the variable that jwtctl token prints for it.
func testCLI(t *testing.T, bin programs) {
	cli := temporalCLI(t)
	here := newPlace(t)
	endpoint, _ := here.serveKeys(t, bin, "gen-and-serve")
	s := startServer(t, endpoint)
	here = here.with("TEMPORAL_ADDRESS=" + s.address)
	owner := here.with(here.tokenVariable(t, bin, "--namespace", "default", "--role", "admin", "--for", "temporal"))
	user := here.with(here.tokenVariable(t, bin, "--namespace", "default", "--for", "temporal"))

	register := []string{"operator", "namespace", "create", "--namespace", "default"}
	for _, test := range []struct {
		name string
		at   place
	}{
		{name: "no token", at: here},
		{name: "namespace token", at: user},
		{name: "the variable of tctl", at: here.with(here.tokenVariable(t, bin, "--system"))},
	} {
		if r := test.at.run(t, cli, register...); r.exit == 0 || !strings.Contains(r.stderr, "Request unauthorized.") {
			t.Errorf("register with %s: want Request unauthorized., got %s", test.name, r)
		}
	}

	owner.mustRun(t, cli, register...)
	eventually(t, "temporal operator namespace describe", func() error {
		return containsAll(user.run(t, cli, "operator", "namespace", "describe", "--namespace", "default").stdout, "Registered")
	})
	list := []string{"workflow", "list", "--output", "json"}
	eventually(t, "namespace default known", func() error { return user.run(t, cli, list...).failure() })

	apiKey := here.with(here.tokenVariable(t, bin, "--namespace", "default", "--for", "api-key"))
	apiKey.with("TEMPORAL_TLS=false").mustRun(t, cli, list...)
	if r := apiKey.run(t, cli, list...); r.exit == 0 { // it uses TLS by default, as jwtctl token warns
		t.Errorf("an API key without TEMPORAL_TLS=false: want a failure, got %s", r)
	}

	here.start(t, bin.worker, "--address", s.address)
	start := []string{"workflow", "start", "--type", "Workflow", "--task-queue", "jwtctl-greeting", "--workflow-id", "by-cli", "--input", `"Temporal"`}
	if r := here.run(t, cli, start...); r.exit == 0 || !strings.Contains(r.stderr, "Request unauthorized.") {
		t.Errorf("start a workflow without a token: want Request unauthorized., got %s", r)
	}
	user.mustRun(t, cli, start...)
	result := user.mustRun(t, cli, "workflow", "result", "--workflow-id", "by-cli")
	if !strings.Contains(result, "Hello Temporal!") {
		t.Errorf("workflow result: want Hello Temporal!, got %q", result)
	}
	eventually(t, "the workflow in temporal workflow list", func() error {
		return containsAll(user.mustRun(t, cli, list...), `"by-cli"`)
	})
}

// testExtension runs jwtctl as the temporal CLI's command jwt: through a link temporal-jwt
// in PATH, which that CLI finds since 1.6.0. It passes on the exit code since 1.8.0.
func testExtension(t *testing.T, bin programs) {
	cli := temporalCLI(t)
	here := newPlace(t)
	links := t.TempDir()
	if err := os.Symlink(bin.jwtctl, filepath.Join(links, "temporal-jwt")); err != nil {
		t.Fatal(err)
	}
	here = here.with("PATH=" + links + string(filepath.ListSeparator) + os.Getenv("PATH"))
	endpoint, _ := here.serveKeys(t, bin, "gen-and-serve")
	s := startServer(t, endpoint)
	here = here.with("TEMPORAL_ADDRESS=" + s.address)

	system, _ := strings.CutSuffix(here.mustRun(t, cli, "jwt", "token", "--system"), "\n")
	here.with(system).mustRun(t, cli, "operator", "namespace", "create", "--namespace", "default")
	// -o and --color are flags of that CLI too: it moves them before the command.
	here.mustRun(t, cli, "jwt", "token", "--namespace", "default", "--color", "never", "-o", "user.env")
	line, err := os.ReadFile(filepath.Join(here.dir, "user.env"))
	if err != nil {
		t.Fatal(err)
	}
	user := here.with(strings.TrimSpace(string(line)))
	eventually(t, "temporal workflow list with the token of temporal jwt", func() error {
		return user.run(t, cli, "workflow", "list", "--namespace", "default").failure()
	})
	for _, test := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"jwt", "explain-denial", "@user.env", "--for", "workflow start", "--namespace", "default", "--jwks", endpoint}, 0, "Allowed"},
		{[]string{"jwt", "explain-denial", "@user.env", "--for", "workflow start", "--namespace", "other", "--jwks", endpoint}, 1, "Denied"},
		{[]string{"jwt", "inspect", "@user.env", "--jwks", endpoint}, 0, "default:write"},
		{[]string{"help", "jwt", "token"}, 0, "Usage:"},
		{[]string{"jwt", "token", "--namespace", "default", "--ttl", "-1s"}, 2, ""},
	} {
		if r := here.run(t, cli, test.args...); r.exit != test.exit || !strings.Contains(r.stdout, test.says) {
			t.Errorf("temporal %s: want exit %d and %q, got %s", strings.Join(test.args, " "), test.exit, test.says, r)
		}
	}
}
