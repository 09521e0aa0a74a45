package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEncryptNeedsAPassphrase: a key that is to be encrypted is not written if an empty
// line is typed as the passphrase.
func TestEncryptNeedsAPassphrase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain, out := filepath.Join(dir, "plain.pem"), filepath.Join(dir, "out.pem")
	f := newFake(t)
	f.run(t, 0, "keygen", "-o", plain)
	for name, args := range map[string][]string{
		"keygen":        {"keygen", "--encrypt", "-o", out},
		"keygen stdout": {"keygen", "--encrypt", "-o", "-"},
		"key":           {"key", plain, "--encrypt", "-o", out},
	} {
		for _, empty := range [][]byte{nil, {}} {
			f := newFake(t)
			f.ReadPassphrase = func(string) ([]byte, error) { return empty, nil }
			stdout := f.run(t, 2, args...)
			if stderr := f.err.String(); stdout != "" || !strings.Contains(stderr, "--passphrase: no passphrase typed") {
				t.Errorf("%s: got %q, %q", name, stdout, stderr)
			}
			if _, err := os.Stat(out); err == nil {
				t.Errorf("%s: wrote a key", name)
			}
		}
	}
}
