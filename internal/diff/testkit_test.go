package diff

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

const fixtures = "../../testdata/diff"

func compare(tb testing.TB, before, after *policy.Policy) []Change {
	tb.Helper()
	changes, err := Compare(before, after)
	if err != nil {
		tb.Fatal(err)
	}
	return changes
}

// of returns the changes between two texts.
func of(tb testing.TB, before, after string) []Change {
	tb.Helper()
	return compare(tb, policytest.Load(tb, before), policytest.Load(tb, after))
}

// textOf formats changes, without the folders of the files.
func textOf(tb testing.TB, changes []Change) string {
	tb.Helper()
	found := Findings(changes, func(at descset.Position) string {
		at.File = filepath.Base(at.File)
		return at.String()
	})
	for i := range found {
		found[i].Pos.File = filepath.Base(found[i].Pos.File)
	}
	var b bytes.Buffer
	if err := (finding.Report{Findings: found}).WriteText(&b, finding.TextOptions{}); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// wants fails unless these are the changes: "direction kind subject", optionally followed
// by a colon and a part of the message.
func wants(tb testing.TB, changes []Change, want ...string) {
	tb.Helper()
	ok := len(changes) == len(want)
	for i, c := range changes {
		if ok {
			head, part, _ := strings.Cut(want[i], ": ")
			ok = head == c.Direction.String()+" "+c.Kind+" "+c.Subject && strings.Contains(c.Message, part)
		}
	}
	if !ok {
		tb.Errorf("got\n%swant %q", textOf(tb, changes), want)
	}
}
