//go:build shipping

package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Changes of examples/ci: one that its token does not vouch for, one that makes the policy
// weaker than the commit before it, and one that lint refuses.
const (
	tampered  = `sed -i 's/"cents": 700/"cents": 100/' requests/book.json`
	committed = `git init -q && git add -A && git commit -qm first`
	weakened  = `sed -i /issuer:/d proto/shop/v1/shop.proto`
	dropped   = `sed -i 's/token: true/token: false/' proto/shop/v1/shop.proto`
	stored    = `--at 2026-01-31T12:30:00Z "requests/*.json"`
)

// action is the part of action.yml that this test reads.
type action struct {
	Inputs map[string]struct {
		Description, Default string
		Required             bool
	}
	Runs struct {
		Using string
		Steps []struct {
			Name, Uses, Shell, Run string
			Dir                    string `yaml:"working-directory"`
			With, Env              map[string]string
		}
	}
	Name, Description string
}

// TestAction runs the steps of action.yml as a runner would, on examples/ci.
func TestAction(t *testing.T) {
	t.Parallel()
	var a action
	dec := yaml.NewDecoder(strings.NewReader(readText(t, "action.yml")))
	dec.KnownFields(true)
	if err := dec.Decode(&a); err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	for _, c := range []struct {
		name, change string
		with         map[string]string
		fails        bool
		log          string
	}{
		{"lint", ":", map[string]string{"command": "lint", "args": "--strict"}, false, ""},
		{"lint finds", dropped, map[string]string{"command": "lint"}, true, "::error file=proto/shop/v1/shop.proto,line="},
		{"verify", ":", map[string]string{"command": "verify", "args": stored, "format": "text"}, false, "ok    requests/book.json\n"},
		{"verify refuses", tampered, map[string]string{"command": "verify", "args": stored}, true, "::error file=requests/book.json,line=1,title=claim_mismatch::"},
		{"diff", committed, map[string]string{"command": "diff", "args": "--against git:HEAD"}, false, ""},
		{"diff finds", committed + " && " + weakened, map[string]string{"command": "diff", "args": "--against git:HEAD"}, true, "::error file=proto/shop/v1/shop.proto,line="},
		{"in a folder", "mkdir a && mv *.yaml proto keys requests a", map[string]string{"command": "verify", "args": stored, "format": "text", "working-directory": "a"}, false, "ok    requests/book.json\n"},
		{"arguments over lines", ":", map[string]string{"command": "verify", "format": "text", "args": "--at\n2026-01-31T12:30:00Z\n'requests/book.json'\n"}, false, "ok    requests/book.json\n"},
		{"an argument with a blank", "cp requests/book.json 'requests/my book.json'", map[string]string{"command": "verify", "format": "text", "args": `--at 2026-01-31T12:30:00Z 'requests/my book.json'`}, false, "ok    requests/my book.json\n"},
		{"no script in args", ":", map[string]string{"command": "verify", "args": "$(touch made) `touch made` ; touch made"}, true, ""},
		{"a quote left open", ":", map[string]string{"command": "lint", "args": "'--strict"}, true, "quote"},
		{"no other command", ":", map[string]string{"command": "keygen"}, true, "::error title=jwtctl::the input command is 'keygen', not lint, verify or diff\n"},
		{"no script in command", ":", map[string]string{"command": "lint; touch made"}, true, "not lint, verify or diff"},
	} {
		t.Run(c.name, func(t *testing.T) { // not parallel: the first builds for all
			dir := copyExample(t)
			if out, ok := script(t, dir, c.change); !ok {
				t.Fatal(out)
			}
			log, ok := a.run(t, dir, temp, c.with)
			if ok == c.fails || !strings.Contains(log, c.log) {
				t.Errorf("got succeeded %v, want %v and %q in\n%s", ok, !c.fails, c.log, log)
			}
			if _, err := os.Stat(filepath.Join(dir, "made")); err == nil {
				t.Error("an input was run as a script")
			}
		})
	}
}

