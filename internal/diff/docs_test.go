package diff

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocs: docs/diff.md has each kind as the table has it.
func TestDocs(t *testing.T) {
	const path, begin, end = "../../docs/diff.md", "<!-- kinds -->\n", "<!-- /kinds -->\n"
	var b strings.Builder
	b.WriteString("| kind | | what happened | what an attacker gains | back |\n|---|---|---|---|---|\n")
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | `%s` |\n", k.ID, k.Direction, k.Purpose(), k.Gain, k.Mirror)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the kinds", path)
	}
	if table == b.String() {
		return
	}
	if !*update {
		t.Fatalf("%s has other kinds than the code; go test ./internal/diff -update writes them", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
