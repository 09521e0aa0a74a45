package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// serveKeys starts a jwtctl that serves keys on a free port and returns its URL.
func (p place) serveKeys(t *testing.T, bin programs, command ...string) (string, *process) {
	t.Helper()
	urlFile := filepath.Join(t.TempDir(), "url")
	served := p.start(t, bin.jwtctl, append(command, "--listen", "127.0.0.1:0", "--url-file", urlFile)...)
	line := regexp.MustCompile(`\AStarted JWKS server\. Endpoint: (http://127\.0\.0\.1:\d+/jwks\.json)\. Ctrl\+C to exit\.\n`)
	url := served.waitFor(t, served.stdout, line)[1]
	eventually(t, "--url-file written", func() error {
		written, err := os.ReadFile(urlFile)
		if err != nil {
			return err
		}
		if got := strings.TrimSpace(string(written)); got != url {
			t.Fatalf("--url-file holds %q, the first line of output says %q", got, url)
		}
		return nil
	})
	return url, served
}

// token makes a token like a script does and returns what follows TEMPORAL_CLI_AUTH=.
func (p place) token(t *testing.T, bin programs, args ...string) authorization {
	t.Helper()
	value, ok := strings.CutPrefix(p.tokenVariable(t, bin, args...), "TEMPORAL_CLI_AUTH=")
	if !ok || !strings.HasPrefix(value, "Bearer ") {
		t.Fatalf("jwtctl token %v: output does not start with TEMPORAL_CLI_AUTH=Bearer", args)
	}
	return authorization(value)
}

// tokenVariable makes a token and returns the only line of output, NAME=VALUE.
func (p place) tokenVariable(t *testing.T, bin programs, args ...string) string {
	t.Helper()
	out := p.mustRun(t, bin.jwtctl, append([]string{"token"}, args...)...)
	line, ok := strings.CutSuffix(out, "\n")
	if !ok || strings.Contains(line, "\n") || line == "" {
		t.Fatalf("jwtctl token %v: want exactly one line, got %q", args, redact(out))
	}
	return line
}

// keygen makes a key file and returns its key id.
func (p place) keygen(t *testing.T, bin programs, file string) string {
	t.Helper()
	return strings.TrimSpace(p.mustRun(t, bin.jwtctl, "keygen", "-o", file))
}

// servedKey has the members of a served key.
type servedKey struct {
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
}

// onlyKey returns the only key that is served.
func onlyKey(t *testing.T, endpoint string) servedKey {
	t.Helper()
	resp, err := http.Get(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var set struct {
		Keys []servedKey `json:"keys"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 || set.Keys[0].ID == "" {
		t.Fatalf("%s serves %+v, want one key with a kid", endpoint, set.Keys)
	}
	return set.Keys[0]
}
