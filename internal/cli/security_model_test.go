package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestSecurityModel: every test named in docs/security-model.md exists, and each line of
// security.md has one.
func TestSecurityModel(t *testing.T) {
	t.Parallel()
	doc := testkit.Read(t, "../../docs/security-model.md")
	declared, mentioned := map[string]bool{}, map[string]bool{}
	for _, root := range []string{"../../internal", "../../examples", "../../testdata/script"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".txtar") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(text, -1) {
				declared[string(m[1])] = true
			}
			for _, m := range regexp.MustCompile(`(?:\b|Test|_)(S\d+)(?:\b|_)`).FindAllSubmatch(text, -1) {
				mentioned[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(doc, -1)
	if len(named) < 50 {
		t.Errorf("the document names only %d tests", len(named))
	}
	for _, m := range named {
		if !declared[m[1]] {
			t.Errorf("no such test: %s", m[1])
		}
	}
	for i := 1; i <= 79; i++ {
		if s := fmt.Sprint("S", i); !mentioned[s] {
			t.Errorf("%s has no test", s)
		}
	}
}
