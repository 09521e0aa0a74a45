package quote_test

import (
	"os/exec"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// TestShell: a shell reads back what was quoted (S9a).
func TestShell(t *testing.T) {
	for word, want := range map[string]string{"": "''", "key.pem": "key.pem", "my key.pem": "'my key.pem'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "~": "'~'"} {
		if got := quote.Shell(word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
	if got := quote.ShellPath("-o x"); got != "'./-o x'" {
		t.Errorf("got %s, want %s", got, "'./-o x'")
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOf(rapid.RuneFrom([]rune(" abc'\"\\$`!*?~#;&|<>(){}[]\n\té-="))).Draw(t, "word")
		out, err := exec.Command("sh", "-c", "printf %s "+quote.Shell(word)).Output()
		if err != nil || string(out) != word {
			t.Fatalf("%q: got %q (%v)", word, out, err)
		}
	})
}
