package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestComingFrom runs the lines of docs/coming-from.md for jwtctl, and for the other
// programs that are installed, on the same files.
func TestComingFrom(t *testing.T) {
	text, err := os.ReadFile("../../docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(bin, "jwtctl")); err != nil { // see TestMain
		t.Fatal(err)
	}
	run := func(line string) (string, error) {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(`jwtctl keygen -q; jwtctl key --public --format pem -o key.pub.pem; jwtctl key --format jwk -o key.jwk
		jwtctl jwks -o set.json; printf 'a secret of at least 32 bytes, in text\n' >secret.txt
		printf '{"iss":"me","aud":"shop","sub":"alice"}' >claims.json; jwtctl token --plain --claims claims.json | tr -d '\n' >token.jwt
		openssl req -x509 -key key.priv.pem -subj /CN=x -days 3650 -out cert.pem`); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	runRows(t, string(text), run)
	for _, b := range blocksOf(string(text)) {
		out, err := run(b.text)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		out = lines[len(lines)-1] // after the warning that the first is not verified
		if err != nil || !strings.HasPrefix(out, "eyJ") {
			t.Errorf("%s: %v\n%s", b.text, err, out)
		}
		if claims, err := run("jwtctl inspect -q --key key.priv.pem --format claims " + strings.TrimSpace(out)); err != nil || !strings.Contains(claims, `"sub": "bob"`) {
			t.Errorf("%v: got %s", err, claims)
		}
	}
}

// runRows runs the lines in the rows of the guide's tables, for jwtctl and the other
// programs that are installed.
func runRows(t *testing.T, text string, run func(line string) (string, error)) {
	t.Helper()
	code := regexp.MustCompile("`([^`]+)`")
	ran := map[string]int{}
	hasStep := withPeers()
	if !hasStep {
		t.Log("skipped the lines of step; make peers runs them")
	}
	for row := range strings.Lines(text) {
		cells := strings.Split(strings.ReplaceAll(row, `\|`, "\x00"), "|")
		if len(cells) != 4 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") || !strings.Contains(cells[2], "`jwtctl ") {
			continue
		}
		for _, cell := range cells[1:3] {
			line := strings.ReplaceAll(code.FindStringSubmatch(cell)[1], "\x00", "|")
			name := strings.Fields(line)[0]
			if name == "step" && !hasStep || !slices.Contains([]string{"jwtctl", "jose", "openssl", "step"}, name) {
				continue // not in Debian, or needs the network
			}
			ran[name]++
			if out, err := run(line); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
	if hasStep && ran["step"] < 7 || ran["jwtctl"] < 20 || ran["jose"] < 5 || ran["openssl"] < 6 {
		t.Errorf("lines run: %v", ran)
	}
}
