// Package docs makes docs/cli.md and the man pages from the same text as
// --help, so that the three cannot differ.
package docs

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// Generate returns the generated files by their path under docs/. exitCodes is
// the text of `jwtctl help exit-codes`.
func Generate(root *cobra.Command, exitCodes string) (map[string][]byte, error) {
	files := map[string][]byte{}
	var page strings.Builder
	page.WriteString("# The command line\n\nGenerated from the text of `--help` by `make generate`.\n")
	var each func(cmd *cobra.Command) error
	each = func(cmd *cobra.Command) error {
		if cmd.Hidden || cmd.Name() == "help" {
			return nil
		}
		section(&page, cmd)
		man, err := manPage(cmd)
		if err != nil {
			return err
		}
		files["man/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = man
		for _, c := range cmd.Commands() {
			if err := each(c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := each(root); err != nil {
		return nil, err
	}
	fmt.Fprintf(&page, "\n## Exit codes\n\n```text\n%s```\n", exitCodes)
	files["cli.md"] = []byte(page.String())
	return files, nil
}

// section writes what --help says about cmd.
func section(page *strings.Builder, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	var help strings.Builder
	cmd.SetOut(&help)
	cmd.HelpFunc()(cmd, nil)
	fmt.Fprintf(page, "\n## %s\n\n```text\n%s```\n", cmd.CommandPath(), help.String())
}

// manPage renders cmd. Its date is fixed, since the text decides the page.
func manPage(cmd *cobra.Command) ([]byte, error) {
	day := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	use, text := cmd.Use, cmd.Long
	defer func() { cmd.Use, cmd.Long = use, text }()
	cmd.Use = strings.NewReplacer("[", `\[`, "]", `\]`).Replace(use) // [A] (B) would be a link of Markdown
	cmd.Long = strings.ReplaceAll(text, "\n  ", "\n      ")          // four spaces make an example
	err := doc.GenMan(cmd, &doc.GenManHeader{Title: "JWTCTL", Section: "1", Source: "jwtctl", Manual: "jwtctl manual", Date: &day}, &b)
	return bytes.ReplaceAll(b.Bytes(), []byte("[=false]"), nil), err // flags without a value
}
