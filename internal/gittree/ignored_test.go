package gittree

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestUnignored compares the results with the output of git status.
func TestUnignored(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	outside := t.TempDir()
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", top}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("init", "-q")
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(top, ".gitignore"), "*.pem\n!public.pem\n")
	write(filepath.Join(top, "sub", ".gitignore"), "here\n")
	write(filepath.Join(top, ".git", "info", "exclude"), "mine\n")
	for _, tt := range []struct {
		path string
		want bool
	}{
		{filepath.Join(top, "key.jwk"), true},
		{filepath.Join(top, "key.priv.pem"), false},
		{filepath.Join(top, "public.pem"), true},
		{filepath.Join(top, "sub", "key.priv.pem"), false},
		{filepath.Join(top, "sub", "here"), false},
		{filepath.Join(top, "sub", "mine"), false},
		{filepath.Join(top, "sub", "-q"), true},
		{filepath.Join(top, ".git", "key.jwk"), false},
		{filepath.Join(outside, "key.jwk"), false},
	} {
		write(tt.path, "")
		if got := NotIgnored(t.Context(), tt.path); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.path, got, tt.want)
		}
	}
}

// TestIgnoreLine: the line ignores the file, and no similar one.
func TestIgnoreLine(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"key.priv.pem", "#key", "!key", "a*b", "a?b", "a[b]c", `a\b`, "trailing ", " leading", "-", "käy"} {
		top := t.TempDir()
		if out, err := exec.Command("git", "-C", top, "init", "-q").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if err := os.WriteFile(filepath.Join(top, ".gitignore"), []byte(IgnoreLine(name)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if NotIgnored(t.Context(), filepath.Join(top, name)) {
			t.Errorf("%q: %q does not ignore it", name, IgnoreLine(name))
		}
		for _, other := range []string{"aXb", "abc", "key.priv.pemx", "keyX"} {
			if !NotIgnored(t.Context(), filepath.Join(top, other)) {
				t.Errorf("%q: %q ignores %q too", name, IgnoreLine(name), other)
			}
		}
	}
}

// TestUnignoredWithoutGit: without git, nothing is reported.
func TestUnignoredWithoutGit(t *testing.T) {
	top := t.TempDir()
	if err := os.Mkdir(filepath.Join(top, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	if NotIgnored(t.Context(), filepath.Join(top, "key.priv.pem")) {
		t.Error("a file is reported without git")
	}
}
