// Package buf_test runs the example: the real buf with jwtctl as its plugin.
package buf_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// finding is a finding as buf prints it with --error-format json.
type finding struct {
	Path    string `json:"path"`
	Line    int    `json:"start_line"`
	Column  int    `json:"start_column"`
	Rule    string `json:"type"`
	Message string `json:"message"`
	Plugin  string `json:"plugin"`
}

// TestPlugin: "buf lint" accepts valid annotations, and reports errors at their position
// with the ID of the rule.
func TestPlugin(t *testing.T) {
	program := install(t)
	const message = "the claims of loop.v1.Parcel lead back to it"
	tests := map[string]struct {
		args []string
		exit int
		want *finding
	}{
		"clean module":       {[]string{"proto"}, 0, nil},
		"clean file":         {[]string{"--path", "proto/shop/v1/shop.proto"}, 0, nil},
		"broken module":      {[]string{"broken"}, 100, &finding{"broken/loop/v1/loop.proto", 27, 21, "JWT_CLAIM_CYCLE", message, "jwtctl"}},
		"workspace":          {nil, 100, &finding{"broken/loop/v1/loop.proto", 27, 21, "JWT_CLAIM_CYCLE", message, "jwtctl"}},
		"one rule only":      {[]string{"broken", "--config", only("JWT_CLAIM_CYCLE")}, 100, &finding{"broken/loop/v1/loop.proto", 27, 21, "JWT_CLAIM_CYCLE", message, "jwtctl"}},
		"rule excluded":      {[]string{"broken", "--config", only("JWT_DUPLICATE_CLAIM")}, 0, nil},
		"only default rules": {[]string{"broken", "--config", only()}, 100, &finding{"broken/loop/v1/loop.proto", 27, 21, "JWT_CLAIM_CYCLE", message, "jwtctl"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, exit := run(t, program, append([]string{"lint", "--error-format", "json"}, c.args...)...)
			if exit != c.exit || stderr != "" {
				t.Fatalf("exit %d, want %d\n%s%s", exit, c.exit, stdout, stderr)
			}
			if c.want == nil {
				if stdout != "" {
					t.Errorf("printed %s, want none", stdout)
				}
				return
			}
			var got finding
			if err := json.Unmarshal([]byte(stdout), &got); err != nil { // one line: one finding
				t.Fatalf("%v\n%s", err, stdout)
			}
			if !strings.HasPrefix(got.Message, c.want.Message) {
				t.Errorf("message %q, want %q…", got.Message, c.want.Message)
			}
			got.Message = c.want.Message
			if got != *c.want {
				t.Errorf("got %+v, want %+v", got, *c.want)
			}
		})
	}
}

// TestPluginRules: buf knows each rule of jwtctl lint, by its ID in Buf's spelling;
// category JWT has its errors and warnings, JWT_ERRORS the errors, except the rule that
// must be enabled.
func TestPluginRules(t *testing.T) {
	program := install(t)
	stdout, stderr, exit := run(t, program, "config", "ls-lint-rules", "--format", "json")
	if exit != 0 {
		t.Fatalf("exit %d, want 0\n%s", exit, stderr)
	}
	listed := map[string]string{}
	for line := range strings.Lines(stdout) {
		var rule struct {
			ID         string   `json:"id"`
			Categories []string `json:"categories"`
			Plugin     string   `json:"plugin"`
		}
		if err := json.Unmarshal([]byte(line), &rule); err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		if rule.Plugin == "jwtctl" {
			listed[rule.ID] = strings.Join(rule.Categories, " ")
		}
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(program.path, "jwtctl"), "lint", "--rules", "--format", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var own struct {
		Rules []struct{ ID, Severity string }
	}
	if err := json.Unmarshal(out, &own); err != nil || len(own.Rules) == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, r := range own.Rules {
		id, category := "JWT_"+strings.ReplaceAll(strings.ToUpper(r.ID), "-", "_"), "JWT"
		switch {
		case r.ID == "unannotated-method", r.Severity == "note": // selected only by its ID
			category = ""
		case r.Severity == "error":
			category = "JWT JWT_ERRORS"
		}
		if got, ok := listed[id]; !ok || got != category {
			t.Errorf("%s: known %v, category %q, want %q", id, ok, got, category)
		}
		delete(listed, id)
	}
	for id := range listed {
		t.Errorf("%s is not a rule of jwtctl", id)
	}
}

// only is the example's configuration with only the given rules.
func only(rules ...string) string {
	data, err := json.Marshal(map[string]any{
		"version": "v2",
		"modules": []map[string]string{{"path": "proto"}, {"path": "broken"}, {"path": "schema"}},
		"plugins": []map[string]any{{"plugin": []string{"jwtctl", "buf-plugin"}}},
		"lint":    map[string]any{"use": rules},
	})
	if err != nil {
		panic(err)
	}
	return string(data)
}

// programs are buf and the folder prepended to its PATH.
type programs struct{ buf, path string }

// install finds buf, builds jwtctl and puts it on PATH. JWTCTL_BIN names a jwtctl
// to test instead.
func install(t *testing.T) programs {
	t.Helper()
	buf, err := filepath.Abs("node_modules/.bin/buf")
	if err == nil {
		_, err = os.Stat(buf)
	}
	if err != nil {
		t.Fatalf("%v: install it with npm ci --ignore-scripts", err)
	}
	p := programs{buf: buf, path: t.TempDir()}
	target := filepath.Join(p.path, "jwtctl")
	if bin := os.Getenv("JWTCTL_BIN"); bin != "" {
		if err := os.Symlink(bin, target); err != nil {
			t.Fatal(err)
		}
		return p
	}
	command(t, "../..", "go", "build", "-o", target, "./cmd/jwtctl")
	return p
}

// command returns the output of a program.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return strings.TrimSpace(string(out))
}

// run runs buf with jwtctl on PATH.
func run(t *testing.T, p programs, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.buf, args...)
	cmd.Env = append(os.Environ(), "PATH="+p.path+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
