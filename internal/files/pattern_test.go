package files_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

func TestMatch(t *testing.T) {
	tests := map[string]struct {
		pattern, name string
		want          bool
	}{
		"itself":                 {"a/b.json", "a/b.json", true},
		"star":                   {"a/*.json", "a/b.json", true},
		"star matches one part":  {"a/*.json", "a/x/b.json", false},
		"two stars":              {"a/**/*.json", "a/x/y/b.json", true},
		"two stars, no folder":   {"a/**/*.json", "a/b.json", true},
		"two stars at the end":   {"a/**", "a/x/b.json", true},
		"two stars in front":     {"**/b.json", "a/x/b.json", true},
		"twice":                  {"**/**/b.json", "b.json", true},
		"shorter":                {"a/b", "a", false},
		"longer":                 {"a", "a/b", false},
		"question and class":     {"a/[a-c]?.json", "a/bx.json", true},
		"no pattern":             {"a/[", "a/[", false},
		"dot is literal":         {"a.json", "axjson", false},
		"case-sensitive":         {"A", "a", false},
		"two stars next to text": {"a/**/c", "a/b/d", false},
		"absolute":               {"/tmp/*/x", "/tmp/y/x", true},
		"absolute and relative":  {"/tmp/*", "tmp/y", false},
	}
	for name, tt := range tests {
		if files.Match(tt.pattern, tt.name) != tt.want {
			t.Errorf("%s: Match(%q, %q): got %v", name, tt.pattern, tt.name, !tt.want)
		}
	}
}

func TestSplitPattern(t *testing.T) {
	for arg, want := range map[string][2]string{
		"a/b": {"a/b", ""}, "a/*.json": {"a", "*.json"}, "*.json": {".", "*.json"}, "/*": {"/", "*"}, "/a/[b]/c": {"/a", "[b]/c"}, "a/b?/**": {"a", "b?/**"},
	} {
		if base, pattern := files.SplitPattern(arg); base != want[0] || pattern != want[1] {
			t.Errorf("%q: got %q and %q, want %q, %q", arg, base, pattern, want[0], want[1])
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a.json", "x/c.json", "x/d.txt", ".git/e.json", "x/node_modules/f.json"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := files.Find(dir, "**/*.json", fault.FileFailed)
	want := []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json"), filepath.Join(dir, "x/c.json")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := files.Find(dir, "[", fault.FileFailed); fault.CodeOf(err) != fault.FileFailed {
		t.Errorf("no pattern: got %v, want %v", err, fault.FileFailed)
	}
	if _, err := files.Find(filepath.Join(dir, "nowhere"), "*", fault.FileFailed); fault.CodeOf(err) != fault.FileFailed {
		t.Errorf("no folder: got %v, want %v", err, fault.FileFailed)
	}
}

// TestFindAllNamesWhatItPassesOver: skipped folders are reported if files in them match.
// S86.
func TestFindAllNamesWhatItPassesOver(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/b.json", "a/.x/c.json", "a/.y/c.txt", ".git/e.json", "node_modules/p/f.json", ".z/deep/er/g.json"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"a/inside": "../a", "out": t.TempDir(), "a/file.json": "b.json", "dangling": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string][]string{
		"**/*.json":   {".z", "a/.x", "a/inside", "node_modules", "out"},
		"a/*.json":    nil,
		"a/*/*.json":  {"a/.x", "a/inside"},
		"a/**/c.txt":  {"a/.y", "a/inside"},
		"*/c.json":    {"out"},
		"**":          {".z", "a/.x", "a/.y", "a/inside", "node_modules", "out"},
		"a/**/x.json": {"a/inside"},
	} {
		_, passed, err := files.FindAll(dir, pattern, fault.FileFailed)
		var got []string
		for _, p := range passed {
			name, _ := filepath.Rel(dir, p)
			got = append(got, filepath.ToSlash(name))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: skipped %q, %v, want %q", pattern, got, err, want)
		}
	}
}
