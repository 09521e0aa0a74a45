// Package goreleaser_test makes a release with the real goreleaser, as a snapshot that is
// not published, and examines all its files.
package goreleaser_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// The snapshot's source: a commit of a fixed time, just after a tag.
const (
	commitDate = "2026-01-02T03:04:05Z"
	version    = "0.1.0-snapshot"
)

var platforms = []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64", "windows_arm64"}

// TestSnapshot makes one release; each requirement is a subtest.
func TestSnapshot(t *testing.T) {
	one := clone(t)
	one.goreleaser(t, nil, "check")
	one.goreleaser(t, nil, "release", "--snapshot", "--clean")
	t.Run("checksums", one.checksums)
	t.Run("archives", func(t *testing.T) {
		for _, platform := range platforms {
			t.Run(platform, func(t *testing.T) { one.archive(t, platform) })
		}
	})
	t.Run("program", func(t *testing.T) {
		_, program := one.program(t, runtime.GOOS+"_"+runtime.GOARCH)
		one.runs(t, program)
	})
	t.Run("deb", one.deb)
	t.Run("rpm and apk", one.otherPackages)
	t.Run("cask", one.cask)
	t.Run("sbom", one.sboms)
	t.Run("reproducible", one.reproducible)
}

// checksums: checksums.txt is correct, and lists every file that would be uploaded.
func (s source) checksums(t *testing.T) {
	sums := map[string]string{}
	for line := range strings.Lines(s.read(t, "dist/checksums.txt")) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "dist"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "jwtctl") || e.IsDir() {
			continue
		}
		if want := digest(s.read(t, "dist/"+e.Name())); sums[e.Name()] != want {
			t.Errorf("%s: checksum %q, want %q", e.Name(), sums[e.Name()], want)
		}
		delete(sums, e.Name())
	}
	for name := range sums {
		t.Errorf("%s is missing", name)
	}
}

// archive checks that an archive has exactly the program for that platform and its
// accompanying files.
func (s source) archive(t *testing.T, platform string) {
	files := s.unpack(t, platform)
	name := "jwtctl"
	if strings.HasPrefix(platform, "windows") {
		name += ".exe"
	}
	want := []string{name, "LICENSE", "README.md", "completions/_jwtctl", "completions/jwtctl.bash", "completions/jwtctl.fish", "completions/jwtctl.ps1"}
	for _, page := range s.manPages(t) {
		want = append(want, "man/"+page)
	}
	slices.Sort(want)
	if got := files.names(); !slices.Equal(got, want) {
		t.Errorf("got files\n%v, want\n%v", got, want)
	}
	made, err := time.Parse(time.RFC3339, commitDate)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		if len(f.data) == 0 || !f.modified.Equal(made) {
			t.Errorf("%s: got %d bytes of %v", name, len(f.data), f.modified)
		}
	}
	checkProgram(t, files[name].data, platform)
}

