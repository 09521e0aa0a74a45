package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/cli"
	"github.com/jwtctl/jwtctl/internal/system"
)

// TestManPagesKeepEveryWord: the man pages have each command's usage, text and flags as
// --help prints them. A library makes them by way of Markdown, where stars, brackets and
// underscores mean something.
func TestManPagesKeepEveryWord(t *testing.T) {
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		page, err := manPage(cmd)
		if err != nil {
			t.Fatal(err)
		}
		shown := words(rendered(string(page)))
		want := []string{cmd.UseLine(), cmd.Long, cmd.Example}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				_, usage := pflag.UnquoteUsage(f)
				want = append(want, usage)
			}
		})
		for _, text := range want {
			if !strings.Contains(shown, words(text)) {
				t.Errorf("the man page of %s lacks\n%s", cmd.CommandPath(), text)
			}
		}
		lines := strings.Split(rendered(string(page)), "\n")
		for line := range strings.Lines(cmd.Long) {
			if strings.HasPrefix(line, "  ") && !slices.ContainsFunc(lines, func(l string) bool { return strings.TrimSpace(l) == strings.TrimSpace(line) }) {
				t.Errorf("the man page of %s does not keep the line\n%s", cmd.CommandPath(), line)
			}
		}
		if strings.Contains(string(page), "[=false]") {
			t.Errorf("the man page of %s has a flag with [=false]", cmd.CommandPath())
		}
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				each(c)
			}
		}
	}
	each(cli.Root(system.System{}))
}

func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// rendered is the text of a page, as far as these pages use roff.
func rendered(page string) string {
	page = regexp.MustCompile(`(?m)^\.\w+.*$`).ReplaceAllString(page, "")
	page = regexp.MustCompile(`\\f.`).ReplaceAllString(page, "")
	return strings.NewReplacer(`\&`, "", `\-`, "-", `\\`, `\`, `\(aq`, "'", `\(dq`, `"`, `\e`, `\`).Replace(page)
}
