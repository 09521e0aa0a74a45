package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOwnEnvironment: what a developer or a git hook has set does not reach the programs
// that tests start.
func TestOwnEnvironment(t *testing.T) {
	hook := t.TempDir()
	ignored := File(t, filepath.Join(hook, "home", ".config", "git", "ignore"), "*.pem\n")
	File(t, filepath.Join(hook, "home", ".gitconfig"), "[commit]\n\tgpgsign = true\n")
	for name, value := range map[string]string{
		"JWTCTL_CONFIG": "/nowhere", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "JWTCTL_PEERS": "1", "TEMPORAL_ADDRESS": "x:1", "GIT_DIR": filepath.Join(hook, ".git"), "GIT_INDEX_FILE": "x",
		"HOME": filepath.Join(hook, "home"), "XDG_CONFIG_HOME": filepath.Dir(filepath.Dir(ignored)), "no_proxy": "example.com", "NO_PROXY": "",
		"GIT_CONFIG_NOSYSTEM": "", "GIT_CONFIG_GLOBAL": "", "GIT_CONFIG_COUNT": "", "GIT_CONFIG_KEY_0": "", "GIT_CONFIG_VALUE_0": "", "GIT_CONFIG_KEY_1": "", "GIT_CONFIG_VALUE_1": "", "GIT_CEILING_DIRECTORIES": "",
	} {
		t.Setenv(name, value)
		if value == "" {
			set(name, "")
		}
	}
	umask(0)
	OwnEnvironment("JWTCTL_PEERS")
	for name, want := range map[string]string{
		"JWTCTL_CONFIG": "", "LC_ALL": "C", "LANGUAGE": "", "JWTCTL_PEERS": "1", "TEMPORAL_ADDRESS": "", "no_proxy": "example.com,127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost",
	} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	dir := t.TempDir()
	File(t, filepath.Join(dir, "key.pem"), "x")
	if err := os.WriteFile(filepath.Join(dir, "open"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "open")); err != nil || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("others can write new files: %v, %v", info.Mode(), err)
	}
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@localhost"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	git("add", "key.pem")
	git("commit", "-q", "-m", "x")
	if got := git("ls-files"); got != "key.pem" {
		t.Errorf("the commit has %q", got)
	}
	if left, err := os.ReadDir(hook); err != nil || len(left) != 1 {
		t.Errorf("git has written to the repository of the hook: %v, %v", left, err)
	}
}
