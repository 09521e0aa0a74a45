package docs_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/jwtctl/jwtctl/internal/cli"
	"github.com/jwtctl/jwtctl/internal/docs"
	"github.com/jwtctl/jwtctl/internal/system"
)

var update = flag.Bool("update", false, "write the generated files")

// TestGenerated holds docs/cli.md and docs/man against the text of --help, and
// the schema of jwtctl.yaml against the keys that are read.
func TestGenerated(t *testing.T) {
	files, err := docs.Generate(cli.Root(system.System{}), cli.ExitCodes())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 5 {
		t.Fatalf("only %d files were generated", len(files))
	}
	if files["jwtctl.schema.json"], err = cli.ConfigSchema(system.System{}); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..", "docs")
	for name, want := range files {
		path := filepath.Join(root, name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what jwtctl says of itself (%v): run make generate", path, err)
		}
	}
	pages, err := filepath.Glob(filepath.Join(root, "man", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if _, made := files["man/"+filepath.Base(page)]; !made {
			t.Errorf("%s belongs to no command: remove it", page)
		}
	}
}
