package release

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestInstall: make install honours PREFIX and DESTDIR, else GOBIN; it prints what it has
// installed, and temporal-jwt makes tokens for the temporal CLI.
func TestInstall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, row := range []struct {
		name       string
		setting    []string
		bin, share string
	}{
		{"PREFIX and DESTDIR", []string{"PREFIX=/opt/x", "DESTDIR=" + dir + "/a"}, "a/opt/x/bin", "a/opt/x/share"},
		{"DESTDIR", []string{"DESTDIR=" + dir + "/b"}, "b/usr/local/bin", "b/usr/local/share"},
		{"GOBIN", []string{"GOBIN=" + dir + "/c/bin"}, "c/bin", "c/share"},
		{"over the first", []string{"GOBIN=" + dir + "/c/bin"}, "c/bin", "c/share"},
		{"GOBIN with another name", []string{"GOBIN=" + dir + "/d"}, "d", "d/share"},
	} {
		said := makeTarget(t, "install", row.setting)
		bin, share := filepath.Join(dir, row.bin), filepath.Join(dir, row.share)
		for _, path := range []string{
			bin + "/jwtctl", bin + "/temporal-jwt", share + "/man/man1/jwtctl-keygen.1", share + "/bash-completion/completions/jwtctl",
			share + "/zsh/site-functions/_jwtctl", share + "/fish/vendor_completions.d/jwtctl.fish",
		} {
			if info, err := os.Stat(path); err != nil || info.Size() == 0 {
				t.Errorf("%s: %s: %v, or it is empty", row.name, path, err)
			}
			if folder := filepath.Dir(path); !bytes.Contains(said, []byte(folder)) {
				t.Errorf("%s: the output does not name %s:\n%s", row.name, folder, said)
			}
		}
		file := filepath.Join(t.TempDir(), "key.pem")
		if out, err := exec.CommandContext(t.Context(), bin+"/jwtctl", "keygen", "-q", "-o", file).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", row.name, err, out)
		}
		jwt := exec.CommandContext(t.Context(), bin+"/temporal-jwt", "token", "--system", "--key", file)
		if got, err := jwt.Output(); err != nil || !bytes.HasPrefix(got, []byte("TEMPORAL_GRPC_META_AUTHORIZATION=Bearer ey")) {
			t.Errorf("%s: temporal-jwt token --system: %v, %.40q", row.name, err, got)
		}
		if shown := bytes.Contains(said, []byte("jwtctl completion --help")); shown == slices.ContainsFunc(row.setting, func(s string) bool { return strings.HasPrefix(s, "DESTDIR=") }) {
			t.Errorf("%s: want how to load completion: %v\n%s", row.name, shown, said)
		}
		if row.name == "GOBIN" { // the next one installs over it
			continue
		}
		uninstall(t, row.name, row.setting, bin, share)
	}
}

// makeTarget makes a target with these settings, and returns its output.
func makeTarget(t *testing.T, target string, setting []string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", "-s", "-C", root, target)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PREFIX=") || strings.HasPrefix(v, "DESTDIR=") || strings.HasPrefix(v, "MAKE")
	})
	cmd.Env = append(cmd.Env, setting...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %s %s: %v\n%s", target, strings.Join(setting, " "), err, out)
	}
	return out
}

// uninstall checks that make uninstall removes every installed file and no other.
func uninstall(t *testing.T, name string, setting []string, bin, share string) {
	t.Helper()
	other := filepath.Join(bin, "other")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	makeTarget(t, "uninstall", setting)
	for _, folder := range []string{bin, share} {
		_ = filepath.WalkDir(folder, func(path string, entry os.DirEntry, _ error) error {
			if entry != nil && !entry.IsDir() && path != other {
				t.Errorf("%s: uninstall leaves %s", name, path)
			}
			return nil
		})
	}
	if err := os.Remove(other); err != nil {
		t.Errorf("%s: uninstall removes a foreign file: %v", name, err)
	}
}
