package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// gitIdentity allows commits without the user's configuration.
const gitIdentity = `export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@example.com \
  GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@example.com`

// tampered changes a price in a request that its token vouches for.
const tampered = `sed -i 's/"cents": 700/"cents": 100/' requests/book.json`

// workflow is the part of a GitHub Actions workflow that this test reads.
type workflow struct {
	Jobs map[string]struct {
		Steps []struct {
			Uses, Run, If string
			Dir           string `yaml:"working-directory"`
			With          map[string]string
		}
	}
}

// TestGuidesWorkflow runs the commands of the workflow as a runner would, on the unchanged
// example and on changed ones. Actions need GitHub and are skipped; instead of a checkout,
// there is this repository.
func TestGuidesWorkflow(t *testing.T) {
	t.Parallel()
	var w workflow
	if err := yaml.Unmarshal([]byte(testkit.Read(t, "../../examples/ci/.github/workflows/verify.yml")), &w); err != nil {
		t.Fatal(err)
	}
	gobin := t.TempDir()
	for _, c := range []struct{ name, change, failed, log string }{
		{"unchanged", ":", "", "ok    events/orders.ndjson:3\n"},
		{"tampered request", tampered, "jwtctl verify --format github", "::error file=requests/book.json,line=1,title=claim_mismatch::"},
		{"tampered event", `sed -i 's/pen/pin/' events/orders.ndjson`, "jwtctl verify --ndjson", "FAIL  events/orders.ndjson:2: item: claim_mismatch: "},
		{"annotation dropped", `sed -i 's/token: true/token: false/' proto/shop/v1/shop.proto`, "jwtctl lint", "1 error"},
	} {
		t.Run(c.name, func(t *testing.T) { // not parallel: the first installs jwtctl for all
			dir := copyExample(t)
			bash(t, dir, c.change)
			log, failed := w.run(t, dir, gobin)
			if !strings.HasPrefix(failed, c.failed) || (failed == "") != (c.failed == "") || !strings.Contains(log, c.log) {
				t.Errorf("failed at %q, want %q and %q in\n%s", failed, c.failed, c.log, log)
			}
			if sarif := testkit.Read(t, filepath.Join(dir, "jwtctl.sarif")); strings.Contains(sarif, `"results": []`) != (c.failed != "jwtctl lint") {
				t.Errorf("unexpected results in\n%s", sarif)
			}
		})
	}
}

// run returns the output of the steps, and the first command that failed.
func (w workflow) run(t *testing.T, dir, gobin string) (log, failed string) {
	t.Helper()
	ran := 0
	for _, job := range w.Jobs {
		for _, s := range job.Steps {
			switch {
			case s.Uses != "" && s.With["path"] != "":
				root, err := filepath.Abs("../..")
				if err == nil {
					err = os.Symlink(root, filepath.Join(dir, s.With["path"]))
				}
				if err != nil {
					t.Fatal(err)
				}
				continue
			case s.Uses != "":
				continue
			case s.If != "" && s.If != "${{ !cancelled() }}":
				t.Fatalf("unsupported condition: %s", s.If)
			case s.If == "" && failed != "":
				continue
			}
			ran++
			cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", s.Run)
			cmd.Dir = filepath.Join(dir, s.Dir)
			cmd.Env = append(os.Environ(), "GOBIN="+gobin, "PATH="+gobin+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			log += string(out)
			if err != nil && failed == "" {
				failed = s.Run
			}
		}
	}
	if ran < 4 {
		t.Fatalf("only %d steps ran\n%s", ran, log)
	}
	return log, failed
}

// TestGuidesWorkflowSchema checks the workflow against GitHub's schema, with the
// actionlint pinned in tools/go.mod.
func TestGuidesWorkflowSchema(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../../tools/go.mod", "actionlint",
		"-shellcheck=", "-pyflakes=", "../../examples/ci/.github/workflows/verify.yml")
	var errs strings.Builder
	cmd.Stderr = &errs // go reports downloads here
	if out, err := cmd.Output(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s%s", err, out, errs.String())
	}
}

