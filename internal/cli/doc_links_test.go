package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestDocLinks: every link from a document into the repository leads to an existing file
// and heading.
func TestDocLinks(t *testing.T) {
	t.Parallel()
	var docs []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../examples/*/*.md", "../../testdata/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, found...)
	}
	links := 0
	for _, doc := range docs {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(testkit.Read(t, doc), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			links++
			file, heading, _ := strings.Cut(m[1], "#")
			target := filepath.Join(filepath.Dir(doc), file)
			if file == "" {
				target = doc
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to missing file %s", doc, m[1])
			} else if heading != "" && !hasHeading(testkit.Read(t, target), heading) {
				t.Errorf("%s: link to missing heading %s", doc, m[1])
			}
		}
	}
	if len(docs) < 10 || links < 30 {
		t.Errorf("only %d links in %d documents", links, len(docs))
	}
}

// hasHeading reports whether text has a heading with this anchor on GitHub.
func hasHeading(text, anchor string) bool {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		slug := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		if strings.ReplaceAll(slug, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestGuidesAreFoundAndNameTheirReaders: another document links to each page of docs, and
// its first words name its readers. Generated pages and the changelog need no such words.
func TestGuidesAreFoundAndNameTheirReaders(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 15 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	for _, page := range pages {
		name := filepath.Base(page)
		linked := strings.Contains(testkit.Read(t, "../../README.md"), "(docs/"+name+")")
		for _, other := range pages {
			linked = linked || other != page && strings.Contains(testkit.Read(t, other), "]("+name)
		}
		if !linked {
			t.Errorf("no document links to docs/%s", name)
		}
		_, text, _ := strings.Cut(testkit.Read(t, page), "\n\n")
		if name != "cli.md" && name != "CHANGELOG.md" && !strings.HasPrefix(text, "For ") {
			t.Errorf("docs/%s begins with %.40q, want its readers", name, text)
		}
	}
}
