package gittree_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/gittree"
)

// repo is a repository made with the real git.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &repo{t, dir}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "protocol.file.allow=always"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) put(path, text string) {
	r.t.Helper()
	full := filepath.Join(r.dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit() string {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "x")
	return r.git("rev-parse", "HEAD")
}

// under returns the files below dir, with their texts.
func under(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestExtract extracts the wanted files unchanged, except links, and does not change the
// repository.
func TestExtract(t *testing.T) {
	t.Parallel()
	other := newRepo(t)
	other.put("s.proto", "sub")
	other.commit()

	r := newRepo(t)
	want := map[string]string{"a.proto": "one", "api/b c.proto": "two\n", "api/d\te\"é.proto": "", "api/x/y.proto": strings.Repeat("z", 300_000)}
	for path, text := range want {
		r.put(path, text)
	}
	want["sub.proto/s.proto"] = "sub"
	r.put("notes.txt", "not wanted")
	r.put(".gitattributes", "a.proto export-ignore\n*.proto text eol=crlf\n")
	if err := os.Symlink("/etc/passwd", filepath.Join(r.dir, "link.proto")); err != nil {
		t.Fatal(err)
	}
	r.git("submodule", "add", "-q", other.dir, "sub.proto")
	first := r.commit()
	r.put("a.proto", "changed")
	r.git("rm", "-q", "api/b c.proto")
	r.commit()
	r.put("a.proto", "not committed")
	before := r.git("status", "--porcelain")

	for name, rev := range map[string]string{"hash": first, "relative": "HEAD~1", "branch": "main^"} {
		t.Run(name, func(t *testing.T) {
			tree, err := gittree.Open(context.Background(), filepath.Join(r.dir, "api", "x"), rev)
			if err != nil {
				t.Fatal(err)
			}
			if tree.Top != r.dir || tree.Prefix != "api/x/" || tree.Up() != filepath.FromSlash("../..") {
				t.Errorf("got top %q, prefix %q, up %q", tree.Top, tree.Prefix, tree.Up())
			}
			into := t.TempDir()
			n, err := tree.Extract(context.Background(), into, func(path string) bool { return strings.HasSuffix(path, ".proto") })
			got := under(t, into)
			if err != nil || n != len(want) || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%d files, %v: %.200v", n, err, got)
			}
		})
	}
	tree, err := gittree.Open(context.Background(), r.dir, "HEAD")
	if err != nil || tree.Up() != "." {
		t.Fatal(err, tree)
	}
	if n, err := tree.Extract(context.Background(), t.TempDir(), func(string) bool { return false }); n != 0 || err != nil {
		t.Errorf("no files wanted: got %d, %v", n, err)
	}
	if after := r.git("status", "--porcelain"); after != before {
		t.Errorf("the repository changed: %q, was %q", after, before)
	}
}

// TestExtract_Bounds: more than any reasonable input is refused before anything is
// written.
func TestExtract_Bounds(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	var in strings.Builder
	in.WriteString("commit refs/heads/main\ncommitter t <t@localhost> 0 +0000\ndata 1\nx\n")
	for i := range 20_001 {
		fmt.Fprintf(&in, "M 100644 inline f%d.proto\ndata 1\nx\n", i)
	}
	cmd := exec.Command("git", "-C", r.dir, "fast-import", "--quiet")
	cmd.Stdin = strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tree, err := gittree.Open(context.Background(), r.dir, "main")
	if err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	if _, err := tree.Extract(context.Background(), into, func(string) bool { return true }); !fault.Has(err, fault.FileTooLarge) {
		t.Errorf("got %v", err)
	}
	if left := under(t, into); len(left) > 0 {
		t.Errorf("%d files were written", len(left))
	}
}

// TestOpen_Refusals: each input that is not a revision of a repository has its own error.
func TestOpen_Refusals(t *testing.T) {
	r := newRepo(t)
	r.put("a.proto", "x")
	r.commit()
	blob := r.git("rev-parse", "HEAD:a.proto")
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(r.dir))
	for name, c := range map[string]struct{ dir, rev, why string }{
		"no repository": {t.TempDir(), "HEAD", "not a git repository"},
		"no folder":     {filepath.Join(r.dir, "none"), "HEAD", "No such file or directory"},
		"no revision":   {r.dir, "nowhere", "the repository has no such revision"},
		"empty":         {r.dir, "", "not a revision"},
		"option":        {r.dir, "--exec=touch x", "not a revision"},
		"file":          {r.dir, blob, "the repository has no such revision"},
	} {
		if _, err := gittree.Open(context.Background(), c.dir, c.rev); !fault.Has(err, fault.FileFailed) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.why)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := gittree.Open(ctx, r.dir, "HEAD"); !fault.Has(err, fault.Interrupted) {
		t.Errorf("interrupted: got %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := gittree.Open(context.Background(), r.dir, "HEAD"); !fault.Has(err, fault.FileFailed) || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("no git: got %v, want %q in it", err, "not installed")
	}
}

// TestExtractReadsSubmodules at the commit that the revision names: also one whose work
// tree is elsewhere or gone, and within another; one that git does not have is named.
func TestExtractReadsSubmodules(t *testing.T) {
	t.Parallel()
	inner, outer, r := newRepo(t), newRepo(t), newRepo(t)
	inner.put("inner.proto", "inner, old")
	inner.commit()
	outer.put("outer.proto", "outer, old")
	outer.git("submodule", "add", "-q", inner.dir, "in")
	outer.commit()
	r.put("own.proto", "own")
	r.git("submodule", "add", "-q", "--name", "lib", outer.dir, "third/party")
	r.git("submodule", "update", "-q", "--init", "--recursive")
	old := r.commit()
	outer.put("outer.proto", "outer, new")
	outer.commit()
	module := repo{t, filepath.Join(r.dir, "third/party")}
	module.git("fetch", "-q")
	module.git("checkout", "-q", "origin/main")
	now := r.commit()
	check := func(rev, outerText string, absent ...string) {
		t.Helper()
		tree, err := gittree.Open(t.Context(), r.dir, rev)
		if err != nil {
			t.Fatal(err)
		}
		into := t.TempDir()
		n, err := tree.Extract(t.Context(), into, func(path string) bool { return strings.HasSuffix(path, ".proto") })
		want := map[string]string{"own.proto": "own"}
		if outerText != "" {
			want["third/party/outer.proto"], want["third/party/in/inner.proto"] = outerText, "inner, old"
		}
		if got := under(t, into); err != nil || n != len(want) || fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(tree.MissingModules) != fmt.Sprint(absent) {
			t.Errorf("%s: %d files, %v, absent %v: %v", rev, n, err, tree.MissingModules, got)
		}
	}
	check(old, "outer, old")
	check(now, "outer, new")
	if err := os.RemoveAll(filepath.Join(r.dir, "third")); err != nil { // git's own data is enough
		t.Fatal(err)
	}
	check(old, "outer, old")
	if err := os.RemoveAll(filepath.Join(r.dir, ".git/modules")); err != nil {
		t.Fatal(err)
	}
	check(old, "", "third/party")
}
