package docs_test

import (
	"path/filepath"
	"testing"

	"github.com/jwtctl/jwtctl/internal/cli"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/docs"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/system"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestGenerated: docs/cli.md and docs/man are the text of --help, and the keys
// of jwtctl.yaml and their schema are those of the flags.
func TestGenerated(t *testing.T) {
	root := cli.Root(system.System{})
	files, err := docs.Generate(root, cli.ExitCodes())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 5 {
		t.Fatalf("only %d files were generated", len(files))
	}
	table := settings.TableOf(root)
	files["../internal/config/table.txt"] = []byte(table)
	if files["jwtctl.schema.json"], err = config.SchemaOf(table); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("..", "..", "docs")
	for name, want := range files {
		testkit.Golden(t, filepath.Join(folder, name), string(want))
	}
	pages, err := filepath.Glob(filepath.Join(folder, "man", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if _, made := files["man/"+filepath.Base(page)]; !made {
			t.Errorf("%s belongs to no command: remove it", page)
		}
	}
}
