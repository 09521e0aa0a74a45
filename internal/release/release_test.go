package release

import (
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jwtctl/jwtctl/internal/cli" // so that go test runs these again when the program changes
)

const root = "../.."

// TestCross: the program builds for every platform that archives are made for,
// and is one for that platform, without cgo.
func TestCross(t *testing.T) {
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), "make", "-s", "-C", root, "cross").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, platform := range []string{"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64", "windows-arm64"} {
		t.Run(platform, func(t *testing.T) {
			path := filepath.Join(root, "bin/cross/jwtctl-"+platform)
			if strings.HasPrefix(platform, "windows") {
				path += ".exe"
			}
			if got := platformOf(t, path); got != platform {
				t.Errorf("a program for %q", got)
			}
			info, err := buildinfo.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range info.Settings {
				if s.Key == "CGO_ENABLED" && s.Value != "0" {
					t.Error("built with cgo")
				}
			}
			if size, err := os.Stat(path); err != nil || size.Size() > 30<<20 {
				t.Errorf("%v, %d MB; the aim is 30", err, size.Size()>>20)
			}
		})
	}
}

// platformOf returns the platform that a program is for, or "".
func platformOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p, err := elf.NewFile(f); err == nil {
		return map[elf.Machine]string{elf.EM_X86_64: "linux-amd64", elf.EM_AARCH64: "linux-arm64"}[p.Machine]
	}
	if p, err := macho.NewFile(f); err == nil {
		return map[macho.Cpu]string{macho.CpuAmd64: "darwin-amd64", macho.CpuArm64: "darwin-arm64"}[p.Cpu]
	}
	if p, err := pe.NewFile(f); err == nil {
		return map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "windows-amd64", pe.IMAGE_FILE_MACHINE_ARM64: "windows-arm64"}[p.Machine]
	}
	return ""
}

// TestNothingPublished: no text tells to get jwtctl from where it is not.
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
		t.Fatalf("only %v", names)
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

// TestWorkflow holds the project's own workflow to GitHub's schema, with the
// actionlint that tools/go.mod pins, and its commands to the Makefile.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=tools/go.mod", "actionlint", "-shellcheck=", "-pyflakes=", ".github/workflows/ci.yml")
	cmd.Dir = root
	var errs strings.Builder
	cmd.Stderr = &errs // where go tells what it downloads
	if out, err := cmd.Output(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s%s", err, out, errs.String())
	}
	makefile := readText(t, "Makefile")
	runs := regexp.MustCompile(`(?m)- run: make (.*)$`).FindAllStringSubmatch(readText(t, ".github/workflows/ci.yml"), -1)
	if len(runs) != 3 {
		t.Errorf("runs %v", runs)
	}
	for _, r := range runs {
		if !strings.Contains(makefile, "\n"+r[1]+":") {
			t.Errorf("the Makefile has no target %s", r[1])
		}
	}
}

// TestCask: goreleaser takes no pattern there, so .goreleaser.yaml lists the man
// pages, and none may be missing.
func TestCask(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(root + "/docs/man/*.1")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%v %v", pages, err)
	}
	text := readText(t, ".goreleaser.yaml")
	for _, page := range pages {
		if !strings.Contains(text, "      - man/"+filepath.Base(page)+"\n") {
			t.Errorf("homebrew_casks lacks man/%s", filepath.Base(page))
		}
	}
	if listed := strings.Count(text, "      - man/"); listed != len(pages) {
		t.Errorf("homebrew_casks lists %d man pages; there are %d", listed, len(pages))
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
