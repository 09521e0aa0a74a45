package lint

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/protofile"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// optionsFor returns options for fixtures of rules that need more than annotations.
func optionsFor(rule string) Options {
	switch rule {
	case "unannotated-method":
		return Options{RequireAll: true}
	case "issuer-without-key", "token-without-issuer":
		return Options{HaveKeys: true, Issuers: []string{"one", "two"}}
	}
	return Options{}
}

// TestS53_Fixtures: each rule has a folder and each folder a rule. bad.proto makes the
// rule fire; ok.proto, which is similar, has no findings. Both give the same result as
// descriptor sets without source info.
func TestS53_Fixtures(t *testing.T) {
	folders, err := os.ReadDir(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	var names, ids []string
	for _, f := range folders {
		names = append(names, f.Name())
	}
	for _, r := range Rules() {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(names, ids) {
		t.Errorf("fixtures for\n%v\nrules\n%v", names, ids)
	}
	for _, id := range ids {
		t.Run(id, func(t *testing.T) {
			fixture(t, id)
		})
	}
}

func fixture(t *testing.T, id string) {
	dir := filepath.Join(fixtures, id)
	load := func(name string) protofile.Sources {
		return protofile.Sources{ImportPaths: []string{dir}, Protos: []string{filepath.Join(dir, name)}}
	}
	bad, ok := protokit.Read(t, load("bad.proto")), protokit.Read(t, load("ok.proto"))
	found := Check(bad, optionsFor(id))
	if len(of(found, id)) == 0 {
		t.Errorf("no finding in bad.proto; got\n%s", textOf(t, found))
	}
	for _, f := range of(found, id) {
		if f.Pos.Line == 0 || f.Subject == "" {
			t.Errorf("no position or subject: %+v", f)
		}
	}
	testkit.Golden(t, filepath.Join(dir, "bad.golden"), textOf(t, found))
	fine := Check(ok, optionsFor(id))
	if errs, warnings, _ := finding.Count(fine); errs+warnings > 0 || len(of(fine, id)) > 0 {
		t.Errorf("ok.proto has\n%s", textOf(t, fine))
	}
	// Comments are part of the source info; linked descriptors have no MessageSet,
	// and descset's tests read one from a set.
	if id != "ignore-invalid" && id != "message-set" {
		bare := Check(protokit.Read(t, protokit.WithoutPositions(t, t.TempDir(), bad)), optionsFor(id))
		if got, want := messages(bare), messages(found); !slices.Equal(got, want) {
			t.Errorf("without source info:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if fine := Check(protokit.Read(t, protokit.WithoutPositions(t, t.TempDir(), ok)), optionsFor(id)); len(of(fine, id)) > 0 {
			t.Errorf("ok.proto without source info has\n%s", textOf(t, fine))
		}
	}
}

func messages(found []finding.Finding) (list []string) {
	for _, f := range found {
		list = append(list, f.Rule+" "+f.Message)
	}
	slices.Sort(list)
	return list
}

// numbers are those of the rules in annotations.md.
const numbers = `
A1 A2 A3 A4
A10 A11 A12 A13
A20 A21 A22 A23 A24 A25
A30 A31 A32 A33 A34 A35 A36 A37 A38
A40 A41 A42 A43 A44 A45 A46 A47 A48 A49
A50 A51 A52 A53
A60 A61 A62 A63 A64 A65
A70 A71 A72 A73 A74 A75
A80 A81 A82 A83 A84
A90 A91 A92 A93
A100 A101 A102
A110 A111 A112
`

// TestRules: the texts of the rules are well-formed.
func TestRules(t *testing.T) {
	known := strings.Fields(numbers)
	seen := map[string]bool{}
	least := finding.Error
	for _, r := range Rules() {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`).MatchString(r.ID) || seen[r.ID] {
			t.Errorf("id %q", r.ID)
		}
		if !strings.HasSuffix(r.Purpose, ".") || strings.Count(r.Purpose, ". ") > 0 {
			t.Errorf("%s: not a sentence: got %q, want suffix %q", r.ID, r.Purpose, ".")
		}
		if r.Severity > least {
			t.Errorf("%s: severity %s follows %s", r.ID, r.Severity, least)
		}
		for _, ref := range r.Refs {
			if !slices.Contains(known, ref) {
				t.Errorf("%s: no such rule %s", r.ID, ref)
			}
		}
		seen[r.ID], least = true, r.Severity
	}
	for _, id := range []string{"claim-cycle", "method-drops-service-policy", "parent-claim-contains-token"} { // names required by the specification
		if !seen[id] {
			t.Errorf("missing rule %s", id)
		}
	}
}

// TestExamples: the examples of the vendor's documentation have no findings, except two
// added ones that have some on purpose.
func TestExamples(t *testing.T) {
	dir := "../../testdata/proto"
	found := Check(protokit.Read(t, protofile.Sources{ImportPaths: []string{dir}, Protos: []string{dir}}), Options{})
	found = slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Severity == finding.Note })
	testkit.Golden(t, "testdata/examples.golden", textOf(t, found))
}