// runs: the program reports what it was built from, unmodified.
func (s source) runs(t *testing.T, program string) {
	var got struct {
		Version, Commit, Date, Go, Platform string
		Modified                            bool
	}
	if err := json.Unmarshal([]byte(s.command(t, nil, program, "version", "--format", "json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != version || got.Commit != s.commit || got.Date != commitDate || got.Modified ||
		got.Platform != runtime.GOOS+"/"+runtime.GOARCH || got.Go != runtime.Version() {
		t.Errorf("got %+v, want version %s, commit %s, date %s", got, version, s.commit, commitDate)
	}
}

// notOurs are the tags of lintian that are not about the package's content.
const notOurs = "malformed-contact," + // no address of maintainers is published
	"no-changelog,debian-changelog-file-missing," + // docs/CHANGELOG.md is not a Debian changelog
	"statically-linked-binary," + // on purpose
	"initial-upload-closes-no-bugs," + // this is not an upload to Debian
	"unknown-field" // Architecture-Variant, which goreleaser writes

// links are the links in packages: for temporal jwt token.
var links = map[string]string{"usr/bin/temporal-jwt": "jwtctl", "usr/share/man/man1/temporal-jwt.1.gz": "jwtctl-token.1.gz"}

// deb: lintian has no complaints, and the unpacked package has program, man pages and
// completions where a shell and man look for them.
func (s source) deb(t *testing.T) {
	file := filepath.Join(s.dir, "dist", "jwtctl_0.1.0~snapshot_amd64.deb")
	s.command(t, nil, "lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", notOurs, file)
	root := t.TempDir()
	s.command(t, nil, "dpkg", "-x", file, root)
	want := []string{"usr/bin/jwtctl", "usr/bin/temporal-jwt", "usr/share/man/man1/temporal-jwt.1.gz", "usr/share/doc/jwtctl/copyright", "usr/share/bash-completion/completions/jwtctl",
		"usr/share/zsh/vendor-completions/_jwtctl", "usr/share/fish/vendor_completions.d/jwtctl.fish"}
	for _, page := range s.manPages(t) {
		want = append(want, "usr/share/man/man1/"+page+".gz")
	}
	slices.Sort(want)
	if got := tree(t, root); !slices.Equal(got, want) {
		t.Errorf("got files\n%v, want\n%v", got, want)
	}
	if runtime.GOARCH == "amd64" {
		s.runs(t, filepath.Join(root, "usr/bin/jwtctl"))
		s.command(t, nil, filepath.Join(root, "usr/bin/jwtctl"), "keygen", "-q", "-o", filepath.Join(root, "key.pem"))
		token := s.command(t, nil, filepath.Join(root, "usr/bin/temporal-jwt"), "token", "--system", "--key", filepath.Join(root, "key.pem"))
		if !strings.HasPrefix(token, "TEMPORAL_GRPC_META_AUTHORIZATION=Bearer ey") { // the output of token --for temporal
			t.Errorf("temporal-jwt token: got %.40q", token)
		}
	}
	for link, target := range links {
		if got, err := os.Readlink(filepath.Join(root, link)); got != target {
			t.Errorf("%s is a link to %q, want %q (%v)", link, got, target, err)
		}
	}
	if got := s.command(t, nil, "dpkg", "--field", file, "Version", "Architecture", "Maintainer"); !strings.Contains(got, "Version: 0.1.0~snapshot\n") {
		t.Error(got)
	}
}

// cask: each archive's address with that archive's checksum, and every man page.
func (s source) cask(t *testing.T) {
	text := s.read(t, "dist/homebrew/Casks/jwtctl.rb")
	found := regexp.MustCompile(`sha256 "([0-9a-f]{64})"\s+url "https://github.com/jwtctl/jwtctl/releases/download/v0.1.0/(.*)"`).FindAllStringSubmatch(text, -1)
	var systems []string
	for _, f := range found {
		name := strings.ReplaceAll(f[2], "#{version}", version)
		if want := digest(s.read(t, "dist/"+name)); f[1] != want {
			t.Errorf("%s: checksum %s, want %s", name, f[1], want)
		}
		systems = append(systems, strings.TrimSuffix(strings.TrimPrefix(name, "jwtctl_"+version+"_"), ".tar.gz"))
	}
	slices.Sort(systems)
	if want := []string{"darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64"}; !slices.Equal(systems, want) {
		t.Errorf("for %v, want %v\n%s", systems, want, text)
	}
	if !strings.Contains(text, `binary "jwtctl", target: "temporal-jwt"`) {
		t.Errorf("no link temporal-jwt in the cask:\n%s", text)
	}
	for _, page := range s.manPages(t) {
		if !strings.Contains(text, "manpage \"man/"+page+"\"\n") {
			t.Errorf("%s is missing from homebrew_casks in .goreleaser.yaml", page)
		}
	}
}

// reproducible: another folder and an empty build cache make the same program, and another
// folder the same files.
func (s source) reproducible(t *testing.T) {
	two := source{dir: t.TempDir(), commit: s.commit, tool: s.tool}
	two.command(t, nil, "bash", "-euc", `git clone -q "$0" .; git remote set-url origin "$(git -C "$0" remote get-url origin)"`, s.dir)
	two.goreleaser(t, []string{"GOCACHE=" + t.TempDir()}, "build", "--snapshot", "--clean", "--single-target")
	programs, err := filepath.Glob(filepath.Join(two.dir, "dist/jwtctl_*/jwtctl*"))
	if err != nil || len(programs) != 1 {
		t.Fatalf("got %v %v", programs, err)
	}
	again, err := os.ReadFile(programs[0])
	if err != nil {
		t.Fatal(err)
	}
	if once, _ := s.program(t, runtime.GOOS+"_"+runtime.GOARCH); !bytes.Equal(again, once) {
		t.Error("the program differs with an empty cache")
	}
	two.goreleaser(t, nil, "release", "--snapshot", "--clean")
	if a, b := s.read(t, "dist/checksums.txt"), two.read(t, "dist/checksums.txt"); a != b {
		t.Errorf("the files differ in another folder:\n%s\n%s", a, b)
	}
	if a, b := s.read(t, "dist/homebrew/Casks/jwtctl.rb"), two.read(t, "dist/homebrew/Casks/jwtctl.rb"); a != b {
		t.Errorf("the cask differs in another folder:\n%s\n%s", a, b)
	}
}

// source is a clean repository of the files as they are here.
type source struct{ dir, commit, tool string }

// clone commits the files that git would, including changed ones, into a repository of the
// test. No part of it depends on the machine.
func clone(t *testing.T) source {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s := source{dir: t.TempDir()}
	s.tool = strings.TrimSpace(source{dir: root}.command(t, nil, "go", "tool", "-modfile=tools/goreleaser/go.mod", "-n", "goreleaser"))
	source{dir: root}.command(t, nil, "bash", "-euo", "pipefail", "-c",
		`git ls-files -co --exclude-standard -z | while read -rd '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done | xargs -0 cp -P --parents -t "$0"`, s.dir)
	s.command(t, []string{"GIT_AUTHOR_DATE=" + commitDate, "GIT_COMMITTER_DATE=" + commitDate}, "bash", "-euc", `
		git init -q -b main; git remote add origin https://github.com/jwtctl/jwtctl.git; git add -A
		git -c user.name=test -c user.email=test@example.com commit -q -m snapshot; git tag v0.1.0`)
	s.commit = strings.TrimSpace(s.command(t, nil, "git", "rev-parse", "HEAD"))
	return s
}

func (s source) goreleaser(t *testing.T, env []string, args ...string) {
	t.Helper()
	s.command(t, append(env, "GOFLAGS=-buildvcs=true"), s.tool, args...)
}

// command runs a program in the repository and returns what it prints.
func (s source) command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, errs.String())
	}
	return string(out)
}

func (s source) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (s source) manPages(t *testing.T) []string {
	t.Helper()
	return tree(t, filepath.Join(s.dir, "docs/man"))
}

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}
