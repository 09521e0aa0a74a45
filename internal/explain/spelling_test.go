package explain

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// vendorsSpelling matches an option in the vendor's spelling: (kalix.field).jwt.
var vendorsSpelling = regexp.MustCompile(`\((kalix)\.(field|message|method|service)\)\.jwt`)

// respelled returns text with the names of package jwtctl.v1, which have the same length,
// so that positions do not change.
func respelled(text string) string {
	text = strings.ReplaceAll(text, `"kalix/annotations.proto"`, `"jwtctl/v1/annotations.proto"`)
	return vendorsSpelling.ReplaceAllString(text, `(jwtctl.v1.$2)`)
}

// TestA111_SpellingsAreOne: the sample policies mean the same in both spellings: explain
// has the same bytes, and lint the same findings.
func TestA111_SpellingsAreOne(t *testing.T) {
	compared := 0
	for _, file := range []string{"bearer", "claim", "message", "nested", "service", "static_claim", "token"} {
		text, err := os.ReadFile(filepath.Join(fixtures, file+".proto"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(vendorsSpelling.ReplaceAllString(string(text), ""), "(kalix.") {
			t.Fatalf("%s.proto has an option in another form, which respelled does not change", file)
		}
		explained := func(dir, text string) (string, string) {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "x.proto")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			p := protokit.File(t, path)
			data, err := view(t, p, configured).JSON()
			if err != nil {
				t.Fatal(err)
			}
			var found strings.Builder
			for _, f := range lint.Check(p, lint.Options{}) {
				fmt.Fprintln(&found, f.Pos, f.Rule, f.Message)
			}
			return strings.ReplaceAll(string(data), dir, ""), strings.ReplaceAll(found.String(), dir, "")
		}
		tmp := t.TempDir()
		vendors, theirs := explained(filepath.Join(tmp, "a"), string(text))
		ours, found := explained(filepath.Join(tmp, "b"), respelled(string(text)))
		if ours != respelled(vendors) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, ours, respelled(vendors))
		}
		if found != respelled(theirs) {
			t.Errorf("%s: lint finds\n%s\nwant\n%s", file, found, respelled(theirs))
		}
		if strings.Contains(ours, "(kalix.") {
			t.Errorf("%s: output has the vendor's spelling", file)
		}
		compared += strings.Count(vendors, `"annotation"`)
	}
	if compared < 30 {
		t.Errorf("only %d annotations were compared", compared)
	}
}
