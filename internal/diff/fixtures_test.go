package diff

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// TestFixtures: each kind, or its mirror, has a folder with two files that differ by it;
// each version equals itself; and the reverse is the mirror.
func TestFixtures(t *testing.T) {
	folders, err := os.ReadDir(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	kinds, shown := byID(), map[string]bool{}
	for _, folder := range folders {
		t.Run(folder.Name(), func(t *testing.T) {
			kind, known := kinds[folder.Name()]
			if !known {
				t.Fatalf("no such kind")
			}
			shown[kind.ID], shown[kind.Mirror] = true, true
			dir := filepath.Join(fixtures, kind.ID)
			before, after := protokit.File(t, filepath.Join(dir, "old.proto")), protokit.File(t, filepath.Join(dir, "new.proto"))
			there, back := compare(t, before, after), compare(t, after, before)
			if !has(there, kind.ID) || !has(back, kind.Mirror) {
				t.Errorf("want %s among the changes, and %s in reverse", kind.ID, kind.Mirror)
			}
			testkit.Golden(t, filepath.Join(dir, "diff.golden"), "# old to new\n"+textOf(t, there)+"# new to old\n"+textOf(t, back))
			// S53: sets without source info have the same changes.
			if got, want := identities(compare(t, before, protokit.Read(t, protokit.WithoutPositions(t, t.TempDir(), after)))), identities(there); !slices.Equal(got, want) {
				t.Errorf("without positions: got\n%q\nwant\n%q", got, want)
			}
			for _, same := range [][]Change{compare(t, before, before), compare(t, after, after)} {
				if len(same) > 0 {
					t.Errorf("a version differs from itself:\n%s", textOf(t, same))
				}
			}
			for _, c := range append(there, back...) {
				if at, _ := c.Pos(); at.Line == 0 || c.Subject == "" || (c.Gain == "") != (c.Direction < Unknown) {
					t.Errorf("no position, subject or gain: %+v", c)
				}
			}
		})
	}
	for id := range kinds {
		if !shown[id] && !strings.HasPrefix(id, "issuer-rule-") && !strings.HasPrefix(id, "check-") { // those of jwtctl.yaml: TestWithRules, TestWithChecks
			t.Errorf("no fixture shows %s", id)
		}
	}
}

func identities(changes []Change) (list []string) {
	for _, c := range changes {
		list = append(list, c.Direction.String()+" "+c.Message)
	}
	slices.Sort(list)
	return list
}

func has(changes []Change, kind string) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Kind == kind })
}

// TestKinds: the table is complete and well-formed.
func TestKinds(t *testing.T) {
	kinds := byID()
	if len(kinds) != len(Kinds()) {
		t.Error("duplicate kind ID")
	}
	for _, k := range Kinds() {
		mirror := kinds[k.Mirror]
		switch {
		case !regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`).MatchString(k.ID):
			t.Errorf("id %q", k.ID)
		case mirror.Mirror != k.ID:
			t.Errorf("%s: got mirror %q, whose mirror is %q", k.ID, k.Mirror, mirror.Mirror)
		case k.Direction == Weaker && mirror.Direction < Stronger, k.Direction == Stronger && mirror.Direction < Unknown, k.Direction == Neutral && mirror.Direction != Neutral:
			t.Errorf("%s is %s, but its mirror %s is %s", k.ID, k.Direction, k.Mirror, mirror.Direction)
		case (k.Gain == "") != (k.Direction < Unknown) || k.Gain != "" && (!strings.HasSuffix(k.Gain, ".") || strings.Count(k.Gain, ". ") > 0):
			t.Errorf("%s: not a sentence: %q", k.ID, k.Gain)
		case !strings.HasPrefix(k.Text, "{s}") || strings.HasSuffix(k.Text, ".") || len(k.Refs) == 0:
			t.Errorf("%s: %q, %v", k.ID, k.Text, k.Refs)
		case strings.ContainsAny(k.Purpose(), "{}:") || strings.Contains(k.Purpose(), "  "):
			t.Errorf("%s: purpose %q", k.ID, k.Purpose())
		}
	}
}