// run returns the output of the steps, up to the first that fails.
func (a action) run(t *testing.T, dir, temp string, with map[string]string) (log string, ok bool) {
	t.Helper()
	here, err := filepath.Abs(root)
	if err != nil || a.Runs.Using != "composite" {
		t.Fatalf("%v, uses %s, want %s", err, a.Runs.Using, "composite")
	}
	var inputs []string
	for name, input := range a.Inputs {
		value, given := with[name]
		if !given {
			if value = input.Default; input.Required {
				t.Fatalf("input %s is required", name)
			}
		}
		inputs = append(inputs, "${{ inputs."+name+" }}", value)
	}
	expand := strings.NewReplacer(inputs...).Replace
	for _, s := range a.Runs.Steps {
		if s.Uses != "" { // needs GitHub
			continue
		}
		if s.Shell != "bash" || strings.Contains(s.Run, "${{") {
			t.Fatalf("step %s: shell %q, or an expression in its script", s.Name, s.Shell)
		}
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
		cmd.Dir = filepath.Join(dir, expand(s.Dir))
		cmd.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+here, "RUNNER_TEMP="+temp)
		for name, value := range s.Env {
			cmd.Env = append(cmd.Env, name+"="+expand(value))
		}
		out, err := cmd.CombinedOutput()
		log += string(out)
		if err != nil {
			return log, false
		}
	}
	return log, true
}

// TestPreCommit: the real pre-commit builds jwtctl from a clone of this repository, as its
// hooks file specifies, and refuses the expected commits.
func TestPreCommit(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	hooks, dir := t.TempDir(), copyExample(t)
	// A repository of the current files, which may not be committed yet.
	if out, ok := script(t, here, `git ls-files -co --exclude-standard -z go.mod go.sum cmd grpcauth internal jwtpolicy jwttest proto .pre-commit-hooks.yaml |
while read -rd '' f; do case $f in */testdata/*|*_test.go) ;; *) [ ! -e "$f" ] || printf '%s\0' "$f" ;; esac; done |
xargs -0 cp -P --parents -t "`+hooks+`"; cd "`+hooks+`"; git init -q; git add -A; git commit -q -m hooks`); !ok {
		t.Fatal(out)
	}
	rev, _ := script(t, hooks, "git rev-parse HEAD")
	config := "repos:\n  - repo: " + hooks + "\n    rev: " + strings.TrimSpace(rev) + "\n    hooks:\n      - id: jwtctl-lint\n" +
		"      - id: jwtctl-verify\n        args: [--at, '2026-01-31T12:30:00Z', 'requests/*.json']\n"
	if err := os.WriteFile(filepath.Join(dir, ".pre-commit-config.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, ok := script(t, dir, "pre-commit validate-manifest "+hooks+"/.pre-commit-hooks.yaml; git init -q; git add -A; git commit -q -m first; pre-commit install --install-hooks"); !ok {
		t.Fatal(out)
	}
	for _, c := range []struct {
		name, change string
		log          []string // of the hooks that refuse; nil if the commit is made
	}{
		{"valid message", `sed -i 's/a gift/urgent/' requests/book.json`, nil},
		{"unrelated file", `echo >>README.md`, nil},
		{"tampered message", tampered, []string{"jwtctl verify....", "hook id: jwtctl-verify\n- exit code: 1\n", "FAIL  requests/book.json: cents: claim_mismatch"}},
		{"dropped annotation", dropped, []string{"hook id: jwtctl-lint\n- exit code: 1\n", "hook id: jwtctl-verify\n- exit code: 3\n"}},
	} {
		out, ok := script(t, dir, c.change+" && git commit -q -a -m x")
		if ok != (c.log == nil) {
			t.Errorf("%s: got committed %v, want %v\n%s", c.name, ok, c.log == nil, out)
		}
		for _, want := range c.log {
			if !strings.Contains(out, want) {
				t.Errorf("%s: want %q in\n%s", c.name, want, out)
			}
		}
		script(t, dir, "git reset -q --hard")
	}
}

// copyExample copies examples/ci into a folder of the test.
func copyExample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ci")
	if err := os.CopyFS(dir, os.DirFS(root+"/examples/ci")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// script runs a script in dir, without a user's configuration, and reports whether it
// succeeded. Go finds its downloads and build cache.
func script(t *testing.T, dir, text string) (output string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "-euo", "pipefail", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com",
		"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com", "PRE_COMMIT_HOME="+filepath.Join(filepath.Dir(dir), "pre-commit"),
		"GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOCACHE="+goEnv(t, "GOCACHE"), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
