package console

import (
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"pgregory.net/rapid"
)

// TestWrap: lines break only between words, and only on a terminal.
func TestWrap(t *testing.T) {
	t.Parallel()
	const words = "one two three four five six seven eight nine ten"
	rows := map[string]struct {
		text    string
		columns int
		end     string
		want    string
	}{
		"pipe":                  {words, 0, "", words},
		"narrow terminal":       {words, 20, "", words},
		"wide enough":           {words, 80, "", words},
		"exactly":               {words, len(words), "", words},
		"one column too narrow": {words, len(words) - 1, "", "one two three four five six seven eight nine\n  ten"},
		"indented":              {"  " + words + "\n", 40, "", "  one two three four five six seven\n    eight nine ten\n"},
		"several lines":         {"a\n" + words + "\n\n" + words, 42, "", "a\none two three four five six seven eight\n  nine ten\n\none two three four five six seven eight\n  nine ten"},
		"long word":             {"a " + strings.Repeat("x", 50) + " b", 40, "", "a\n  " + strings.Repeat("x", 50) + "\n  b"},
		"command":               {"  " + words, 40, ` \`, "  one two three four five six seven \\\n    eight nine ten"},
		"colours":               {"\x1b[31mone\x1b[0m two three four five six seven eight nine", 44, "", "\x1b[31mone\x1b[0m two three four five six seven eight nine"},
		"wide characters":       {strings.Repeat("鍵", 19) + " " + strings.Repeat("鍵", 2), 40, "", strings.Repeat("鍵", 19) + "\n  " + strings.Repeat("鍵", 2)},
	}
	for name, row := range rows {
		if got := wrap(row.text, row.columns, row.end); got != row.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, row.want)
		}
	}
}

// TestWrapKeepsWords: no word is lost or broken, and no line is too long unless it is a
// single word.
func TestWrapKeepsWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-c鍵\- \n]{0,300}`).Draw(t, "text")
		columns := rapid.IntRange(minColumns, 90).Draw(t, "columns")
		got := wrap(text, columns, "")
		if a, b := strings.Fields(got), strings.Fields(text); strings.Join(a, " ") != strings.Join(b, " ") {
			t.Fatalf("got %q from %q", got, text)
		}
		for line := range strings.Lines(got) {
			if lipgloss.Width(strings.TrimRight(line, " \n")) > columns && len(strings.Fields(line)) > 1 {
				t.Fatalf("%q is too long", line)
			}
		}
	})
}

// TestFill: paragraphs are reflowed, examples stay, and nothing is wider than 80 cells.
func TestFill(t *testing.T) {
	t.Parallel()
	const paragraph = "one two three four five six\nseven eight nine ten eleven twelve"
	for name, row := range map[string]struct {
		text    string
		columns int
		want    string
	}{
		"pipe":            {paragraph, 0, "one two three four five six seven eight nine ten eleven twelve"},
		"narrow terminal": {paragraph, 40, "one two three four five six seven eight\nnine ten eleven twelve"},
		"wide terminal":   {paragraph + " " + paragraph, 200, "one two three four five six seven eight nine ten eleven twelve one two three\nfour five six seven eight nine ten eleven twelve"},
		"two paragraphs":  {"one\ntwo\n\nthree\nfour\n", 80, "one two\n\nthree four"},
		"example":         {"one\ntwo\n  three\n  four\nfive\nsix", 80, "one two\n  three\n  four\nfive six"},
		"long word":       {"a " + strings.Repeat("x", 50) + " b", 40, "a\n" + strings.Repeat("x", 50) + "\nb"},
	} {
		if got := Fill(row.text, row.columns); got != row.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, row.want)
		}
	}
}
