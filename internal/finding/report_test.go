package finding

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestGolden(t *testing.T) {
	t.Parallel()
	strict := sample()
	strict.Strict = true
	for name, r := range map[string]Report{
		"sample": sample(),
		"strict": strict,
		"empty":  {Tool: "jwtctl lint", Version: "1.2.3"},
	} {
		for _, format := range Formats() {
			if name == "strict" && format != "junit" {
				continue // unknown to the other formats
			}
			testkit.Golden(t, filepath.Join("testdata", name+"."+format+".golden"), render(t, r, format))
		}
	}
}

func TestWriteRefusesOtherFormats(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", "TEXT", "xml", "\x1b[31m"} {
		var b bytes.Buffer
		err := sample().Write(&b, format, TextOptions{})
		if fault.ClassOf(err) != fault.Usage || b.Len() > 0 {
			t.Errorf("%q: got %v and %d bytes, want a usage fault and none", format, err, b.Len())
		} else if !strings.Contains(err.Error(), "text, json, github, sarif, junit") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: got %q, want the formats and no control character", format, err)
		}
	}
}

// fullWriter accepts room bytes and then nothing more.
type fullWriter struct{ room int }

var errFull = errors.New("no space left")

func (w *fullWriter) Write(p []byte) (int, error) {
	n := min(w.room, len(p))
	w.room -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		whole := render(t, sample(), format)
		for _, room := range []int{0, 1, len(whole) - 1} {
			if err := sample().Write(&fullWriter{room}, format, TextOptions{}); !errors.Is(err, errFull) {
				t.Errorf("%s with room for %d of %d bytes: got %v", format, room, len(whole), err)
			}
		}
	}
}

func TestTextOptions(t *testing.T) {
	t.Parallel()
	r := Report{Findings: []Finding{{Severity: Warning, Rule: "r", Message: "eyJx.\x1b\n", Hint: "secret", Pos: Position{"secret", 1, 2}}}}
	for name, row := range map[string]struct {
		opts TextOptions
		want string
	}{
		"none": {TextOptions{}, "secret:1:2: warning: eyJx.\\u001b\\u000a (r)\n    hint: secret\n"},
		"painted": {
			TextOptions{Paint: func(s Severity, word string) string { return "\x1b[33m" + word + "\x1b[0m" }},
			"secret:1:2: \x1b[33mwarning\x1b[0m: eyJx.\\u001b\\u000a (r)\n    hint: secret\n",
		},
		"escaped by the caller too": {
			TextOptions{Escape: func(text string) string { return strings.ReplaceAll(text, "secret", "…") }},
			"…:1:2: warning: eyJx.\\u001b\\u000a (r)\n    hint: …\n",
		},
	} {
		var b bytes.Buffer
		if err := r.WriteText(&b, row.opts); err != nil || b.String() != row.want {
			t.Errorf("%s: got %q (%v), want %q", name, b.String(), err, row.want)
		}
	}
}