// TestGuidesHook commits with the hook of the example: only staged content counts.
func TestGuidesHook(t *testing.T) {
	t.Parallel()
	const untampered = `sed -i 's/"cents": 100/"cents": 700/' requests/book.json`
	for name, c := range map[string]struct {
		script  string
		commits bool
	}{
		"valid message":                    {`sed -i 's/a gift/urgent/' requests/book.json; git commit -q -a -m x`, true},
		"tampered message":                 {tampered + `; git commit -q -a -m x`, false},
		"tampered when staged, then fixed": {tampered + `; git add .; ` + untampered + `; git commit -q -m x`, false},
		"tampered, but not staged":         {`echo >>README; git add README; ` + tampered + `; git commit -q -m x`, true},
		"only that file":                   {`echo >>README; git add README; ` + tampered + `; git commit -q -m x requests/book.json`, false},
		"annotation dropped":               {`sed -i 's/token: true/token: false/' proto/shop/v1/shop.proto; git commit -q -a -m x`, false},
		"key dropped":                      {`git rm -q -r keys; git commit -q -m x`, false},
		"configuration dropped":            {`git rm -q jwtctl.yaml; git commit -q -m x`, false},
		"in a folder, with its own index":  {`cd proto; ` + `echo '// more' >>shop/v1/shop.proto; git commit -q -a -m x`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := copyExample(t)
			if out, ok := bash(t, dir, gitIdentity+`
git init -q; cp hooks/pre-commit .git/hooks/; git add .; git commit -q -m first`); !ok {
				t.Fatal(out)
			}
			out, committed := bash(t, dir, gitIdentity+"\n"+c.script)
			log, _ := bash(t, dir, "git log --format=%s")
			if committed != c.commits || (log == "x\nfirst\n") != c.commits {
				t.Errorf("got committed %v, want %v; the log has\n%s\n%s", committed, c.commits, log, out)
			}
			if left, err := filepath.Glob(filepath.Join(dir, "../tmp/*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// TestGuidesPreCommit runs the hooks in .pre-commit-config.yaml as the framework would:
// each entry, if a changed file matches its files.
func TestGuidesPreCommit(t *testing.T) {
	t.Parallel()
	type hook struct {
		ID, Name, Language, Entry, Files string
		PassFilenames                    *bool `yaml:"pass_filenames"`
	}
	var config struct {
		Repos []struct {
			Repo  string
			Hooks []hook
		}
	}
	dec := yaml.NewDecoder(strings.NewReader(testkit.Read(t, "../../examples/ci/.pre-commit-config.yaml")))
	dec.KnownFields(true)
	if err := dec.Decode(&config); err != nil {
		t.Fatal(err)
	}
	if len(config.Repos) != 1 || config.Repos[0].Repo != "local" || len(config.Repos[0].Hooks) != 2 {
		t.Fatalf("got %+v", config)
	}
	for name, c := range map[string]struct {
		change, file string
		refused      string // by which hooks
	}{
		"unchanged":          {":", "jwtctl.yaml", ""},
		"tampered request":   {tampered, "requests/book.json", "jwtctl-verify"},
		"annotation dropped": {`sed -i 's/token: true/token: false/' proto/shop/v1/shop.proto`, "proto/shop/v1/shop.proto", "jwtctl-lint jwtctl-verify"},
		"key dropped":        {`rm keys/*`, "keys/partner.pub.pem", "jwtctl-verify"},
		"unrelated file":     {tampered, "README.md", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := copyExample(t)
			bash(t, dir, c.change)
			var refused []string
			for _, h := range config.Repos[0].Hooks {
				if h.Language != "system" || h.PassFilenames == nil || *h.PassFilenames {
					t.Errorf("%s: unsupported hook: %+v", h.ID, h)
				}
				if !regexp.MustCompile(h.Files).MatchString(c.file) {
					continue
				}
				if _, ok := bash(t, dir, h.Entry); !ok {
					refused = append(refused, h.ID)
				}
			}
			if got := strings.Join(refused, " "); got != c.refused {
				t.Errorf("got refused by %q, want %q", got, c.refused)
			}
		})
	}
}

// bash runs a script in dir, with its own temporary folder, and reports whether it
// succeeded.
func bash(t *testing.T, dir, script string) (output string, ok bool) {
	t.Helper()
	temporary := filepath.Join(dir, "../tmp")
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+temporary, noRaceWait)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}
