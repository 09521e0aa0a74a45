package diff

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestDocs: docs/diff.md has each kind with the text of the table, and the rearrangements
// with their verdicts.
func TestDocs(t *testing.T) {
	var kinds, rearranged strings.Builder
	kinds.WriteString("| kind | | what happened | what an attacker gains | back |\n|---|---|---|---|---|\n")
	for _, k := range Kinds() {
		fmt.Fprintf(&kinds, "| `%s` | %s | %s | %s | `%s` |\n", k.ID, k.Direction, k.Purpose(), k.Gain, k.Mirror)
	}
	rearranged.WriteString("| rearrangement | verdict | why |\n|---|---|---|\n")
	for _, r := range rearrangements() {
		fmt.Fprintf(&rearranged, "| %s | %s | %s |\n", r.name, r.verdict, r.why)
	}
	section(t, "kinds", kinds.String())
	section(t, "rearrangements", rearranged.String())
}

// section compares a part of docs/diff.md between two comments.
func section(t *testing.T, name, want string) {
	t.Helper()
	const path = "../../docs/diff.md"
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no section for the %s", path, name)
	}
	if table == want {
		return
	}
	if !testkit.Update() {
		t.Fatalf("%s: outdated %s; run go test ./internal/diff -update", path, name)
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
