package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

const root = "../.."

// TestNothingPublished: no text points to a place where jwtctl is not published yet.
func TestNothingPublished(t *testing.T) {
	t.Parallel()
	published := regexp.MustCompile(`(?i)brew (install|tap)|docker pull|ghcr\.io/jwtctl|docker\.io/jwtctl|(apt|apt-get|dnf|apk) (install|add) jwtctl|` +
		`go install github\.com/jwtctl|uses: jwtctl/|releases/latest|img\.shields\.io|repo: https://github\.com/jwtctl`)
	out, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-co", "--exclude-standard", "*.md", "*.yaml", "*.yml", "*.1", "Makefile", "Dockerfile", "*.sh", "*.txtar").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(out))
	if len(names) < 20 {
		t.Fatalf("only found %v", names)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // removed, and not yet committed
		}
		if found := published.Find(data); found != nil {
			t.Errorf("%s: %q: nothing is published yet", name, found)
		}
	}
}

// TestWorkflow checks the project's own workflow against GitHub's schema, with the
// actionlint that tools/go.mod pins, and its commands against the Makefile.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=tools/go.mod", "actionlint", "-shellcheck=", "-pyflakes=", ".github/workflows/ci.yml")
	cmd.Dir = root
	var errs strings.Builder
	cmd.Stderr = &errs // where go reports downloads
	if out, err := cmd.Output(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s%s", err, out, errs.String())
	}
	makefile := readText(t, "Makefile")
	runs := regexp.MustCompile(`(?m)- run: make (.*)$`).FindAllStringSubmatch(readText(t, ".github/workflows/ci.yml"), -1)
	if len(runs) != 1 {
		t.Errorf("got commands %v", runs)
	}
	for _, r := range runs {
		if !strings.Contains(makefile, "\n"+r[1]+":") {
			t.Errorf("the Makefile lacks the target %s", r[1])
		}
	}
}

// TestCask: goreleaser accepts no pattern there, so .goreleaser.yaml lists the man pages,
// and none may be missing.
func TestCask(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(root + "/docs/man/*.1")
	if err != nil || len(pages) == 0 {
		t.Fatalf("got %v %v", pages, err)
	}
	text := readText(t, ".goreleaser.yaml")
	for _, page := range pages {
		if !strings.Contains(text, "      - man/"+filepath.Base(page)+"\n") {
			t.Errorf("homebrew_casks lacks man/%s", filepath.Base(page))
		}
	}
	if listed := strings.Count(text, "      - man/"); listed != len(pages) {
		t.Errorf("homebrew_casks lists %d man pages, want %d", listed, len(pages))
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	return testkit.Read(t, filepath.Join(root, name))
}
